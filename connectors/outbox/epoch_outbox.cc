#include "connectors/outbox/epoch_outbox.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/limits.h"
#include "connectors/outbox/durable_directory.h"
#include "connectors/outbox/file_origin.h"
#include "data/wire.h"

namespace systole {
namespace {

constexpr std::string_view segment_magic = "SYSSEG2\n";
constexpr std::string_view magic_of_all_bytes = "SYSSEG1\n";  ///< of older versions, whose checksum is of all bytes
constexpr uint8_t segments_version = 1;
constexpr size_t frame_head_bytes = epoch_outbox::frame_head_bytes;
constexpr size_t old_frame_head_bytes = sizeof(uint32_t) + sizeof(uint64_t);  ///< with XXH3-64
constexpr uint8_t outbox_state_version = 1;
constexpr uint64_t longest_frame_bytes = 1024 * limits::mebibyte;
constexpr std::string_view segment_suffix = ".seg";

}  // namespace

std::string encode_segments(const std::vector<outbox_segment>& segments) {
  std::string out;
  append_fixed(out, segments_version);
  append_varint(out, segments.size());
  for (const outbox_segment& each : segments) {
    append_bytes(out, each.path);
    append_varint(out, each.epoch);
    append_varint(out, each.bytes);
    append_varint(out, each.rows);
    append_fixed(out, each.xxh3);
  }
  return out;
}

result<std::vector<outbox_segment>> decode_segments(std::string_view bytes) {
  std::vector<outbox_segment> segments;
  if (bytes.empty()) return segments;
  byte_reader in(bytes);
  if (in.fixed<uint8_t>() != segments_version)
    return fail(error_code::incompatible, "an outbox's committable is of another version");
  for (uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    outbox_segment each;
    each.path = std::string(in.bytes());
    each.epoch = in.varint();
    each.bytes = in.varint();
    each.rows = in.varint();
    each.xxh3 = in.fixed<uint64_t>();
    segments.push_back(std::move(each));
  }
  if (!in.ok() || !in.at_end()) return fail(error_code::corrupt, "an outbox's committable cannot be read");
  return segments;
}

result<std::vector<outbox_segment>> segments_after(const std::vector<shard_commit>& shards, epoch_id previous) {
  std::vector<outbox_segment> all;
  for (const shard_commit& shard : shards) {
    SYSTOLE_ASSIGN(const auto segments, decode_segments(shard.committable));
    for (const outbox_segment& each : segments)
      if (each.epoch > previous.value) all.push_back(each);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
  return all;
}

result<void> read_frames(file_system& files, const outbox_segment& segment, const std::function<result<void>(outbox_frame)>& take) {
  const failure broken = fail(error_code::corrupt, "an outbox file is damaged: " + segment.path);
  const auto file = files.open(segment.path);
  if (!file) return fail(error_code::corrupt, "an outbox file of a complete epoch cannot be opened: " + file.error().message);
  running_hash heads;
  uint64_t offset = 0;
  const auto read = [&](char* into, size_t length) -> result<void> {
    SYSTOLE_ASSIGN(const size_t got, (*file)->read(offset, length, into));
    if (got != length) return broken;
    offset += got;
    return {};
  };
  char small[std::max(segment_magic.size(), old_frame_head_bytes)];
  SYSTOLE_TRY(read(small, segment_magic.size()));
  const std::string_view magic(small, segment_magic.size());
  const bool of_all_bytes = magic == magic_of_all_bytes;
  if (magic != segment_magic && !of_all_bytes) return broken;
  heads.add(magic);
  const size_t head_bytes = of_all_bytes ? old_frame_head_bytes : frame_head_bytes;
  while (offset < segment.bytes) {
    if (segment.bytes - offset < head_bytes) return broken;
    SYSTOLE_TRY(read(small, head_bytes));
    heads.add({small, head_bytes});
    byte_reader head({small, head_bytes});
    const auto length = head.fixed<uint32_t>();
    const uint64_t checksum = of_all_bytes ? head.fixed<uint64_t>() : head.fixed<uint32_t>();
    if (length > segment.bytes - offset || length > longest_frame_bytes) return broken;
    outbox_frame frame{std::make_shared_for_overwrite<char[]>(length), length};
    SYSTOLE_TRY(read(frame.bytes.get(), length));
    if (of_all_bytes) heads.add({frame.bytes.get(), length});
    if (checksum != (of_all_bytes ? XXH3_64bits(frame.bytes.get(), length) : crc32c({frame.bytes.get(), length}))) return broken;
    SYSTOLE_TRY(take(std::move(frame)));
  }
  return heads.value() == segment.xxh3 ? result<void>() : broken;
}

result<void> read_segment(file_system& files, const outbox_segment& segment,
                          const std::function<result<void>(const batch&)>& take) {
  return read_frames(files, segment, [&](outbox_frame frame) -> result<void> {
    std::string_view rest(frame.bytes.get(), frame.size);
    const auto rows = read_batch(rest, std::move(frame.bytes));
    if (!rows || !rest.empty()) return fail(error_code::corrupt, "an outbox file is damaged: " + segment.path);
    return take(*rows);
  });
}

result<void> remove_committed_segments(file_system& files, const std::string& folder,
                                       const std::vector<outbox_segment>& committed, uint64_t attempt) {
  for (const outbox_segment& each : committed) SYSTOLE_TRY(files.remove(each.path));
  return remove_left_behind(files, folder, segment_suffix, attempt);
}

result<void> remove_later_segments(file_system& files, const std::string& folder, epoch_id last_completed, uint64_t attempt) {
  SYSTOLE_TRY(create_directories_durably(files, folder));
  return remove_begun_later(files, folder, segment_suffix, last_completed, attempt);
}

epoch_outbox::epoch_outbox(file_system& files, std::string folder, uint64_t attempt, uint32_t shard,
                           committed_epoch committed, uint64_t disk_bytes)
    : files_(files),
      folder_(std::move(folder)),
      attempt_(attempt),
      shard_(shard),
      committed_(std::move(committed)),
      disk_bytes_(disk_bytes) {}

result<void> epoch_outbox::begin_segment() {
  current_ = {};
  current_.path = fmt::format("{}/{}{}", folder_,
                              name_of({last_epoch_, attempt_}, fmt::format("{}-{}", shard_, sequence_++)), segment_suffix);
  SYSTOLE_TRY(create_directories_durably(files_, folder_));
  SYSTOLE_ASSIGN(spare_files::file made, spares_.make(current_.path));
  file_ = std::move(made.opened);
  file_bytes_ = made.bytes;
  SYSTOLE_TRY(file_->append(segment_magic));
  hash_.reset();
  hash_.add(segment_magic);
  current_.bytes = segment_magic.size();
  return {};
}

result<void> epoch_outbox::end_segment() {
  if (file_bytes_ > current_.bytes) SYSTOLE_TRY(file_->truncate(current_.bytes));
  file_bytes_ = 0;
  current_.xxh3 = hash_.value();
  ended_.push_back(std::exchange(current_, {}));
  syncs_.add_ended(std::move(file_));
  return {};
}

result<void> epoch_outbox::keep_within_disk() {
  if (spares_.bytes() == 0) return {};
  const uint64_t owed = bytes() + (file_bytes_ > current_.bytes ? file_bytes_ - current_.bytes : 0);
  return spares_.keep_within(disk_bytes_ - std::min(owed, disk_bytes_));
}

result<void> epoch_outbox::append(const batch& rows) {
  if (rows.empty()) return {};
  frame_.assign(frame_head_bytes, '\0');
  append_batch(frame_, rows);
  return append_frame(frame_, rows.rows(), crc32c(std::string_view(frame_).substr(frame_head_bytes)));
}

result<void> epoch_outbox::append_frame(std::string& frame, uint64_t rows, uint32_t crc) {
  const size_t size = frame.size() - frame_head_bytes;
  if (size > longest_frame_bytes) return fail(error_code::limit_exceeded, "a batch is too large for the outbox");
  if (!file_) SYSTOLE_TRY(begin_segment());
  const auto length = static_cast<uint32_t>(size);
  std::memcpy(frame.data(), &length, sizeof length);
  std::memcpy(frame.data() + sizeof length, &crc, sizeof crc);
  SYSTOLE_TRY(file_->append(frame));
  hash_.add(std::string_view(frame).substr(0, frame_head_bytes));
  current_.bytes += frame.size();
  current_.rows += rows;
  if (current_.bytes >= limits::outbox_segment_bytes) SYSTOLE_TRY(end_segment());
  return keep_within_disk();
}

result<sealed_epoch> epoch_outbox::seal(epoch_id epoch) {
  const uint64_t committed = committed_->load();
  std::erase_if(sealed_, [committed](const outbox_segment& each) { return each.epoch <= committed; });
  if (file_) SYSTOLE_TRY(end_segment());
  for (outbox_segment& each : ended_) {
    each.epoch = epoch.value;
    sealed_.push_back(std::move(each));
  }
  ended_.clear();
  last_epoch_ = epoch.value;
  sealed_epoch made;
  for (const outbox_segment& each : sealed_) made.outbox.push_back({each.path, each.bytes, each.xxh3});
  if (!sealed_.empty()) made.committable = encode_segments(sealed_);
  return made;
}

uint64_t epoch_outbox::bytes() const {
  const uint64_t committed = committed_->load(std::memory_order_relaxed);
  uint64_t sum = current_.bytes;
  for (const outbox_segment& each : ended_) sum += each.bytes;
  for (const outbox_segment& each : sealed_)
    if (each.epoch > committed) sum += each.bytes;
  return sum;
}

result<void> epoch_outbox::make_durable() {
  SYSTOLE_ASSIGN(const bool any, syncs_.sync_all());
  return any ? files_.sync_directory(folder_) : result<void>();
}

result<void> epoch_outbox::reuse(const std::vector<outbox_segment>& committed) {
  for (const outbox_segment& each : committed) SYSTOLE_TRY(spares_.give(each.path, each.bytes));
  return {};
}

std::string epoch_outbox::snapshot() const {
  std::string out;
  append_fixed(out, outbox_state_version);
  append_varint(out, last_epoch_);
  return out;
}

result<void> epoch_outbox::restore(std::string_view bytes) {
  if (bytes.empty()) return {};
  byte_reader in(bytes);
  const auto version = in.fixed<uint8_t>();
  const uint64_t epoch = in.varint();
  if (version != outbox_state_version || !in.ok())
    return fail(error_code::incompatible, "a sink's state is of another version");
  set_last_epoch(epoch);
  return {};
}

}  // namespace systole
