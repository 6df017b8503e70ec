#include "connectors/files/table_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/bytes.h"
#include "connectors/outbox/file_origin.h"
#include "connectors/outbox/rewound_part.h"
#include "connectors/outbox/running_hash.h"

namespace systole {
namespace {

constexpr uint8_t log_version = 2, version_of_one_file = 1;
constexpr std::string_view suffix = ".log", one_file = "rows.log";
constexpr size_t most_parts = 16;

/// Where a file begins in the whole log, from its name.
std::optional<uint64_t> start_of(std::string_view name) {
  if (name == one_file) return 0;
  if (!origin_of(name) || !name.ends_with(suffix)) return std::nullopt;
  name.remove_suffix(suffix.size());
  const size_t at = name.rfind('-') + 1;
  uint64_t start = 0;
  const auto [end, error] = std::from_chars(name.data() + at, name.data() + name.size(), start);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return start;
}

failure damaged(const std::string& path) { return fail(error_code::corrupt, "a table file's log is damaged: " + path); }

/// Reads a part's bytes. Nothing where the file is not there or too short.
result<std::optional<uint64_t>> hash_of(const table_log_place& place, const log_part& part, const table_publication::put_block& put) {
  const auto file = place.files->open(place.path_of(part.name));
  if (!file && file.error().code == error_code::not_found) return std::optional<uint64_t>();
  if (!file) return file.error();
  running_hash hash;
  SYSTOLE_ASSIGN(const bool whole, read_range(**file, part.from, part.bytes, [&](std::string_view block) -> result<void> {
                   hash.add(block);
                   return put(block);
                 }));
  return whole ? std::optional<uint64_t>(hash.value()) : std::nullopt;
}

result<void> nowhere(std::string_view) { return {}; }

/// True where the part's file is there and long enough.
result<bool> is_there(const table_log_place& place, const log_part& part) {
  const auto file = place.files->open(place.path_of(part.name));
  if (!file && file.error().code == error_code::not_found) return false;
  if (!file) return file.error();
  SYSTOLE_ASSIGN(const uint64_t size, (*file)->size());
  if (size >= part.from + part.bytes) return true;
  return fail(error_code::corrupt, "a table file's log is shorter than recorded: " + place.path_of(part.name));
}

/// The same bytes in a file that they were folded into.
result<log_part> find_folded(const table_log_place& place, log_part part, uint64_t start) {
  SYSTOLE_ASSIGN(const auto names, place.files->list(place.folder));
  for (const std::string& name : names) {
    const auto begin = start_of(name);
    if (!begin || *begin > start) continue;
    log_part other = part;
    other.name = name;
    other.from = start - *begin;
    SYSTOLE_ASSIGN(const auto hash, hash_of(place, other, nowhere));
    if (hash == part.xxh3) return other;
  }
  return fail(error_code::corrupt, "a table file's log of the checkpoint is gone: " + place.path_of(part.name));
}

/// Copies the log's last `count` parts into one of this attempt's.
result<void> fold(const table_log_place& place, table_log& log, size_t count) {
  const size_t first = log.parts.size() - count;
  uint64_t start = 0;
  for (size_t i = 0; i < first; ++i) start += log.parts[i].bytes;
  log_part folded{place.new_name(log.epoch, start), 0, 0, 0, 0};
  table_log tail;
  tail.parts.assign(log.parts.begin() + static_cast<ptrdiff_t>(first), log.parts.end());
  SYSTOLE_ASSIGN(const auto file, place.files->create(place.path_of(folded.name)));
  running_hash hash;
  SYSTOLE_TRY(read_log(place, tail, [&](std::string_view block) {
    hash.add(block);
    return file->append(block);
  }));
  SYSTOLE_TRY(file->sync());
  SYSTOLE_TRY(file->close());
  SYSTOLE_TRY(place.files->sync_directory(place.folder));
  for (const log_part& each : tail.parts) folded.rows += each.rows;
  folded.bytes = tail.bytes();
  folded.xxh3 = hash.value();
  log.parts.resize(first);
  log.parts.push_back(std::move(folded));
  return {};
}

/// How many of the last parts to fold: so that those that stay are larger than all behind them.
size_t parts_to_fold(const std::vector<log_part>& parts) {
  size_t count = 1;
  uint64_t bytes = parts.back().bytes;
  while (count < parts.size() && (count < 2 || parts[parts.size() - count - 1].bytes <= bytes))
    bytes += parts[parts.size() - ++count].bytes;
  return count;
}

}  // namespace

uint64_t table_log::bytes() const {
  uint64_t sum = 0;
  for (const log_part& each : parts) sum += each.bytes;
  return sum;
}

std::string table_log::encode() const {
  std::string out;
  append_fixed(out, log_version);
  append_varint(out, epoch);
  append_varint(out, parts.size());
  for (const log_part& each : parts) {
    append_bytes(out, each.name);
    append_varint(out, each.from);
    append_varint(out, each.bytes);
    append_varint(out, each.rows);
    append_fixed(out, each.xxh3);
  }
  return out;
}

result<table_log> table_log::decode(std::string_view bytes) {
  const failure broken = fail(error_code::incompatible, "a table file's state cannot be read");
  byte_reader in(bytes);
  table_log made;
  const auto found = in.fixed<uint8_t>();
  if (found == version_of_one_file) {
    log_part part{std::string(one_file), 0, in.fixed<uint64_t>(), in.fixed<uint64_t>(), 0};
    if (part.bytes > 0) made.parts.push_back(std::move(part));
    return in.ok() ? result<table_log>(std::move(made)) : broken;
  }
  if (found != log_version) return broken;
  made.epoch = in.varint();
  for (uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    log_part part;
    part.name = std::string(in.bytes());
    part.from = in.varint();
    part.bytes = in.varint();
    part.rows = in.varint();
    part.xxh3 = in.fixed<uint64_t>();
    made.parts.push_back(std::move(part));
  }
  return in.ok() && in.at_end() ? result<table_log>(std::move(made)) : broken;
}

std::string table_log_place::new_name(uint64_t begun_after, uint64_t start) const {
  return name_of({begun_after, attempt}, fmt::format("{}{}", start, suffix));
}

result<void> read_log(const table_log_place& place, const table_log& log, const table_publication::put_block& put) {
  for (const log_part& each : log.parts) {
    SYSTOLE_ASSIGN(const auto hash, hash_of(place, each, put));
    const bool unknown = each.name == one_file && each.xxh3 == 0;
    if (!hash || (!unknown && *hash != each.xxh3)) return damaged(place.path_of(each.name));
  }
  return {};
}

result<table_log> find_parts(const table_log_place& place, table_log log) {
  uint64_t start = 0;
  for (log_part& each : log.parts) {
    SYSTOLE_ASSIGN(const bool there, is_there(place, each));
    if (!there) {
      SYSTOLE_ASSIGN(each, find_folded(place, std::move(each), start));
    } else if (each.name == one_file && each.xxh3 == 0) {
      SYSTOLE_ASSIGN(const auto hash, hash_of(place, each, nowhere));
      each.xxh3 = hash.value_or(0);
    }
    start += each.bytes;
  }
  return log;
}

result<table_log> restore_log(const table_log_place& place, std::string_view bytes) {
  SYSTOLE_ASSIGN(table_log decoded, table_log::decode(bytes));
  SYSTOLE_ASSIGN(table_log log, find_parts(place, std::move(decoded)));
  if (log.parts.size() > most_parts) SYSTOLE_TRY(fold(place, log, parts_to_fold(log.parts)));
  return log;
}

result<void> remove_unnamed(const table_log_place& place, const table_log& log, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!start_of(name)) continue;
    const auto origin = origin_of(name);  // none: of the one file
    if ((origin ? origin->attempt : 0) >= place.attempt) continue;
    const bool named = std::any_of(log.parts.begin(), log.parts.end(), [&](const log_part& each) { return each.name == name; });
    if (!named) SYSTOLE_TRY(place.files->remove(place.path_of(name)));
  }
  return {};
}

}  // namespace systole
