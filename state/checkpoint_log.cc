#include "state/checkpoint_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "state/checksummed_message.h"

namespace systole {
namespace {

constexpr std::string_view record_magic = "SYSLOG01";
constexpr uint64_t record_limit_bytes = 1 << 20;

}  // namespace

std::string checkpoint_log::path_of(uint64_t sequence) const { return fmt::format("{}/{:020}", directory_, sequence); }

failure checkpoint_log::fenced_by(const proto::LogRecord& record) const {
  return fail(error_code::fenced, fmt::format("another process has taken over the checkpoints in {} (record {}, term {}): "
                                              "this one must stop",
                                              directory_, record.sequence(), record.term()));
}

result<proto::LogRecord> checkpoint_log::read_record(uint64_t sequence, uint64_t& xxh3) const {
  const std::string path = path_of(sequence);
  SYSTOLE_ASSIGN(const std::string bytes, files_.read_all(path, record_limit_bytes));
  xxh3 = message_checksum(bytes);
  proto::LogRecord record;
  SYSTOLE_TRY(decode_checksummed(bytes, record_magic, path, record));
  if (record.sequence() != sequence) {
    return fail(error_code::corrupt, fmt::format("log record {} says it is number {}", path, record.sequence()));
  }
  return record;
}

result<std::vector<proto::LogRecord>> checkpoint_log::read() {
  const std::lock_guard lock(mutex_);
  return read_locked();
}

result<std::vector<proto::LogRecord>> checkpoint_log::read_locked() {
  SYSTOLE_ASSIGN(const std::vector<std::string> names, files_.list(directory_));
  std::vector<uint64_t> sequences;
  for (const std::string& name : names) {
    uint64_t sequence = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), sequence);
    if (error == std::errc() && end == name.data() + name.size()) sequences.push_back(sequence);
  }
  std::sort(sequences.begin(), sequences.end());
  std::vector<proto::LogRecord> records;
  tail last;
  for (const uint64_t sequence : sequences) {
    if (sequence != last.sequence + 1) {
      return fail(error_code::corrupt, fmt::format("the checkpoint log lacks {}: copy it back, or start without this state",
                                                   path_of(last.sequence + 1)));
    }
    uint64_t xxh3 = 0;
    SYSTOLE_ASSIGN(proto::LogRecord record, read_record(sequence, xxh3));
    if (record.previous_xxh3() != last.xxh3) {
      return fail(error_code::corrupt, fmt::format("log record {} does not follow on {}", path_of(sequence),
                                                   sequence == 1 ? "nothing" : path_of(sequence - 1)));
    }
    last = {sequence, record.term(), xxh3};
    records.push_back(std::move(record));
  }
  tail_ = last;
  return records;
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
  SYSTOLE_TRY(link_record(record, bytes));
  tail_ = tail{record.sequence(), record.term(), message_checksum(bytes)};
  return {};
}

result<void> checkpoint_log::link_record(const proto::LogRecord& record, const std::string& bytes) {
  // The nonce keeps two processes' temporary files apart.
  const std::string temporary = fmt::format("{}/.{:020}-{}.new", directory_, record.sequence(), record.nonce());
  SYSTOLE_ASSIGN(const std::unique_ptr<writable_file> file, files_.create(temporary));
  SYSTOLE_TRY(file->append(bytes));
  SYSTOLE_TRY(file->sync());
  SYSTOLE_TRY(file->close());
  const result<void> linked = files_.link(temporary, path_of(record.sequence()));
  SYSTOLE_TRY(files_.remove(temporary));
  if (!linked && linked.error().code != error_code::already_exists) return linked;
  if (!linked) {
    // Ours where an earlier try of this very record ended without an answer.
    uint64_t xxh3 = 0;
    SYSTOLE_ASSIGN(const proto::LogRecord there, read_record(record.sequence(), xxh3));
    if (there.nonce() != record.nonce() || xxh3 != message_checksum(bytes)) return fenced_by(there);
  }
  return files_.sync_directory(directory_);
}

}  // namespace systole
