// The Kafka source against a real broker: what it reads, where it goes on, what it refuses.
#include <algorithm>
#include <numeric>
#include <set>

#include "tests/kafka/source_fixture.h"

namespace systole {
namespace {

std::vector<int64_t> numbers(int64_t from, int64_t to) {
  std::vector<int64_t> made(static_cast<size_t>(to - from));
  std::iota(made.begin(), made.end(), from);
  return made;
}
std::vector<int64_t> sorted(std::vector<int64_t> all) {
  std::sort(all.begin(), all.end());
  return all;
}

class kafka_source : public kafka_source_fixture {};

TEST_F(kafka_source, reads_all_partitions_in_their_order) {
  broker.create_topic(topic, 3);
  give(numbers(0, 2000), 0);
  give(numbers(2000, 2500), 2);
  auto from = factory(source());
  auto read = reader(*from);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*read, seen, rows(2500)));
  EXPECT_EQ(sorted(seen.numbers), numbers(0, 2500));
  std::vector<int64_t> first;
  for (int64_t n : seen.numbers)
    if (n < 2000) first.push_back(n);
  EXPECT_EQ(first, numbers(0, 2000));
  EXPECT_EQ(seen.records, 2500u);
}

TEST_F(kafka_source, deals_partitions_over_subtasks) {
  broker.create_topic(topic, 4);
  for (int partition = 0; partition < 4; ++partition) give({partition}, partition);
  auto from = factory(source());
  auto even = reader(*from, 0, 2), odd = reader(*from, 1, 2);
  seen_rows of_even, of_odd;
  ASSERT_TRUE(poll_until(*even, of_even, rows(2)));
  ASSERT_TRUE(poll_until(*odd, of_odd, rows(2)));
  EXPECT_EQ(sorted(of_even.numbers), (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(sorted(of_odd.numbers), (std::vector<int64_t>{1, 3}));
}

TEST_F(kafka_source, goes_on_from_a_snapshot_at_another_parallelism) {
  broker.create_topic(topic, 3);
  for (int partition = 0; partition < 3; ++partition) give(numbers(partition * 1000, partition * 1000 + 700), partition);
  std::vector<std::string> snapshots;
  seen_rows seen;
  {
    auto from = factory(source());
    auto a = reader(*from, 0, 2), b = reader(*from, 1, 2);
    ASSERT_TRUE(poll_until(*a, seen, rows(500)));
    snapshots = {a->snapshot(), b->snapshot()};
  }
  auto from = factory(source());
  std::vector<std::unique_ptr<source_reader>> readers;
  for (uint32_t i = 0; i < 3; ++i) readers.push_back(reader(*from, i, 3, snapshots));
  const size_t before = seen.rows();
  std::vector<seen_rows> more(3);
  ASSERT_TRUE(poll_until(*readers[1], more[1], rows(700)));  // the partition that nobody had begun
  for (uint32_t i : {0u, 2u}) {
    const int64_t begin = i * 1000;
    const auto had = static_cast<size_t>(std::count_if(seen.numbers.begin(), seen.numbers.end(), [&](int64_t n) {
      return n >= begin && n < begin + 1000;
    }));
    ASSERT_TRUE(poll_until(*readers[i], more[i], rows(700 - had)));
  }
  EXPECT_LT(before, 2100u);
  for (const seen_rows& each : more) seen.numbers.insert(seen.numbers.end(), each.numbers.begin(), each.numbers.end());
  std::vector<int64_t> all = numbers(0, 700);
  for (int64_t begin : {1000, 2000})
    for (int64_t n : numbers(begin, begin + 700)) all.push_back(n);
  EXPECT_EQ(sorted(seen.numbers), all);
}

TEST_F(kafka_source, keeps_its_positions_while_no_broker_answers) {
  broker.create_topic(topic);
  give(numbers(0, 10));
  const std::string snapshot = snapshot_after(10);
  proto::Source unreachable = source();
  (*unreachable.mutable_connection()->mutable_settings())["bootstrap.servers"] = "127.0.0.1:1";
  std::string passed_on;
  {
    auto from = factory(unreachable);
    passed_on = reader(*from, 0, 1, {snapshot})->snapshot();
  }
  give(numbers(10, 12));
  auto from = factory(source());
  auto read = reader(*from, 0, 1, {passed_on});
  seen_rows seen;
  ASSERT_TRUE(poll_until(*read, seen, rows(2)));
  EXPECT_EQ(seen.numbers, numbers(10, 12));
}

TEST_F(kafka_source, begins_where_it_is_told) {
  broker.create_topic(topic, 2);
  std::vector<topic_record> records;
  for (int64_t n = 0; n < 10; ++n) records.push_back({.value = value(n), .timestamp_ms = 1'000 + n, .partition = 0});
  produce(broker.servers(), topic, records);
  produce_values(broker.servers(), topic, {value(100)}, 1);
  proto::Source from_time = source();
  from_time.mutable_kafka()->set_start(proto::KafkaSource::TIMESTAMP);
  from_time.mutable_kafka()->set_start_timestamp_us(1'006'001);  // between two records
  seen_rows of_time;
  {
    auto from = factory(from_time);
    ASSERT_TRUE(poll_until(*reader(*from), of_time, rows(4)));
  }
  EXPECT_EQ(sorted(of_time.numbers), (std::vector<int64_t>{7, 8, 9, 100}));
  proto::Source from_offsets = source();
  from_offsets.mutable_kafka()->set_start(proto::KafkaSource::OFFSETS);
  (*from_offsets.mutable_kafka()->mutable_start_offsets())[0] = 8;
  seen_rows of_offsets;
  {
    auto from = factory(from_offsets);
    ASSERT_TRUE(poll_until(*reader(*from), of_offsets, rows(3)));
  }
  EXPECT_EQ(sorted(of_offsets.numbers), (std::vector<int64_t>{8, 9, 100}));
  proto::Source latest = source();
  latest.mutable_kafka()->set_start(proto::KafkaSource::LATEST);
  auto from = factory(latest);
  auto read = reader(*from);
  seen_rows of_latest;
  // A position is there once the partition was found.
  ASSERT_TRUE(poll_until(*read, of_latest, [&](const seen_rows&) { return read->snapshot().size() > 100; }));
  produce_values(broker.servers(), topic, {value(200)}, 0);
  ASSERT_TRUE(poll_until(*read, of_latest, rows(1)));
  EXPECT_EQ(of_latest.numbers, std::vector<int64_t>{200});
}

TEST_F(kafka_source, ends_with_what_was_there_when_bounded) {
  broker.create_topic(topic, 3);  // one of them empty
  give(numbers(0, 1500), 0);
  give(numbers(1500, 1600), 1);
  // Behind the last record there are offsets of transactions' ends.
  kafka_transaction transaction(broker.servers(), topic);
  transaction.begin();
  transaction.produce(topic, {{.value = value(1600), .partition = 1}});
  transaction.commit();
  transaction.begin();
  transaction.produce(topic, {{.value = value(9999), .partition = 1}});
  transaction.abort();
  proto::Source bounded = timed();
  bounded.mutable_kafka()->set_bounded(true);
  auto from = factory(bounded);
  EXPECT_TRUE(from->bounded());
  auto read = reader(*from);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*read, seen, rows(1)));
  give({5000}, 0);  // too late
  ASSERT_TRUE(poll_until(*read, seen, [](const seen_rows& it) { return it.finished; }));
  EXPECT_EQ(sorted(seen.numbers), numbers(0, 1601));
  EXPECT_EQ(seen.watermark, watermark_end);
  // Restored, it ends at the same place.
  auto again = factory(bounded);
  seen_rows rest;
  ASSERT_TRUE(poll_until(*reader(*again, 0, 1, {read->snapshot()}), rest, [](const seen_rows& it) { return it.finished; }));
  EXPECT_EQ(rest.rows(), 0u);
}

TEST_F(kafka_source, finds_new_partitions_and_reads_them_from_their_start) {
  broker.create_topic(topic, 1);
  give({1}, 0);
  proto::Source latest = source();
  latest.mutable_kafka()->set_start(proto::KafkaSource::LATEST);
  auto from = factory(latest);
  auto read = reader(*from);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*read, seen, [&](const seen_rows&) { return read->snapshot().size() > 60; }));
  broker.add_partitions(topic, 2);
  give({2}, 1);
  ASSERT_TRUE(poll_until(*read, seen, rows(1)));
  EXPECT_EQ(seen.numbers, std::vector<int64_t>{2});
}

TEST_F(kafka_source, goes_on_when_the_broker_was_killed) {
  broker.create_topic(topic);
  give(numbers(0, 3000));
  auto from = factory(source());
  auto read = reader(*from);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*read, seen, rows(1)));
  broker.restart();  // kill -9
  give(numbers(3000, 3100));
  ASSERT_TRUE(poll_until(*read, seen, rows(3100)));
  EXPECT_EQ(seen.numbers, numbers(0, 3100));
}

TEST_F(kafka_source, tells_a_missing_topic) {
  auto from = factory(source());
  auto read = reader(*from);
  seen_rows seen;
  const auto failed = poll_until(*read, seen, rows(1));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, error_code::not_found) << failed.error().message;
  EXPECT_NE(failed.error().message.find(topic), std::string::npos);
}

TEST_F(kafka_source, never_jumps_over_deleted_records) {
  broker.create_topic(topic);
  give(numbers(0, 10));
  const std::string snapshot = snapshot_after(10);
  give(numbers(10, 20));
  broker.delete_records(topic, 0, 15);
  auto from = factory(source());
  auto read = reader(*from, 0, 1, {snapshot});
  seen_rows seen;
  const auto failed = poll_until(*read, seen, rows(1));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, error_code::incompatible);
  for (const char* part : {"/0", "offset 10", "kept is 15"})
    EXPECT_NE(failed.error().message.find(part), std::string::npos) << failed.error().message;
  EXPECT_EQ(seen.rows(), 0u);
}

TEST_F(kafka_source, never_begins_anew_in_a_topic_that_was_cut) {
  broker.create_topic(topic);
  give(numbers(0, 10));
  const std::string snapshot = snapshot_after(10);
  broker.delete_topic(topic);
  broker.create_topic(topic);
  give({1});
  auto from = factory(source());
  auto read = reader(*from, 0, 1, {snapshot});
  seen_rows seen;
  const auto failed = poll_until(*read, seen, rows(1));
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("offset 10"), std::string::npos) << failed.error().message;
  EXPECT_NE(failed.error().message.find("ends before it"), std::string::npos) << failed.error().message;
}

TEST_F(kafka_source, refuses_positions_of_another_topic) {
  broker.create_topic(topic);
  give({1});
  auto from = factory(source());
  const std::string snapshot = reader(*from)->snapshot();
  proto::Source other = source();
  other.mutable_kafka()->set_topic("another");
  const auto refused = factory(other)->make_reader(0, 1, {snapshot});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::incompatible);
}

TEST_F(kafka_source, sees_no_open_or_aborted_transaction) {
  broker.create_topic(topic);
  auto from = factory(source());
  auto read = reader(*from);
  seen_rows seen;
  kafka_transaction aborted(broker.servers(), topic + "-a"), committed(broker.servers(), topic + "-c");
  aborted.begin();
  aborted.produce(topic, {{.value = value(1), .partition = 0}});
  committed.begin();
  committed.produce(topic, {{.value = value(2), .partition = 0}});
  committed.commit();
  aborted.abort();
  ASSERT_TRUE(poll_until(*read, seen, rows(1)));
  EXPECT_EQ(seen.numbers, std::vector<int64_t>{2});
}

TEST_F(kafka_source, sleeps_while_nothing_comes_and_is_woken) {
  broker.create_topic(topic, 2);
  give({1}, 0);
  auto from = factory(source());
  auto read = reader(*from);
  seen_rows seen;
  ASSERT_TRUE(poll_until(*read, seen, rows(1)));
  // Two seconds of nothing.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  const size_t before = seen.polls;
  const std::clock_t cpu = std::clock();
  ASSERT_TRUE(poll_until(*read, seen, [&](const seen_rows&) { return std::chrono::steady_clock::now() > end; }));
  EXPECT_LT(seen.polls - before, 30u);
  EXPECT_LT(std::clock() - cpu, CLOCKS_PER_SEC / 10);
  // A record wakes the reader at once, not after its longest wait.
  give({2}, 1);
  const auto sent = std::chrono::steady_clock::now();
  ASSERT_TRUE(poll_until(*read, seen, rows(2)));
  EXPECT_LT(std::chrono::steady_clock::now() - sent, std::chrono::milliseconds(800));
}

}  // namespace
}  // namespace systole
