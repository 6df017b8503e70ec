#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "connectors/files/byte_stream.h"
#include "data/batch.h"

namespace systole {

/// A file of a source as it was when the job began. Its number is its place in the list, for the whole life of the job.
struct source_file {
  std::string path;
  uint64_t bytes = 0;       ///< of the file itself, packed or not
  uint64_t head_xxh3 = 0;   ///< XXH3-64 of its first bytes (at most file_head_bytes): tells a replaced file
  file_packing packing = file_packing::plain;
};
inline constexpr size_t file_head_bytes = 4096;

/// A part of a file that one reader reads: the records that begin in [begin, end).
struct file_chunk {
  uint32_t file = 0;
  uint64_t begin = 0;
  uint64_t end = 0;                              ///< UINT64_MAX: to the end of a packed file
  uint64_t position = 0;                         ///< where the next record begins; `begin` (not yet aligned) at first
  bool started = false;
  bool done = false;
  uint64_t records = 0;                          ///< read so far; the watermark advances every 1,024 of them
  timestamp_us newest = watermark_none;          ///< event time among the records read
  timestamp_us announced = watermark_none;       ///< `newest` when the watermark last advanced
};

/// All files of a source with the chunks they are cut in.
struct file_split_list {
  std::vector<source_file> files;
  std::vector<file_chunk> chunks;  ///< by file, then by offset
};

/// The paths of files that match the pattern, by name; may be none.
result<std::vector<std::string>> list_matching_files(const std::string& pattern);
/// Lists the files that match the pattern, by name; `not_found`, naming the pattern, where there are none.
/// `splittable`: plain files beyond limits::split_chunk_bytes are cut in chunks of that size.
result<file_split_list> discover_files(file_system& files, const std::string& pattern, bool splittable);

/// Checks that each file which is still to be read is as it was: `incompatible`, naming it, where it became shorter or
/// another one.
result<void> check_unchanged(file_system& files, const file_split_list& list);

/// The snapshot of one reader: all files and its own chunks (docs/format/source_position.md).
std::string encode_splits(const std::vector<source_file>& files, const std::vector<file_chunk>& chunks);
/// Puts the snapshots of all readers together. `corrupt` or `incompatible` where they do not fit.
result<file_split_list> merge_splits(const std::vector<std::string>& snapshots);

/// The chunks of one reader: chunk i goes to reader i mod parallelism.
std::vector<file_chunk> deal_chunks(const file_split_list& list, uint32_t subtask, uint32_t parallelism);

}  // namespace systole
