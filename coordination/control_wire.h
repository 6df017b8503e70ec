#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "coordination/control_messages.h"

namespace systole {

/// Control messages as bytes (proto/control.proto).
std::string encode(const worker_message& message);
std::string encode(const coordinator_message& message);

/// `corrupt` where the bytes are no such message or hold values that this version does not know: a newer peer's message
/// is refused, never guessed.
result<worker_message> decode_worker_message(std::string_view bytes);
result<coordinator_message> decode_coordinator_message(std::string_view bytes);

}  // namespace systole
