#include "connectors/rewound_part.h"

#include <algorithm>

#include "base/limits.h"
#include "connectors/running_hash.h"

namespace systole {
namespace {

constexpr std::string_view aside_part_prefix = "_aside-part-";

/// Calls visit(block) for the first `bytes` bytes; false where the file has fewer.
template <class Visit>
result<bool> read_prefix(const readable_file& file, uint64_t bytes, Visit&& visit) {
  std::string block;
  for (uint64_t at = 0; at < bytes;) {
    block.resize(std::min<uint64_t>(limits::read_chunk_bytes, bytes - at));
    SYSTOLE_ASSIGN(const size_t got, file.read(at, block.size(), block.data()));
    if (got == 0) return false;
    SYSTOLE_TRY(visit(std::string_view(block.data(), got)));
    at += got;
  }
  return true;
}

}  // namespace

result<void> bring_back_staged(file_system& files, const std::string& folder, const std::string& staged_path,
                               const file_part& part) {
  SYSTOLE_ASSIGN(const std::vector<std::string> names, files.list(folder));
  for (const std::string& name : names) {
    if (!name.starts_with(aside_part_prefix)) continue;
    SYSTOLE_ASSIGN(const auto file, files.open(folder + "/" + name));
    running_hash hash;
    SYSTOLE_ASSIGN(const bool long_enough, read_prefix(*file, part.bytes, [&](std::string_view block) -> result<void> {
                     hash.add(block);
                     return {};
                   }));
    if (!long_enough || hash.value() != part.xxh3) continue;
    SYSTOLE_ASSIGN(const auto copy, files.create(staged_path));
    SYSTOLE_ASSIGN([[maybe_unused]] const bool copied,
                   read_prefix(*file, part.bytes, [&](std::string_view block) { return copy->append(block); }));
    SYSTOLE_TRY(copy->sync());
    SYSTOLE_TRY(copy->close());
    return files.sync_directory(staged_path.substr(0, staged_path.rfind('/')));
  }
  return fail(
      error_code::not_found,
      "a staged file of the checkpoint is gone, and nothing that was moved aside begins with it: " + staged_path);
}

}  // namespace systole
