#pragma once

#include <google/protobuf/message_lite.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace systole {

/// A Protobuf message in a file of its own: [8 bytes magic][4 bytes length][8 bytes XXH3-64 of magic, length and
/// message][message], little-endian (docs/format/checkpoint.md). Serialised deterministically.
std::string encode_checksummed(std::string_view magic, const google::protobuf::MessageLite& message);
/// `corrupt`, naming `path`, where anything does not match.
result<void> decode_checksummed(std::string_view bytes, std::string_view magic, const std::string& path,
                                google::protobuf::MessageLite& message);
/// XXH3-64 of the whole file; what the next log record and file references hold.
uint64_t message_checksum(std::string_view bytes);

}  // namespace systole
