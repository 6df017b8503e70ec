#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace systole {

/// The first file of a RocksDB base in a checkpoint: the names that the other files, in their order, had in RocksDB's folder
/// (docs/format/checkpoint.md).
std::string encode_base_manifest(const std::vector<std::string>& names);
/// `corrupt` or `incompatible`, naming `path`.
result<std::vector<std::string>> decode_base_manifest(std::string_view bytes, const std::string& path);
bool is_base_manifest(std::string_view first_bytes);
inline constexpr uint64_t base_manifest_limit_bytes = 16 << 20;

}  // namespace systole
