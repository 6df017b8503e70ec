#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "s3/client.h"

namespace systole {

/// Gives `into.size()` bytes at an offset.
using piece_reader = std::function<result<void>(uint64_t offset, std::string& into)>;

/// Puts an object of any length: in one request up to limits::s3_part_bytes, else as an upload in parts, of which one
/// is in memory, and which is aborted when a part fails. There is all of the object or none.
result<void> put_object(s3_client& client, const std::string& key, uint64_t bytes, const piece_reader& read);

/// Reads an object piece by piece, in order. `corrupt` where it has not `bytes` bytes.
result<void> get_object(s3_client& client, const std::string& key, uint64_t bytes,
                        const std::function<result<void>(std::string_view piece)>& visit);

}  // namespace systole
