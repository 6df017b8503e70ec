#include "kafka/record_set.h"

#include <algorithm>

#include "kafka/batch_format.h"
#include "base/crc32c.h"
#include "kafka/wire_format.h"

namespace systole {
namespace {

using namespace kafka_batch;

template <class T>
T at(std::string_view bytes, size_t where) {
  T value{};
  std::memcpy(&value, bytes.data() + where, sizeof value);
  return kafka_swapped(value);
}

failure no_batch(const char* why) { return fail(error_code::corrupt, std::string("the broker gave what is no batch of records: ") + why); }

/// Zig-zag varints, of a record's parts.
class record_cursor {
 public:
  explicit record_cursor(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  bool ok() const { return ok_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  const char* position() const { return at_; }

  int64_t number() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ < end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
    }
    ok_ = false;
    return 0;
  }
  /// So many bytes with their number before them; null: nothing, with `present` false.
  std::string_view bytes(bool& present) {
    const int64_t size = number();
    present = size >= 0;
    return present ? take(size) : std::string_view();
  }
  std::string_view take(int64_t size) {
    if (!ok_ || size < 0 || static_cast<uint64_t>(size) > left()) {
      ok_ = false;
      return {};
    }
    const std::string_view made(at_, static_cast<size_t>(size));
    at_ += size;
    return made;
  }

 private:
  const char *at_, *end_;
  bool ok_ = true;
};

}  // namespace

result<kafka_batch_extent> kafka_whole_batches(std::string_view batches) {
  kafka_batch_extent made;
  while (batches.size() - made.bytes >= length_end) {
    const std::string_view rest = batches.substr(made.bytes);
    const auto length = at<int32_t>(rest, length_at);
    if (length <= static_cast<int32_t>(magic_at - length_end)) return no_batch("its length is below that of its head");
    const size_t size = length_end + static_cast<size_t>(length);
    if (size > rest.size()) break;  // cut off at the wanted number of bytes
    if (at<int8_t>(rest, magic_at) != current_magic)
      return fail(error_code::incompatible, "its records are in a format of Kafka before 0.11; have the topic written anew");
    if (size < head_size) return no_batch("its length is below that of its head");
    const auto first = at<int64_t>(rest, 0);
    const auto last_delta = at<int32_t>(rest, last_delta_at);
    if (first < 0 || last_delta < 0 || first > INT64_MAX - last_delta - 1) return no_batch("its offsets are none");
    made.next_offset = first + last_delta + 1;
    made.bytes += size;
  }
  return made;
}

std::optional<std::string_view> kafka_record::header(std::string_view name) const {
  record_cursor in(headers);
  std::optional<std::string_view> found;
  for (int64_t left = in.number(); left > 0 && in.ok(); --left) {
    bool has_name = false, has_value = false;
    const std::string_view its_name = in.bytes(has_name), value = in.bytes(has_value);
    if (!in.ok() || its_name != name) continue;
    found.reset();
    if (has_value) found = value;
  }
  return found;
}

kafka_record_set::kafka_record_set(kafka_block block, std::string_view batches, std::vector<kafka_aborted> aborted,
                                   int64_t from, bool check_crcs, buffer_pool& pool)
    : block_(std::move(block)), rest_(batches), aborted_(std::move(aborted)), from_(from), check_crcs_(check_crcs), pool_(&pool) {
  std::sort(aborted_.begin(), aborted_.end(), [](const auto& a, const auto& b) { return a.first_offset < b.first_offset; });
}

void kafka_record_set::end_with(failure problem) {
  problem_ = std::move(problem);
  rest_ = records_ = {};
  left_ = 0;
}

bool kafka_record_set::open_batch() {
  if (!records_.empty()) return end_with(no_batch("it has more records than it says")), false;
  unpacked_ = {};
  if (rest_.size() < head_size) return false;
  const size_t size = length_end + static_cast<size_t>(at<int32_t>(rest_, length_at));
  if (size > rest_.size() || size < head_size) return end_with(no_batch("it is cut off")), false;
  const std::string_view batch = rest_.substr(0, size);
  rest_.remove_prefix(size);
  if (check_crcs_ && crc32c(batch.substr(attributes_at)) != at<uint32_t>(batch, crc_at))
    return end_with(no_batch("its checksum is wrong")), false;
  const auto attributes = at<int16_t>(batch, attributes_at);
  base_offset_ = at<int64_t>(batch, 0);
  last_delta_ = at<int32_t>(batch, last_delta_at);
  const int64_t last_offset = base_offset_ + last_delta_;
  log_append_time_ = (attributes & log_append_time) != 0;
  base_timestamp_ms_ = at<int64_t>(batch, log_append_time_ ? max_timestamp_at : base_timestamp_at);
  const auto producer = at<int64_t>(batch, producer_at);
  const bool skipped = (attributes & transactional) && is_aborted(producer, last_offset);
  const std::string_view records = batch.substr(head_size);
  if (attributes & control) {
    read_mark(producer, records);
    return true;
  }
  if (skipped || last_offset < from_) return true;
  records_ = records;
  if (const auto codec = static_cast<kafka_codec>(attributes & codec_bits); codec != kafka_codec::none) {
    auto unpacked = kafka_decompress(codec, records_, *pool_);
    if (!unpacked) return end_with(unpacked.error()), false;
    unpacked_ = std::move(*unpacked);
    records_ = {unpacked_.bytes.get(), unpacked_.size};
  }
  left_ = at<int32_t>(batch, count_at);
  return true;
}

bool kafka_record_set::is_aborted(int64_t producer, int64_t last_offset) {
  for (; begun_aborts_ < aborted_.size() && aborted_[begun_aborts_].first_offset <= last_offset; ++begun_aborts_)
    aborting_.push_back(aborted_[begun_aborts_].producer);
  return std::find(aborting_.begin(), aborting_.end(), producer) != aborting_.end();
}

/// The mark of a transaction's end: key version and kind, 0 for an abort.
void kafka_record_set::read_mark(int64_t producer, std::string_view records) {
  record_cursor in(records);
  in.number();
  in.take(1);
  in.number();
  in.number();
  bool has_key = false;
  const std::string_view key = in.bytes(has_key);
  if (!in.ok() || key.size() < 4 || at<int16_t>(key, 2) != 0) return;
  if (const auto found = std::find(aborting_.begin(), aborting_.end(), producer); found != aborting_.end()) aborting_.erase(found);
}

void kafka_record_set::read_record(kafka_record& into) {
  record_cursor in(records_);
  const int64_t size = in.number();
  record_cursor record(in.take(size));
  if (!in.ok()) return end_with(no_batch("a record is longer than what is left of it"));
  records_.remove_prefix(static_cast<size_t>(in.position() - records_.data()));
  into.begin = const_cast<char*>(record.position());  // of block(), which is not const
  record.take(1);  // attributes: none are in use
  const auto later_ms = static_cast<uint64_t>(record.number());
  const int64_t delta = record.number();
  if (delta < 0 || delta > last_delta_) return end_with(no_batch("a record's offset is not of its batch"));
  into.offset = base_offset_ + delta;
  // What a producer sends may be beyond all times; then it wraps.
  into.timestamp_ms = log_append_time_ || base_timestamp_ms_ < 0
                          ? base_timestamp_ms_
                          : static_cast<int64_t>(static_cast<uint64_t>(base_timestamp_ms_) + later_ms);
  into.key = record.bytes(into.has_key);
  into.value = record.bytes(into.has_value);
  into.headers = {record.position(), record.left()};
  if (!record.ok() || into.headers.empty()) end_with(no_batch("a record is cut off"));
}

}  // namespace systole
