#include "connectors/kafka/kafka_outbox_frames.h"

#include <gtest/gtest.h>

#include <map>

#include "connectors/kafka/kafka_partition.h"
#include "connectors/kafka/kafka_record_encoder.h"
#include "kafka/record_set.h"
#include "sink_harness.h"
#include "tests/kafka/protocol/batch_bytes.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace kafka_outbox_frames_test {

struct frames_fixture {
  temporary_directory folder;
  committed_epoch committed = std::make_shared<std::atomic<uint64_t>>(0);
  epoch_outbox outbox{posix_file_system(), folder / "out", 1, 0, committed};
  kafka_client_options options;
  std::unique_ptr<kafka_record_encoder> encoder = kafka_record_encoder::make({.columns = test_columns(), .format = "json", .key = {0}}).value();

  result<void> add(kafka_outbox_frames& frames, const batch& made) {
    encoder->begin(made);
    while (const size_t encoded = encoder->next())
      for (size_t i = 0; i < encoded; ++i) SYSTOLE_TRY(frames.add(encoder->record(i)));
    return {};
  }
  /// What lies in the outbox behind seal(), as a broker gets it.
  std::vector<std::pair<uint32_t, std::string>> stamped() {
    std::vector<std::pair<uint32_t, std::string>> made;
    const auto segments = decode_segments(outbox.seal(epoch_id(1)).value().committable).value();
    for (const outbox_segment& each : segments) {
      const auto read = read_frames(posix_file_system(), each, [&](outbox_frame frame) -> result<void> {
        SYSTOLE_ASSIGN(const kafka_framed_batch it, read_kafka_frame(std::move(frame)));
        stamp_kafka_batch(it.batch.bytes, it.batch.size, {.producer = 7, .epoch = 1, .first_sequence = 0, .transactional = true}, it.batch.body_crc);
        made.emplace_back(it.partition, std::string(it.batch.bytes, it.batch.size));
        return {};
      });
      EXPECT_TRUE(read) << read.error().message;
      rows += each.rows;
    }
    return made;
  }
  uint64_t rows = 0;  ///< as the segments tell
};

/// A batch's records, with its checksum looked at: "key=value".
std::vector<std::string> records_of(const std::string& batch) {
  buffer_pool pool;
  kafka_record_set set = set_of(batch, pool, {.from = 0, .check_crcs = true});
  std::vector<std::string> made;
  kafka_record record;
  while (set.next(record)) made.push_back(std::string(record.key) + "=" + (record.has_value ? std::string(record.value) : "-"));
  if (set.problem()) made.push_back("!" + set.problem()->message);
  return made;
}

TEST(kafka_outbox_frames, each_record_is_in_a_batch_of_its_partition_in_order) {
  for (const kafka_codec codec : {kafka_codec::none, kafka_codec::zstd}) {
    frames_fixture it;
    it.options.batch_bytes = 700;
    it.options.codec = codec;
    constexpr uint32_t partitions = 5;
    kafka_outbox_frames frames(it.options, "stays", partitions, it.outbox);
    std::map<uint32_t, std::vector<std::string>> wanted;
    int id = 0;
    for (int n = 0; n < 40; ++n) {
      std::vector<test_row> rows;
      for (int i = 0; i < 1 + n % 7; ++i, ++id) rows.push_back({id, std::string(static_cast<size_t>(id % 90), 'x')});
      ASSERT_TRUE(it.add(frames, test_batch(rows)));
      for (const test_row& each : rows) {
        const std::string key = "{\"id\":" + std::to_string(each.id) + "}";
        wanted[static_cast<uint32_t>(kafka_key_hash(key)) % partitions].push_back(key + "={\"id\":" + std::to_string(each.id) + ",\"name\":\"" + each.name + "\"}");
      }
    }
    ASSERT_TRUE(frames.flush());
    EXPECT_EQ(frames.held_bytes(), 0u);
    std::map<uint32_t, std::vector<std::string>> found;
    size_t batches = 0;
    for (const auto& [partition, batch] : it.stamped()) {
      ++batches;
      EXPECT_LT(batch.size(), 700u + 100u);
      for (const std::string& each : records_of(batch)) found[partition].push_back(each);
    }
    EXPECT_EQ(found, wanted);
    EXPECT_GT(batches, 2 * partitions);
    EXPECT_EQ(it.rows, static_cast<uint64_t>(id));
  }
}

TEST(kafka_outbox_frames, headers_nulls_and_records_without_a_key_stay_as_they_are) {
  frames_fixture it;
  it.encoder = kafka_record_encoder::make({.columns = test_columns(), .format = "json", .headers = {{"ward", 1}}}).value();
  kafka_outbox_frames frames(it.options, "stays", 3, it.outbox);
  ASSERT_TRUE(it.add(frames, test_batch({{1, "W1"}, {2, "W2"}})));
  ASSERT_TRUE(frames.flush());
  const auto batches = it.stamped();
  ASSERT_EQ(batches.size(), 1u) << "records without a key stay with a partition for a while";
  buffer_pool pool;
  kafka_record_set set = set_of(batches[0].second, pool, {.from = 0, .check_crcs = true});
  kafka_record record;
  for (const char* ward : {"W1", "W2"}) {
    ASSERT_TRUE(set.next(record));
    EXPECT_FALSE(record.has_key);
    EXPECT_EQ(record.header("ward").value_or("-"), ward);
  }
}

TEST(kafka_outbox_frames, a_record_that_is_too_large_is_told) {
  frames_fixture it;
  it.options.record_bytes = 1000;
  kafka_outbox_frames frames(it.options, "stays", 1, it.outbox);
  ASSERT_TRUE(it.add(frames, test_batch({{1, std::string(900, 'x')}})));
  const auto added = it.add(frames, test_batch({{2, std::string(1000, 'x')}}));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, error_code::limit_exceeded);
  EXPECT_NE(added.error().message.find("topic stays"), std::string::npos) << added.error().message;
  EXPECT_EQ(added.error().message.find("xxx"), std::string::npos) << "no patient's data";
}

TEST(kafka_outbox_frames, what_gathers_has_a_limit) {
  frames_fixture it;
  it.options.batch_bytes = it.options.record_bytes = 100 << 20;
  kafka_outbox_frames frames(it.options, "stays", 50, it.outbox);
  size_t most = 0;
  for (int id = 0; id < 300; ++id) {
    ASSERT_TRUE(it.add(frames, test_batch({{id, std::string(100'000, 'x')}})));
    most = std::max(most, frames.held_bytes());
  }
  EXPECT_LE(most, limits::kafka_request_bytes);
  EXPECT_GT(most, limits::kafka_request_bytes / 2);
  EXPECT_GT(it.outbox.bytes(), 300u * 100'000u - limits::kafka_request_bytes);
}

TEST(kafka_outbox_frames, rows_of_an_older_version_are_told) {
  frames_fixture it;
  ASSERT_TRUE(it.outbox.append(test_batch({{1, "a"}, {2, "b"}})));
  const auto segments = decode_segments(it.outbox.seal(epoch_id(1)).value().committable).value();
  const auto read = read_frames(posix_file_system(), segments.at(0), [&](outbox_frame frame) -> result<void> {
    SYSTOLE_ASSIGN(const kafka_framed_batch made, read_kafka_frame(std::move(frame)));
    (void)made;
    return {};
  });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, error_code::incompatible);
}

}  // namespace kafka_outbox_frames_test
}  // namespace systole::testing
