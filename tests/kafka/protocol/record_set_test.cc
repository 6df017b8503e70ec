#include "kafka/record_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/kafka/protocol/batch_bytes.h"

namespace systole {
namespace record_set_test {

using namespace systole::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(kafka_record_set, gives_the_records_of_all_batches_in_order) {
  const std::string batches = values_at(10, {"a", "b"}) + values_at(12, {"c"}) + values_at(20, {"d", "e"});
  EXPECT_THAT(texts_of(batches, {.from = 10}), ElementsAre("10=a", "11=b", "12=c", "20=d", "21=e"));
  EXPECT_THAT(texts_of(""), IsEmpty());
  EXPECT_THAT(texts_of(values_at(0, {})), IsEmpty());
}

TEST(kafka_record_set, leaves_out_what_lies_before_the_wanted_offset) {
  const std::string batches = values_at(10, {"a", "b"}) + values_at(12, {"c", "d", "e"}) + values_at(15, {"f"});
  EXPECT_THAT(texts_of(batches, {.from = 13}), ElementsAre("13=d", "14=e", "15=f"));
  EXPECT_THAT(texts_of(batches, {.from = 16}), IsEmpty());
}

TEST(kafka_record_set, gives_what_compaction_left_with_its_own_offsets) {
  const std::string batches =
      bytes_of({.base_offset = 100, .records = {{.value = "a", .offset_delta = 3}, {.value = "b", .offset_delta = 7}}, .last_delta = 9}) +
      bytes_of({.base_offset = 110, .records = {}, .last_delta = 4});
  EXPECT_THAT(texts_of(batches), ElementsAre("103=a", "107=b"));
  // What was removed is not asked for again.
  EXPECT_EQ(kafka_whole_batches(batches)->next_offset, 115);
}

TEST(kafka_record_set, tells_null_from_empty) {
  buffer_pool pool;
  kafka_record_set set = set_of(bytes_of({.records = {{}, {.key = "", .value = ""}, {.key = "k", .value = "v"}}}), pool);
  kafka_record record;
  ASSERT_TRUE(set.next(record));
  EXPECT_FALSE(record.has_key || record.has_value);
  ASSERT_TRUE(set.next(record));
  EXPECT_TRUE(record.has_key && record.has_value);
  EXPECT_EQ(record.key.size() + record.value.size(), 0u);
  ASSERT_TRUE(set.next(record));
  EXPECT_EQ(record.key, "k");
  EXPECT_EQ(record.value, "v");
  EXPECT_FALSE(set.next(record));
  EXPECT_FALSE(set.problem());
}

TEST(kafka_record_set, a_record_lies_in_the_block_with_its_first_byte_before_all_parts) {
  buffer_pool pool;
  kafka_record_set set = set_of(bytes_of({.records = {{.value = "one"}, {.key = "k", .headers = {{"h", "x"}}}}}), pool);
  kafka_record record;
  const char* end = set.block().bytes.get();
  while (set.next(record)) {
    EXPECT_GT(record.begin, end);
    EXPECT_TRUE(!record.has_value || record.value.data() > record.begin);
    end = record.headers.data() + record.headers.size();
    EXPECT_GE(end - record.begin, 6);
    EXPECT_LE(end, set.block().end());
  }
}

TEST(kafka_record_set, of_headers_with_one_name_the_last_one_counts) {
  buffer_pool pool;
  kafka_record_set set = set_of(bytes_of({.records = {{.headers = {{"trace", "old"}, {"", "no name"}, {"trace", "new"}, {"empty", ""}}},
                                                      {.headers = {{"trace", "old"}, {"trace", std::nullopt}}},
                                                      {}}}),
                                pool);
  kafka_record record;
  ASSERT_TRUE(set.next(record));
  EXPECT_EQ(record.header("trace"), "new");
  EXPECT_EQ(record.header("empty"), "");
  EXPECT_EQ(record.header(""), "no name");
  EXPECT_EQ(record.header("trac"), std::nullopt);
  ASSERT_TRUE(set.next(record));
  EXPECT_EQ(record.header("trace"), std::nullopt);
  ASSERT_TRUE(set.next(record));
  EXPECT_EQ(record.header("trace"), std::nullopt);
}

TEST(kafka_record_set, has_the_time_that_the_topic_is_set_to) {
  const auto times = [](written_batch batch) {
    batch.records = {{.timestamp_delta = 0}, {.timestamp_delta = 5}, {.timestamp_delta = -7}};
    buffer_pool pool;
    kafka_record_set set = set_of(bytes_of(batch), pool);
    kafka_record record;
    std::vector<int64_t> made;
    while (set.next(record)) made.push_back(record.timestamp_ms);
    return made;
  };
  EXPECT_THAT(times({.base_timestamp = 1000, .max_timestamp = 1005}), ElementsAre(1000, 1005, 993));
  EXPECT_THAT(times({.attributes = has_append_time, .base_timestamp = 1000, .max_timestamp = 4000}), ElementsAre(4000, 4000, 4000));
  EXPECT_THAT(times({.base_timestamp = -1, .max_timestamp = -1}), ElementsAre(-1, -1, -1));
}

TEST(kafka_record_set, a_time_beyond_all_times_is_none_that_breaks) {
  written_batch batch{.records = {{.value = "a", .timestamp_delta = std::numeric_limits<int64_t>::max()}}};
  batch.base_timestamp = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(texts_of(bytes_of(batch)), ElementsAre("0=a"));
}

TEST(kafka_whole_batches, ends_before_one_that_is_cut_off) {
  const std::string first = values_at(5, {"a", "b"}), both = first + values_at(7, {"c"});
  for (size_t size = 0; size < both.size(); ++size) {
    const auto extent = kafka_whole_batches(std::string_view(both).substr(0, size));
    ASSERT_TRUE(extent) << size;
    EXPECT_EQ(extent->bytes, size < first.size() ? 0 : first.size()) << size;
    EXPECT_EQ(extent->next_offset, size < first.size() ? -1 : 7) << size;
  }
  EXPECT_EQ(kafka_whole_batches(both)->bytes, both.size());
  EXPECT_EQ(kafka_whole_batches(both)->next_offset, 8);
}

TEST(kafka_whole_batches, names_the_formats_of_old) {
  for (const char magic : {'\0', '\1'}) {
    std::string old = values_at(0, {"a"});
    old[16] = magic;
    const auto extent = kafka_whole_batches(old);
    ASSERT_FALSE(extent);
    EXPECT_EQ(extent.error().code, error_code::incompatible);
    EXPECT_THAT(extent.error().message, HasSubstr("0.11"));
  }
}

TEST(kafka_whole_batches, lengths_and_offsets_that_cannot_be_are_corrupt) {
  const std::string good = values_at(0, {"a"});
  const auto code_with = [&](size_t at, const std::string& bytes, const std::string& behind = {}) {
    std::string made = good + behind;
    made.replace(at, bytes.size(), bytes);
    const auto extent = kafka_whole_batches(made);
    return extent ? std::optional<error_code>() : extent.error().code;
  };
  const auto number = [](auto value) {
    std::string made;
    put(made, value);
    return made;
  };
  for (const int32_t length : {0, -1, 4, 48, std::numeric_limits<int32_t>::min()})
    EXPECT_EQ(code_with(8, number(length), good), error_code::corrupt) << length;
  for (const int64_t offset : {int64_t{-1}, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()})
    EXPECT_EQ(code_with(0, number(offset)), error_code::corrupt) << offset;
  EXPECT_EQ(code_with(23, number(int32_t{-2})), error_code::corrupt);
}

TEST(kafka_record_set, finds_a_wrong_checksum_where_it_is_to_look_and_only_there) {
  std::string batches = values_at(0, {"a"}) + values_at(1, {"b"});
  EXPECT_THAT(texts_of(batches, {.check_crcs = true}), ElementsAre("0=a", "1=b"));
  batches[batches.size() - 2] = 'B';
  EXPECT_THAT(texts_of(batches), ElementsAre("0=a", "1=B"));
  EXPECT_THAT(texts_of(batches, {.check_crcs = true}), ElementsAre("0=a", HasSubstr("checksum")));
}

TEST(kafka_record_set, a_batch_that_says_another_number_of_records_is_corrupt) {
  const std::vector<written_record> two = {{.value = "a"}, {.value = "b"}};
  EXPECT_THAT(texts_of(bytes_of({.records = two, .count = 3})), ElementsAre("0=a", "1=b", HasSubstr("longer than what is left")));
  // Those that it keeps quiet about would be lost.
  for (const int32_t fewer : {1, 0, -1}) EXPECT_THAT(texts_of(bytes_of({.records = two, .count = fewer})).back(), HasSubstr("more records")) << fewer;
  EXPECT_THAT(texts_of(bytes_of({.records = two, .count = 1}) + values_at(2, {"c"})), ElementsAre("0=a", HasSubstr("more records")));
}

TEST(kafka_record_set, an_offset_outside_of_its_batch_is_corrupt) {
  for (const int64_t delta : {int64_t{2}, std::numeric_limits<int64_t>::max()})
    EXPECT_THAT(texts_of(bytes_of({.base_offset = 5, .records = {{.value = "a"}, {.value = "b", .offset_delta = delta}}, .last_delta = 1}), {.from = 5}),
                ElementsAre("5=a", HasSubstr("offset")));
  std::string negative = values_at(5, {"a"});
  negative[64] = 1;  // -1, behind the record's length, attributes and time
  EXPECT_THAT(texts_of(negative), ElementsAre(HasSubstr("offset")));
}

TEST(kafka_record_set, ends_for_good_with_what_is_wrong) {
  buffer_pool pool;
  kafka_record_set set = set_of(bytes_of({.records = {{.value = "a"}}, .count = 2}) + values_at(2, {"c"}), pool);
  kafka_record record;
  EXPECT_TRUE(set.next(record));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(set.next(record));
  EXPECT_EQ(set.problem()->code, error_code::corrupt);
}

}  // namespace record_set_test
}  // namespace systole
