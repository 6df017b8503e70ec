#include "state/store/checkpoint_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "state/store/checksummed_message.h"
#include "state/store/directory_place.h"

namespace systole {
namespace {

constexpr std::string_view record_magic = "SYSLOG01";
constexpr uint64_t record_limit_bytes = 1 << 20;
constexpr int most_rereads = 10;

}  // namespace

checkpoint_log::checkpoint_log(file_system& files, const std::string& directory)
    : own_place_(std::make_unique<directory_place>(files, directory)), place_(*own_place_) {}

std::string checkpoint_log::name_of(uint64_t sequence) const {
  return fmt::format("{}{}{:020}", folder_, folder_.empty() ? "" : "/", sequence);
}

failure checkpoint_log::fenced_by(const proto::LogRecord& record) const {
  return fail(error_code::fenced,
              fmt::format("another process has taken over the checkpoints in {} (record {}, term {}): "
                          "this one must stop",
                          place_.describe(folder_), record.sequence(), record.term()));
}

result<checkpoint_log::numbered> checkpoint_log::read_record(uint64_t sequence) const {
  const std::string path = path_of(sequence);
  SYSTOLE_ASSIGN(const std::string bytes, place_.read(name_of(sequence), record_limit_bytes));
  numbered made;
  made.xxh3 = message_checksum(bytes);
  SYSTOLE_TRY(decode_checksummed(bytes, record_magic, path, made.record));
  if (made.record.sequence() != sequence) {
    return fail(error_code::corrupt, fmt::format("log record {} says it is number {}", path, made.record.sequence()));
  }
  return made;
}

result<std::vector<proto::LogRecord>> checkpoint_log::read() {
  const std::lock_guard lock(mutex_);
  return read_locked();
}

result<std::vector<uint64_t>> checkpoint_log::sequences() const {
  SYSTOLE_ASSIGN(const std::vector<std::string> names, place_.list(folder_));
  std::vector<uint64_t> found;
  for (const std::string& name : names) {
    uint64_t sequence = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), sequence);
    if (error == std::errc() && end == name.data() + name.size()) found.push_back(sequence);
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Newest first, up to a `base` or number 1. `not_found` where a record is not there (any more).
result<std::vector<checkpoint_log::numbered>> checkpoint_log::read_back() const {
  SYSTOLE_ASSIGN(const std::vector<uint64_t> there, sequences());
  std::vector<numbered> records;
  if (there.empty()) return records;
  for (uint64_t sequence = there.back();; --sequence) {
    SYSTOLE_ASSIGN(numbered next, read_record(sequence));
    if (!records.empty() && records.back().record.previous_xxh3() != next.xxh3) {
      return fail(error_code::corrupt,
                  fmt::format("log record {} does not follow on {}", path_of(sequence + 1), path_of(sequence)));
    }
    if (sequence == 1 && next.record.previous_xxh3() != 0) {
      return fail(error_code::corrupt, fmt::format("log record {} does not follow on nothing", path_of(sequence)));
    }
    records.push_back(std::move(next));
    if (sequence == 1 || records.back().record.has_base()) return records;
  }
}

result<std::vector<proto::LogRecord>> checkpoint_log::read_locked() {
  auto back = read_back();
  // Another process may have written a base and removed records while they were read: the next reading begins there.
  for (int again = 0; !back && back.error().code == error_code::not_found && again < most_rereads; ++again)
    back = read_back();
  if (!back && back.error().code == error_code::not_found) {
    return fail(error_code::corrupt, "the checkpoint log lacks a record: copy it back, or start without this state: " +
                                         back.error().message);
  }
  if (!back) return std::move(back).error();
  std::vector<proto::LogRecord> records;
  tail last;
  if (!back->empty()) {
    const proto::LogRecord& newest = back->front().record;
    last = {newest.sequence(), newest.term(), back->front().xxh3};
    if (back->back().record.has_base()) base_ = back->back().record.sequence();
  }
  for (auto each = back->rbegin(); each != back->rend(); ++each) records.push_back(std::move(each->record));
  tail_ = last;
  return records;
}

result<void> checkpoint_log::trim() {
  const std::lock_guard lock(mutex_);
  if (base_ == 0) return {};
  SYSTOLE_ASSIGN(const std::vector<uint64_t> there, sequences());
  for (const uint64_t sequence : there) {
    if (sequence >= base_) break;
    SYSTOLE_TRY(place_.remove(name_of(sequence)));
    // In order also after a power cut: what is left must not look like a predecessor of what is gone.
    SYSTOLE_TRY(place_.settle(folder_));
  }
  return {};
}

result<void> checkpoint_log::append(proto::LogRecord record) {
  const std::lock_guard lock(mutex_);
  if (!tail_) SYSTOLE_TRY(read_locked());
  if (tail_->term > record.term()) {
    proto::LogRecord newer;
    newer.set_sequence(tail_->sequence);
    newer.set_term(tail_->term);
    return fenced_by(newer);
  }
  record.set_sequence(tail_->sequence + 1);
  record.set_previous_xxh3(tail_->xxh3);
  const std::string bytes = encode_checksummed(record_magic, record);
  SYSTOLE_TRY(create_record(record, bytes));
  SYSTOLE_TRY(check_still_last(record, message_checksum(bytes)));
  if (record.has_base()) base_ = record.sequence();
  tail_ = tail{record.sequence(), record.term(), message_checksum(bytes)};
  return {};
}

result<void> checkpoint_log::create_record(const proto::LogRecord& record, const std::string& bytes) {
  const uint64_t xxh3 = message_checksum(bytes);
  const result<void> created = place_.create(name_of(record.sequence()), record.nonce(), bytes);
  if (!created && created.error().code == error_code::unavailable) unsettled_xxh3_ = xxh3;
  if (!created && created.error().code != error_code::already_exists) return created;
  if (!created) {
    // Ours where an earlier try of this very record ended without an answer.
    const auto there = read_record(record.sequence());
    if (!there && there.error().code != error_code::not_found) return there.error();
    if (!there) return fenced_by(record);  // removed meanwhile: it was before a base
    if (unsettled_xxh3_ && there->xxh3 == *unsettled_xxh3_ && there->xxh3 != xxh3) {
      return fail(error_code::unavailable,
                  fmt::format("an earlier record of this process has come late to {}: read the log again",
                              path_of(record.sequence())));
    }
    if (there->record.nonce() != record.nonce() || there->xxh3 != xxh3) return fenced_by(there->record);
  }
  return place_.settle(folder_);
}

/// A number that was free because its record was removed is before a base: then its predecessor was removed earlier, or
/// (number 1) others are there that do not follow it. Where another process has written a base over this very record
/// meanwhile, the record counts but its writer is told otherwise, which does no harm: it has been followed by then.
result<void> checkpoint_log::check_still_last(const proto::LogRecord& record, uint64_t xxh3) const {
  const failure overtaken =
      fail(error_code::fenced, fmt::format("another process has taken over the checkpoints in {} and gone on past "
                                           "record {}: this one must stop",
                                           place_.describe(folder_), record.sequence()));
  const auto neighbour = [&](uint64_t sequence) -> result<std::optional<numbered>> {
    auto there = read_record(sequence);
    if (there) return std::optional(std::move(*there));
    if (there.error().code == error_code::not_found) return std::optional<numbered>();
    return std::move(there).error();
  };
  if (record.sequence() > 1) {
    SYSTOLE_ASSIGN(const std::optional<numbered> before, neighbour(record.sequence() - 1));
    if (before && before->xxh3 == record.previous_xxh3()) return {};
    return overtaken;
  }
  SYSTOLE_ASSIGN(const std::vector<uint64_t> there, sequences());
  if (there.size() == 1) return {};
  SYSTOLE_ASSIGN(const std::optional<numbered> after, neighbour(2));
  if (after && after->record.previous_xxh3() == xxh3) return {};
  return overtaken;
}

}  // namespace systole
