// What a record becomes: columns beside its value, tombstones, rejects; and event time over partitions.
#include <algorithm>

#include "tests/kafka/source_fixture.h"

namespace systole {
namespace {

class kafka_source_records : public kafka_source_fixture {};

TEST_F(kafka_source_records, gives_keys_headers_and_places_as_columns) {
  broker.create_topic(topic, 2);
  produce(broker.servers(), topic,
          {{.key = "p1", .value = value(1), .headers = {{"trace", "old"}, {"trace", "new"}}, .timestamp_ms = 1'767'225'600'123, .partition = 1},
           {.key = std::nullopt, .value = value(2), .timestamp_ms = 1'767'225'600'124, .partition = 1}});
  proto::Source wanted = source();
  add_column(wanted, "record_key", type_id::text, proto::SourceColumn::KEY);
  proto::SourceColumn& trace = add_column(wanted, "trace", type_id::bytea, proto::SourceColumn::HEADER);
  trace.set_path(0, "trace");
  add_column(wanted, "sent", type_id::timestamptz, proto::SourceColumn::TIMESTAMP);
  add_column(wanted, "part", type_id::int32, proto::SourceColumn::PARTITION);
  add_column(wanted, "place", type_id::int64, proto::SourceColumn::OFFSET);
  add_column(wanted, "origin", type_id::text, proto::SourceColumn::TOPIC);
  // Time of arrival from the broker, as the plan writes it.
  proto::SourceColumn& arrival = add_column(wanted, "kafka.timestamp", type_id::timestamptz, proto::SourceColumn::TIMESTAMP);
  arrival.set_checked_only(true);
  wanted.set_needs_ingestion_time(true);
  wanted.mutable_ingestion_time()->set_sql("\"kafka.timestamp\"");
  auto from = factory(wanted);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*reader(*from), seen, rows(2)));
  ASSERT_EQ(seen.batches.size(), 1u);
  const batch& made = seen.batches[0];
  EXPECT_EQ(made.at(2).text(0), "p1");
  EXPECT_TRUE(made.at(2).is_null(1));
  EXPECT_EQ(made.at(3).text(0), "new");
  EXPECT_TRUE(made.at(3).is_null(1));
  EXPECT_EQ(made.at(4).values<int64_t>()[0], 1'767'225'600'123'000);
  EXPECT_EQ(made.at(5).values<int32_t>()[1], 1);
  EXPECT_EQ(made.at(6).values<int64_t>()[1], 1);
  EXPECT_EQ(made.at(7).text(1), topic);
  ASSERT_NE(made.hidden_column(hidden::ingestion_time), nullptr);
  EXPECT_EQ(made.hidden_column(hidden::ingestion_time)->values<int64_t>()[1], 1'767'225'600'124'000);
}

TEST_F(kafka_source_records, rejects_with_place_and_bytes_and_goes_on) {
  broker.create_topic(topic, 2);
  const std::string pretty = "{\n  \"n\": 4,\n  \"at\": \"2026-01-01T00:00:00Z\"\n}\n";
  produce_values(broker.servers(), topic,
                 {value(1), "not json", "", "{\"n\":2}\n{\"n\":3}", pretty, "{\"n\": 5, \"s\": \"a\nb\"}", value(6)}, 1);
  proto::Source wanted = source();
  wanted.set_needs_raw(true);
  wanted.set_needs_position(true);
  auto from = factory(wanted);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*reader(*from), seen, rows(3)));
  EXPECT_EQ(seen.numbers, (std::vector<int64_t>{1, 4, 6}));
  EXPECT_EQ(seen.records, 7u);
  std::sort(seen.rejects.begin(), seen.rejects.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  ASSERT_EQ(seen.rejects.size(), 4u);
  const std::vector<std::string> raws{"not json", "", "{\"n\":2}\n{\"n\":3}", "{\"n\": 5, \"s\": \"a\nb\"}"};
  const std::vector<uint64_t> offsets{1, 2, 3, 5};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(seen.rejects[i].raw, raws[i]);
    EXPECT_EQ(seen.rejects[i].offset, offsets[i]);
    EXPECT_EQ(seen.rejects[i].partition, 1u);
    EXPECT_EQ(seen.rejects[i].topic, topic);
    EXPECT_EQ(seen.rejects[i].reason.find("not json"), std::string::npos);
  }
  EXPECT_EQ(row_position::unpack(seen.batches.back().position(seen.batches.back().rows() - 1)).offset, 6u);
}

TEST_F(kafka_source_records, skips_tombstones_and_counts_them) {
  broker.create_topic(topic);
  produce(broker.servers(), topic, {{.key = "a", .value = value(1), .partition = 0}, {.key = "a", .value = std::nullopt, .partition = 0},
                                    {.key = "b", .value = value(2), .partition = 0}});
  auto from = factory(source());
  seen_rows seen;
  ASSERT_TRUE(poll_until(*reader(*from), seen, rows(2)));
  EXPECT_EQ(seen.records, 3u);
  EXPECT_EQ(seen.filtered, 1u);
}

TEST_F(kafka_source_records, gives_tombstones_as_rows_where_they_are_asked_for) {
  broker.create_topic(topic);
  produce(broker.servers(), topic, {{.key = "a", .value = value(1), .partition = 0}, {.key = "a", .value = std::nullopt, .partition = 0}});
  proto::Source wanted = source();
  add_column(wanted, "k", type_id::text, proto::SourceColumn::KEY);
  add_column(wanted, "gone", type_id::boolean, proto::SourceColumn::TOMBSTONE);
  auto from = factory(wanted);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*reader(*from), seen, rows(2)));
  const batch& made = seen.batches.back();
  const size_t last = made.rows() - 1;
  EXPECT_TRUE(made.at(0).is_null(last));
  EXPECT_EQ(made.at(2).text(last), "a");
  EXPECT_EQ(made.at(3).values<uint8_t>()[last], 1);
}

TEST_F(kafka_source_records, rejects_missing_and_broken_keys_where_they_are_demanded) {
  broker.create_topic(topic);
  produce(broker.servers(), topic, {{.key = "a", .value = value(1), .partition = 0}, {.key = std::nullopt, .value = value(2), .partition = 0},
                                    {.key = "\xff", .value = value(3), .partition = 0}, {.key = "b", .value = value(4), .partition = 0}});
  proto::Source wanted = source();
  add_column(wanted, "k", type_id::text, proto::SourceColumn::KEY).mutable_field()->set_not_null(true);
  auto from = factory(wanted);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*reader(*from), seen, rows(2)));
  EXPECT_EQ(seen.numbers, (std::vector<int64_t>{1, 4}));
  ASSERT_EQ(seen.rejects.size(), 2u);
  EXPECT_EQ(seen.rejects[0].sqlstate, "23502");
  EXPECT_EQ(seen.rejects[1].sqlstate, "22021");
  EXPECT_EQ(seen.records, seen.rows() + seen.rejects.size());
}

TEST_F(kafka_source_records, reads_csv_in_the_order_of_the_schema) {
  broker.create_topic(topic);
  produce_values(broker.servers(), topic, {"1,2026-01-01T00:00:00Z", "2,\"2026-01-01T00:00:00Z\"\n", "3,x\n4,y"});
  proto::Source wanted = source();
  wanted.mutable_decoder()->set_format(proto::Decoder::CSV);
  wanted.mutable_decoder()->set_delimiter(",");
  wanted.mutable_decoder()->set_quote("\"");
  auto from = factory(wanted);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*reader(*from), seen, rows(2)));
  EXPECT_EQ(seen.numbers, (std::vector<int64_t>{1, 2}));
  ASSERT_EQ(seen.rejects.size(), 1u);
  EXPECT_EQ(seen.rejects[0].offset, 2u);
}

class kafka_source_time : public kafka_source_fixture {};

TEST_F(kafka_source_time, an_idle_partition_holds_the_watermark_back_until_its_time_out) {
  broker.create_topic(topic, 2);
  produce_values(broker.servers(), topic, {value(1, 100)}, 0);
  produce_values(broker.servers(), topic, {value(2, 10)}, 1);
  auto from = factory(timed(60'000'000));
  auto read = reader(*from);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*read, seen, [](const seen_rows& it) { return it.watermark != watermark_none && it.rows() == 2; }));
  EXPECT_EQ(seen.watermark, first_us + 10'000'000 - 1);
  // Only partition 0 goes on; a minute later partition 1 has no say.
  produce_values(broker.servers(), topic, {value(3, 200)}, 0);
  ASSERT_TRUE(poll_until(*read, seen, rows(3)));
  EXPECT_EQ(seen.watermark, first_us + 10'000'000 - 1);
  time.shift_us += 61'000'000;
  produce_values(broker.servers(), topic, {value(4, 300)}, 0);
  ASSERT_TRUE(poll_until(*read, seen, [&](const seen_rows& it) { return it.watermark >= first_us + 300'000'000 - 1; }));
  // All idle: the watermark stands, and the reader has no say.
  time.shift_us += 61'000'000;
  ASSERT_TRUE(poll_until(*read, seen, [](const seen_rows& it) { return it.idle; }));
  EXPECT_EQ(seen.watermark, first_us + 300'000'000 - 1);
}

TEST_F(kafka_source_time, a_partition_that_never_times_out_holds_it_back) {
  broker.create_topic(topic, 2);
  produce_values(broker.servers(), topic, {value(1, 100)}, 0);
  auto from = factory(timed(0));
  auto read = reader(*from);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*read, seen, rows(1)));
  time.shift_us += 3'600'000'000;
  produce_values(broker.servers(), topic, {value(2, 200)}, 0);
  ASSERT_TRUE(poll_until(*read, seen, rows(2)));
  EXPECT_EQ(seen.watermark, watermark_none);
  EXPECT_FALSE(seen.idle);
}

TEST_F(kafka_source_time, a_partition_too_far_ahead_waits_for_the_slowest_of_all_subtasks) {
  broker.create_topic(topic, 2);
  std::vector<std::string> fast;
  for (int64_t n = 0; n < 4096; ++n) fast.push_back(value(n, n));
  produce_values(broker.servers(), topic, fast, 0);
  produce_values(broker.servers(), topic, {value(10'000, 0)}, 1);
  auto from = factory(timed(0, 1'500'000'000));  // 1,500 s
  auto ahead = reader(*from, 0, 2), slow = reader(*from, 1, 2);
  seen_rows of_slow, of_ahead;
  ASSERT_TRUE(poll_until(*slow, of_slow, [](const seen_rows& it) { return it.watermark != watermark_none; }));
  // It stops past 1,500 s: at the end of the second 1,024 records.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1'500);
  ASSERT_TRUE(poll_until(*ahead, of_ahead, [&](const seen_rows&) { return std::chrono::steady_clock::now() > end; }));
  EXPECT_EQ(of_ahead.rows(), 2048u);
  EXPECT_FALSE(of_ahead.idle);
  produce_values(broker.servers(), topic, {value(10'001, 4000)}, 1);
  ASSERT_TRUE(poll_until(*slow, of_slow, [&](const seen_rows& it) { return it.watermark > first_us + 3'000'000'000; }));
  ASSERT_TRUE(poll_until(*ahead, of_ahead, rows(4096)));
}

TEST_F(kafka_source_time, goes_on_with_the_watermark_of_the_snapshot) {
  broker.create_topic(topic);
  produce_values(broker.servers(), topic, {value(1, 100)});
  std::string snapshot;
  {
    auto from = factory(timed());
    auto read = reader(*from);
    seen_rows seen;
    ASSERT_TRUE(poll_until(*read, seen, [](const seen_rows& it) { return it.watermark != watermark_none; }));
    snapshot = read->snapshot();
  }
  auto from = factory(timed());
  auto read = reader(*from, 0, 1, {snapshot});
  seen_rows seen;
  ASSERT_TRUE(poll_until(*read, seen, [](const seen_rows& it) { return it.watermark != watermark_none; }));
  EXPECT_EQ(seen.watermark, first_us + 100'000'000 - 1);
  EXPECT_EQ(seen.rows(), 0u);
}

}  // namespace
}  // namespace systole
