#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "data/batch.h"

namespace systole {

/// Version of the wire layout below (docs/format/wire.md, golden file).
inline constexpr uint32_t wire_version = 1;

/// Appends a batch as one self-contained byte string: types, buffers, text bytes. Used between processes and in
/// outboxes.
void append_batch(std::string& out, const batch& rows);
/// Reads one batch and advances `bytes`; checks every length before it allocates. The batch's text points into `owner`
/// when it is given (it must hold `bytes`), else it is copied.
result<batch> read_batch(std::string_view& bytes, buffer_ptr owner = nullptr);

}  // namespace systole
