// What is no batch of records: whatever its lengths and counts say, nothing outside is read (run under the address sanitizer).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kafka/protocol/batch_bytes.h"
#include "tests/support/seed.h"

namespace systole {
namespace record_set_garbage_test {

using namespace systole::testing;

/// Reads as the fetcher does: what is whole, from memory that ends with it. Gives how many records there were.
size_t read_all(std::string_view bytes, const reading& how) {
  const auto extent = kafka_whole_batches(bytes);
  if (!extent) return 0;
  buffer_pool pool;
  kafka_record_set set = set_of(bytes.substr(0, extent->bytes), pool, how, 0);
  kafka_record record;
  size_t records = 0, sum = 0;
  while (set.next(record)) {
    for (const std::string_view part : {record.key, record.value, record.headers})
      for (const char each : part) sum += static_cast<unsigned char>(each);
    sum += record.header("trace").value_or("").size();
    EXPECT_GE(record.offset, how.from);
    ++records;
  }
  EXPECT_FALSE(set.next(record)) << sum;
  return records;
}

const std::string& good_batches() {
  static const std::string made =
      bytes_of({.base_offset = 3,
                .records = {{.key = "k", .value = "a value", .headers = {{"trace", "new"}, {"trace", std::nullopt}}}, {}, {.value = ""}},
                .attributes = is_transactional,
                .producer = 9}) +
      end_mark(6, 9, false) + values_at(7, {"b", std::string(200, 'c')}) + end_mark(9, 9, true);
  return made;
}

TEST(kafka_garbage, each_byte_may_be_any) {
  ASSERT_EQ(read_all(good_batches(), {}), 5u);
  for (size_t at = 0; at < good_batches().size(); ++at)
    for (const unsigned char byte : {0x00, 0x01, 0x02, 0x7e, 0x7f, 0x80, 0xfe, 0xff}) {
      std::string bytes = good_batches();
      bytes[at] = static_cast<char>(byte);
      read_all(bytes, {.aborted = {{9, 0}}});
      read_all(bytes, {});
    }
}

TEST(kafka_garbage, many_bytes_may_be_any) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  dice of(seed);
  for (int turn = 0; turn < 20'000; ++turn) {
    std::string bytes = good_batches();
    for (int64_t changes = of.between(1, 6); changes > 0; --changes)
      bytes[static_cast<size_t>(of.between(0, static_cast<int64_t>(bytes.size()) - 1))] = static_cast<char>(of.between(0, 255));
    if (of.chance(0.3)) bytes.resize(static_cast<size_t>(of.between(0, static_cast<int64_t>(bytes.size()))));
    read_all(bytes, {.from = of.between(0, 8), .aborted = {{of.between(8, 10), of.between(0, 9)}}});
  }
}

TEST(kafka_garbage, a_record_may_say_any_length) {
  // Of the record, its key, its value and its headers: more than there is, and what no number is.
  for (const std::string& length : {std::string("\xfe\x01"), std::string("\xff\xff\xff\xff\x0f"), std::string("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                                    std::string(11, '\xff'), std::string(1, '\1')})
    for (size_t at = 0; at < 12; ++at) {
      std::string record = record_bytes({.key = "k", .value = "v", .headers = {{"h", "x"}}}, 0);
      record.replace(at, 1, length);
      written_batch batch{.last_delta = 0, .count = 1};
      static std::string records;
      records = record;
      batch.compress = [](std::string_view) { return records; };  // in place of what the batch would have
      read_all(bytes_of(batch), {});
    }
}

TEST(kafka_garbage, a_set_ends_where_its_last_batch_is_cut_off) {
  buffer_pool pool;
  const std::string batch = values_at(0, {"a"});
  for (const int64_t from : {0, 100})
    for (size_t size = 0; size < batch.size(); ++size) {
      kafka_record_set set = set_of(batch.substr(0, size), pool, {.from = from}, 0);
      kafka_record record;
      EXPECT_FALSE(set.next(record)) << size;
      EXPECT_EQ(set.problem().has_value(), size >= 61) << size;
    }
}

TEST(kafka_garbage, headers_may_be_any_bytes) {
  kafka_record record;
  for (const std::string_view bytes : {std::string_view(), std::string_view("\x02"), std::string_view("\x02\x0atrac"), std::string_view("\xff\xff"),
                                       std::string_view("\xfe\xff\xff\xff\x0f\x01\x01"), std::string_view("\x02\x01\x02x")}) {
    const kafka_block exact = block_of(bytes, 0);
    record.headers = {exact.bytes.get(), exact.size};
    EXPECT_EQ(record.header("trace"), std::nullopt);
  }
}

}  // namespace record_set_garbage_test
}  // namespace systole
