#include "connectors/files/file_splits.h"

#include <glob.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/bytes.h"
#include "base/limits.h"

namespace systole {
namespace {

constexpr uint32_t snapshot_magic = 0x31534653;  // "SFS1"
constexpr size_t most_files = 1'000'000;

}  // namespace

result<std::vector<std::string>> list_matching_files(const std::string& pattern) {
  glob_t found{};
  const int status = ::glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<std::string> paths;
  if (status == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) {
      struct stat about {};
      if (::stat(found.gl_pathv[i], &about) == 0 && !S_ISDIR(about.st_mode)) paths.emplace_back(found.gl_pathv[i]);
    }
  }
  ::globfree(&found);
  if (status != 0 && status != GLOB_NOMATCH) return fail(error_code::io, "cannot list files that match " + pattern);
  if (paths.size() > most_files) return fail(error_code::limit_exceeded, "more than 1,000,000 files match " + pattern);
  std::sort(paths.begin(), paths.end());
  return paths;
}

namespace {

result<source_file> describe(file_system& files, const std::string& path) {
  source_file made{.path = path};
  SYSTOLE_ASSIGN(const auto file, files.open(path));
  SYSTOLE_ASSIGN(made.bytes, file->size());
  SYSTOLE_ASSIGN(made.packing, packing_of(*file));
  std::string head(file_head_bytes, '\0');
  SYSTOLE_ASSIGN(const size_t got, file->read(0, head.size(), head.data()));
  made.head_xxh3 = XXH3_64bits(head.data(), got);
  return made;
}

}  // namespace

result<file_split_list> discover_files(file_system& files, const std::string& pattern, bool splittable) {
  file_split_list list;
  SYSTOLE_ASSIGN(const auto paths, list_matching_files(pattern));
  if (paths.empty()) {
    std::error_code unknown;
    const std::string here = pattern.starts_with('/') ? "" : " in " + std::filesystem::current_path(unknown).string();
    return fail(error_code::invalid_argument, "no file matches " + pattern + here + ": check the source's path");
  }
  for (const std::string& path : paths) {
    SYSTOLE_ASSIGN(source_file file, describe(files, path));
    const auto number = static_cast<uint32_t>(list.files.size());
    if (file.packing != file_packing::plain) {
      list.chunks.push_back({.file = number, .end = UINT64_MAX});
    } else if (!splittable || file.bytes <= limits::split_chunk_bytes) {
      list.chunks.push_back({.file = number, .end = file.bytes});
    } else {
      for (uint64_t at = 0; at < file.bytes; at += limits::split_chunk_bytes)
        list.chunks.push_back({.file = number,
                               .begin = at,
                               .end = std::min<uint64_t>(file.bytes, at + limits::split_chunk_bytes),
                               .position = at});
    }
    list.files.push_back(std::move(file));
  }
  return list;
}

result<void> check_unchanged(file_system& files, const file_split_list& list) {
  std::vector<bool> needed(list.files.size(), false);
  for (const file_chunk& chunk : list.chunks) needed[chunk.file] = needed[chunk.file] || !chunk.done;
  for (size_t i = 0; i < list.files.size(); ++i) {
    if (!needed[i]) continue;
    const source_file& then = list.files[i];
    SYSTOLE_ASSIGN(const auto file, files.open(then.path));
    SYSTOLE_ASSIGN(const uint64_t bytes, file->size());
    if (bytes < then.bytes)
      return fail(error_code::incompatible, "the file became shorter since the checkpoint: " + then.path + ", " +
                                                std::to_string(bytes) + " bytes, then " + std::to_string(then.bytes));
    std::string head(std::min<uint64_t>(file_head_bytes, then.bytes), '\0');
    SYSTOLE_ASSIGN(const size_t got, file->read(0, head.size(), head.data()));
    if (XXH3_64bits(head.data(), got) != then.head_xxh3)
      return fail(error_code::incompatible, "the file changed since the checkpoint: " + then.path);
  }
  return {};
}

std::string encode_splits(const std::vector<source_file>& files, const std::vector<file_chunk>& chunks) {
  std::string out;
  append_fixed(out, snapshot_magic);
  append_varint(out, files.size());
  for (const source_file& file : files) {
    append_bytes(out, file.path);
    append_varint(out, file.bytes);
    append_fixed(out, file.head_xxh3);
    append_fixed(out, static_cast<uint8_t>(file.packing));
  }
  append_varint(out, chunks.size());
  for (const file_chunk& chunk : chunks) {
    append_varint(out, chunk.file);
    append_varint(out, chunk.begin);
    append_varint(out, chunk.end);
    append_varint(out, chunk.position);
    append_fixed(out, static_cast<uint8_t>((chunk.started ? 1 : 0) | (chunk.done ? 2 : 0)));
    append_varint(out, chunk.records);
    append_fixed(out, chunk.newest);
    append_fixed(out, chunk.announced);
  }
  append_fixed(out, static_cast<uint64_t>(XXH3_64bits(out.data(), out.size())));
  return out;
}

namespace {

result<file_split_list> decode_splits(std::string_view bytes) {
  const failure broken = fail(error_code::corrupt, "a file source's positions cannot be read");
  if (bytes.size() < 12) return broken;
  const std::string_view body = bytes.substr(0, bytes.size() - 8);
  if (byte_reader(bytes.substr(body.size())).fixed<uint64_t>() != XXH3_64bits(body.data(), body.size())) return broken;
  byte_reader in(body);
  if (in.fixed<uint32_t>() != snapshot_magic)
    return fail(error_code::incompatible, "a file source's positions are of another version");
  file_split_list list;
  for (uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    source_file file;
    file.path = std::string(in.bytes());
    file.bytes = in.varint();
    file.head_xxh3 = in.fixed<uint64_t>();
    file.packing = static_cast<file_packing>(in.fixed<uint8_t>());
    list.files.push_back(std::move(file));
  }
  for (uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    file_chunk chunk;
    chunk.file = static_cast<uint32_t>(in.varint());
    chunk.begin = in.varint();
    chunk.end = in.varint();
    chunk.position = in.varint();
    const auto flags = in.fixed<uint8_t>();
    chunk.started = flags & 1;
    chunk.done = flags & 2;
    chunk.records = in.varint();
    chunk.newest = in.fixed<timestamp_us>();
    chunk.announced = in.fixed<timestamp_us>();
    if (chunk.file >= list.files.size()) return broken;
    list.chunks.push_back(chunk);
  }
  if (!in.ok() || !in.at_end()) return broken;
  return list;
}

}  // namespace

result<file_split_list> merge_splits(const std::vector<std::string>& snapshots) {
  file_split_list merged;
  std::map<std::pair<uint32_t, uint64_t>, file_chunk> chunks;
  for (const std::string& snapshot : snapshots) {
    SYSTOLE_ASSIGN(file_split_list each, decode_splits(snapshot));
    if (merged.files.empty()) merged.files = std::move(each.files);
    else if (each.files.size() != merged.files.size())
      return fail(error_code::corrupt, "the readers of a file source disagree about its files");
    for (const file_chunk& chunk : each.chunks)
      if (!chunks.emplace(std::pair(chunk.file, chunk.begin), chunk).second)
        return fail(error_code::corrupt, "two readers of a file source have the same chunk");
  }
  for (const auto& [at, chunk] : chunks) merged.chunks.push_back(chunk);
  return merged;
}

std::vector<file_chunk> deal_chunks(const file_split_list& list, uint32_t subtask, uint32_t parallelism) {
  std::vector<file_chunk> own;
  timestamp_us before = watermark_none;
  for (size_t i = 0; i < list.chunks.size(); ++i) {
    // Records earlier in the file bound what may still come, whoever read them.
    if (i == 0 || list.chunks[i].file != list.chunks[i - 1].file) before = watermark_none;
    before = std::max(before, list.chunks[i].announced);
    if (i % parallelism != subtask) continue;
    own.push_back(list.chunks[i]);
    own.back().announced = before;
  }
  return own;
}

}  // namespace systole
