#include "kafka/batch_writer.h"

#include <gtest/gtest.h>

#include <map>

#include "kafka/record_set.h"
#include "tests/kafka/protocol/batch_bytes.h"

namespace systole {
namespace batch_writer_test {

using namespace systole::testing;

constexpr kafka_producer_stamp stamp{.producer = 7, .epoch = 3, .first_sequence = 41, .transactional = true};

std::string text_of(int n) { return "{\"n\":" + std::to_string(n) + ",\"department\":\"ICU\"}"; }

/// Records of every shape: a key or none, a value or none, headers with and without values.
kafka_batch_writer written(int records) {
  kafka_batch_writer made;
  for (int n = 0; n < records; ++n) {
    const std::string key = "p" + std::to_string(n), value = text_of(n);
    const std::string_view key_text = key, value_text = value, ward = "W1";
    std::vector<kafka_batch_writer::header> headers;
    if (n % 3 == 0) headers = {{"ward", &ward}, {"none", nullptr}};
    made.add(n % 2 ? &key_text : nullptr, n % 5 ? &value_text : nullptr, headers);
  }
  return made;
}

/// The writer's batch behind `room` bytes, stamped.
result<std::string> finished(kafka_batch_writer& writer, kafka_codec codec, int level = -1, std::string spare = {}, size_t room = 0) {
  SYSTOLE_ASSIGN(kafka_batch_writer::batch made, writer.finish(1'767'225'600'000, codec, level, std::move(spare)));
  stamp_kafka_batch(made.bytes.data() + room, made.bytes.size() - room, stamp, made.body_crc);
  return std::move(made.bytes);
}

/// Checks that a reader finds what written() has.
void expect_read(const std::string& batch, int records) {
  buffer_pool pool;
  kafka_record_set set = set_of(batch, pool, {.from = 0, .check_crcs = true});
  kafka_record record;
  int n = 0;
  for (; set.next(record); ++n) {
    EXPECT_EQ(record.offset, n);
    EXPECT_EQ(record.timestamp_ms, 1'767'225'600'000);
    ASSERT_EQ(record.has_key, n % 2 == 1) << n;
    ASSERT_EQ(record.has_value, n % 5 != 0) << n;
    if (record.has_key) {
      EXPECT_EQ(record.key, "p" + std::to_string(n));
    }
    if (record.has_value) {
      EXPECT_EQ(record.value, text_of(n));
    }
    EXPECT_EQ(record.header("ward").value_or("-"), n % 3 ? "-" : "W1");
    EXPECT_FALSE(record.header("none"));
  }
  EXPECT_FALSE(set.problem()) << set.problem()->message;
  EXPECT_EQ(n, records);
}

TEST(kafka_batch_writer, writes_what_a_reader_finds_in_every_codec) {
  constexpr int records = 500;
  std::map<kafka_codec, size_t> sizes;
  for (const kafka_codec codec : {kafka_codec::none, kafka_codec::gzip, kafka_codec::snappy, kafka_codec::lz4, kafka_codec::zstd})
    for (const int level : {-1, 1, 9}) {
      SCOPED_TRACE(::testing::Message() << "codec " << static_cast<int>(codec) << ", level " << level);
      kafka_batch_writer writer = written(records);
      const auto batch = finished(writer, codec, level);
      ASSERT_TRUE(batch.has_value()) << batch.error().message;
      EXPECT_EQ(kafka_whole_batches(*batch)->next_offset, records);
      expect_read(*batch, records);
      sizes[codec] = batch->size();
    }
  for (const auto& [codec, size] : sizes)
    if (codec != kafka_codec::none) {
      EXPECT_LT(size, sizes[kafka_codec::none] / 2) << static_cast<int>(codec);
    }
}

TEST(kafka_batch_writer, begins_anew_in_spare_memory) {
  kafka_batch_writer writer = written(20);
  auto first = finished(writer, kafka_codec::none);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(writer.records(), 0);
  writer = written(30);
  const auto second = finished(writer, kafka_codec::none, -1, std::move(*first));
  ASSERT_TRUE(second.has_value());
  expect_read(*second, 30);
  const std::string_view value = "last";
  writer.add(nullptr, &value, {});
  const auto third = finished(writer, kafka_codec::none);
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(texts_of(*third), std::vector<std::string>{"0=last"});
}

TEST(kafka_batch_writer, a_record_takes_no_more_than_it_says) {
  kafka_batch_writer writer;
  for (const size_t size : {0u, 63u, 64u, 8'191u, 8'192u, 1'048'576u}) {
    const std::string text(size, 'x');
    const std::string_view value = text, name = "h";
    for (const std::string_view* key : {static_cast<const std::string_view*>(nullptr), &value}) {
      const size_t before = writer.record_bytes();
      writer.add(key, &value, {{name, &value}});
      EXPECT_LE(writer.record_bytes() - before, kafka_batch_writer::record_size(key, &value, {{name, &value}})) << size;
    }
  }
}

TEST(kafka_batch_writer, leaves_room_before_each_batch) {
  for (const kafka_codec codec : {kafka_codec::none, kafka_codec::zstd}) {
    kafka_batch_writer writer(20);
    std::string spare;
    for (int n = 0; n < 3; ++n) {
      const std::string text = text_of(n);
      const std::string_view value = text;
      EXPECT_EQ(writer.record_bytes(), 0u);
      writer.add(nullptr, &value, {});
      auto made = finished(writer, codec, -1, std::move(spare), 20);
      ASSERT_TRUE(made.has_value());
      EXPECT_EQ(made->substr(0, 20), std::string(20, '\0'));
      EXPECT_EQ(kafka_batch_records(made->substr(20)), 1);
      EXPECT_EQ(texts_of(made->substr(20)), std::vector<std::string>{"0=" + text});
      spare = std::move(*made);
    }
  }
}

TEST(kafka_batch_writer, a_batch_can_be_stamped_again) {
  // A transaction that was given up is staged again by another producer; the checksum is the whole batch's each time.
  kafka_batch_writer writer = written(10);
  auto made = writer.finish(1'767'225'600'000, kafka_codec::none, -1);
  ASSERT_TRUE(made.has_value());
  for (const int16_t epoch : {1, 2, 3}) {
    kafka_producer_stamp by = stamp;
    by.epoch = epoch;
    by.transactional = epoch != 2;
    stamp_kafka_batch(made->bytes.data(), made->bytes.size(), by, made->body_crc);
    expect_read(made->bytes, 10);
  }
}

TEST(kafka_batch_writer, tells_what_is_no_whole_batch) {
  kafka_batch_writer writer = written(10);
  const std::string batch = finished(writer, kafka_codec::none).value();
  EXPECT_EQ(kafka_batch_records(batch), 10);
  for (size_t size = 0; size < batch.size(); ++size) EXPECT_EQ(kafka_batch_records(batch.substr(0, size)), 0) << size;
  EXPECT_EQ(kafka_batch_records(batch + "x"), 0);
}

}  // namespace batch_writer_test
}  // namespace systole
