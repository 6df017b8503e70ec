#include "connectors/kafka/kafka_record_batch.h"

#include <gtest/gtest.h>

#include "tests/kafka/protocol/batch_bytes.h"

namespace systole {
namespace kafka_record_batch_test {

using namespace systole::testing;

proto::Source source() {
  proto::Source made;
  made.mutable_kafka()->set_topic("vitals");
  made.mutable_decoder()->set_format(proto::Decoder::JSON);
  const auto add = [&](const char* name, type_id type, proto::SourceColumn::KafkaPart part) {
    proto::SourceColumn& column = *made.add_columns();
    column.mutable_field()->set_name(name);
    column.mutable_field()->mutable_type()->set_id(static_cast<uint32_t>(type));
    column.add_path(name);
    column.set_kafka(part);
  };
  add("n", type_id::int64, proto::SourceColumn::VALUE);
  add("sent", type_id::timestamptz, proto::SourceColumn::TIMESTAMP);
  add("key", type_id::text, proto::SourceColumn::KEY);
  return made;
}

kafka_record_batch::taken taken_of(const std::string& batches) {
  auto made = kafka_record_batch::make(source(), 100);
  EXPECT_TRUE(made);
  buffer_pool pool;
  kafka_record_set set = set_of(batches, pool);
  kafka_record record;
  while (set.next(record)) EXPECT_TRUE((*made)->add(record, set.block(), 0));
  return std::move(*(*made)->take());
}

/// Some producers send microseconds or nanoseconds for milliseconds.
TEST(kafka_record_batch, a_time_that_no_column_holds_is_null) {
  std::string batches;
  int64_t offset = 0;
  for (const int64_t ms : {int64_t{1'767'225'600'000}, INT64_MAX / 1000 - 1, INT64_MAX / 1000, int64_t{1'767'225'600'000'000'000}, INT64_MAX, int64_t{-1}})
    batches += bytes_of({.base_offset = offset++, .records = {{.value = R"({"n":1})"}}, .base_timestamp = ms});
  const auto made = taken_of(batches);
  ASSERT_EQ(made.decoded.rows, 6u);
  const column& sent = *made.decoded.columns[1];
  EXPECT_EQ(sent.values<int64_t>()[0], 1'767'225'600'000'000);
  EXPECT_EQ(sent.values<int64_t>()[1], (INT64_MAX / 1000 - 1) * 1000);
  for (size_t row = 2; row < 6; ++row) EXPECT_TRUE(sent.is_null(row)) << row;
}

TEST(kafka_record_batch, keys_are_kept_though_lines_lie_over_them) {
  const auto made = taken_of(bytes_of({.records = {{.key = "p1", .value = R"({"n":1})"}, {.key = "p2", .value = R"({"n":})"}, {.key = "p3", .value = R"({"n":3})"}}}));
  ASSERT_EQ(made.decoded.rows, 2u);
  EXPECT_EQ(made.decoded.columns[0]->values<int64_t>()[1], 3);
  EXPECT_EQ(made.decoded.columns[2]->text(0), "p1");
  EXPECT_EQ(made.decoded.columns[2]->text(1), "p3");
  EXPECT_EQ(made.decoded.offsets, (std::vector<uint64_t>{0, 2}));
  ASSERT_EQ(made.decoded.rejects.size(), 1u);
  EXPECT_EQ(made.decoded.rejects[0].offset, 1u);
  EXPECT_EQ(made.decoded.rejects[0].raw, R"({"n":})");
}

}  // namespace kafka_record_batch_test
}  // namespace systole
