#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "actors/exchange.h"
#include "base/result.h"
#include "coordination/frame_admission.h"

namespace systole {

/// Version of the layout of frames between processes (docs/format/frame.md, golden file).
inline constexpr uint8_t frame_wire_version = 2;

/// A frame as one byte string: header, checksum, and for rows a batch in its wire layout. The texts of the rows are
/// copied into it.
std::string encode_frame(const job_id& job, const attempt_stamp& stamp, const frame& what);

/// Reads the header alone, to decide whether the frame is wanted; `corrupt` where the bytes are not a whole frame. The
/// checksum is not looked at.
result<frame_header> decode_frame_header(std::string_view bytes);

/// Reads a frame whose header was read; the rows' texts point into `bytes`, which the batch keeps. `corrupt` where
/// the checksum does not fit.
result<frame_ptr> decode_frame(std::shared_ptr<const std::string> bytes);

}  // namespace systole
