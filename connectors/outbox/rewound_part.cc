#include "connectors/outbox/rewound_part.h"

#include <algorithm>

#include "base/limits.h"
#include "connectors/outbox/running_hash.h"

namespace systole {
namespace {

constexpr std::string_view aside_part_prefix = "_aside-part-";

}  // namespace

result<bool> read_range(const readable_file& file, uint64_t from, uint64_t bytes,
                        const std::function<result<void>(std::string_view)>& take) {
  std::string block;
  for (uint64_t at = 0; at < bytes;) {
    block.resize(std::min<uint64_t>(limits::read_chunk_bytes, bytes - at));
    SYSTOLE_ASSIGN(const size_t got, file.read(from + at, block.size(), block.data()));
    if (got == 0) return false;
    SYSTOLE_TRY(take(std::string_view(block.data(), got)));
    at += got;
  }
  return true;
}

result<std::unique_ptr<readable_file>> find_rewound(file_system& files, const std::string& folder,
                                                    const std::string& staged_path, const file_part& part) {
  SYSTOLE_ASSIGN(const std::vector<std::string> names, files.list(folder));
  for (const std::string& name : names) {
    if (!name.starts_with(aside_part_prefix)) continue;
    SYSTOLE_ASSIGN(auto file, files.open(folder + "/" + name));
    running_hash hash;
    SYSTOLE_ASSIGN(const bool long_enough, read_range(*file, 0, part.bytes, [&](std::string_view block) -> result<void> {
                     hash.add(block);
                     return {};
                   }));
    if (long_enough && hash.value() == part.xxh3) return file;
  }
  return fail(
      error_code::not_found,
      "a staged file of the checkpoint is gone, and nothing that was moved aside begins with it: " + staged_path);
}

}  // namespace systole
