#include "kafka/partition_tail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kafka/protocol/fake_cluster.h"

namespace systole {
namespace partition_tail_test {

using namespace systole::testing;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// One broker, or two, of which the last one leads partition 3; it has nine records in three batches.
struct tail_fixture {
  explicit tail_fixture(int32_t nodes = 1) : cluster(nodes) {
    for (const char* each : {"a", "d", "g"}) log.add({each, std::string(1, static_cast<char>(each[0] + 1)), std::string(1, static_cast<char>(each[0] + 2))});
    cluster.leaders.partitions = {{0, 1}, {3, nodes}};
    cluster.offsets = [this](int32_t, int32_t partition, int64_t which) { return reaction{listed_answer(partition, which == -2 ? 2 : log.end())}; };
    cluster.fetch = [this](int32_t node, const asked_fetch& asked) {
      asked_nodes.push_back(node);
      return give({log.part(3, asked.offset_of(3))});
    };
    options.connection = "hospital";
    options.answer_time = options.connect_time = milliseconds(300);
    const metadata_answer::node first = cluster.node(1);
    options.bootstrap = {{first.host, first.port}};
  }
  std::unique_ptr<kafka_partition_tail> tail() { return kafka_partition_tail::make(options, "vitals", 3).value(); }
  /// The values from `from` to the end, or what is wrong.
  std::vector<std::string> read(kafka_partition_tail& from, int64_t offset) {
    std::vector<std::string> values;
    const auto done = from.read(offset, log.end(), [&](const kafka_record& record) -> result<void> {
      values.emplace_back(record.value);
      return {};
    });
    if (!done) values.push_back("!" + std::to_string(static_cast<int>(done.error().code)) + " " + done.error().message);
    return values;
  }

  fake_log log;
  fake_cluster cluster;
  std::vector<int32_t> asked_nodes;
  kafka_client_options options;
};

TEST(kafka_partition_tail, reads_from_an_offset_up_to_the_end) {
  tail_fixture it;
  const auto tail = it.tail();
  const auto extent = tail->look();
  ASSERT_TRUE(extent) << extent.error().message;
  EXPECT_EQ(extent->first, 2);
  EXPECT_EQ(extent->end, 9);
  EXPECT_THAT(it.read(*tail, 4), ElementsAre("e", "f", "g", "h", "i"));
  EXPECT_THAT(it.read(*tail, 8), ElementsAre("i"));
  EXPECT_TRUE(it.read(*tail, 9).empty());
}

TEST(kafka_partition_tail, asks_the_leader) {
  tail_fixture it(2);
  EXPECT_THAT(it.read(*it.tail(), 7), ElementsAre("h", "i"));
  EXPECT_THAT(it.asked_nodes, ElementsAre(2));
}

TEST(kafka_partition_tail, looks_for_another_leader_after_a_failure) {
  tail_fixture it(2);
  int32_t leader = 1;
  it.cluster.leaders.partitions = {{3, 1}};
  it.cluster.fetch = [&](int32_t node, const asked_fetch& asked) {
    return give({node == leader ? it.log.part(3, asked.offset_of(3)) : fetched_part{.partition = 3, .error = 6}});
  };
  const auto tail = it.tail();
  EXPECT_EQ(it.read(*tail, 6).size(), 3u);
  it.cluster.locked([&] { leader = 2; });
  const auto refused = tail->read(6, 9, [](const kafka_record&) -> result<void> { return {}; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::unavailable) << refused.error().message;
  it.cluster.locked([&] { it.cluster.leaders.partitions = {{3, 2}}; });
  EXPECT_EQ(it.read(*tail, 6).size(), 3u);
}

TEST(kafka_partition_tail, does_not_take_what_an_open_transaction_hides_for_the_end) {
  tail_fixture it;
  it.cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    fetched_part part{.partition = 3, .last_stable = 6};
    if (asked.offset_of(3) < 6) part = it.log.part(3, asked.offset_of(3));
    return give({part});
  };
  const auto values = it.read(*it.tail(), 3);
  ASSERT_EQ(values.size(), 4u);
  EXPECT_THAT(values.back(), HasSubstr("is a transaction open?"));
}

TEST(kafka_partition_tail, tells_failures_apart) {
  tail_fixture it;
  const auto code_with = [&](int16_t error) {
    it.cluster.locked([&] { it.cluster.offsets = [error](int32_t, int32_t partition, int64_t) { return reaction{listed_answer(partition, -1, error)}; }; });
    const auto extent = it.tail()->look();
    EXPECT_FALSE(extent);
    return extent ? error_code::internal : extent.error().code;
  };
  EXPECT_EQ(code_with(3), error_code::not_found);
  EXPECT_EQ(code_with(6), error_code::unavailable);
  EXPECT_EQ(code_with(29), error_code::invalid_argument);
  EXPECT_EQ(code_with(78), error_code::unavailable);  // a leader that is new
  it.cluster.locked([&] { it.cluster.offsets = [](int32_t, int32_t, int64_t) { return reaction{.cut_after = 6}; }; });
  EXPECT_EQ(it.tail()->look().error().code, error_code::unavailable);
  it.cluster.locked([&] { it.cluster.offsets = [](int32_t, int32_t, int64_t) { return reaction{"no answer to this"}; }; });
  EXPECT_EQ(it.tail()->look().error().code, error_code::corrupt);
  it.cluster.locked([&] { it.cluster.offsets = [](int32_t, int32_t, int64_t) { return reaction{.silent = true}; }; });
  EXPECT_EQ(it.tail()->look().error().code, error_code::unavailable);
  it.cluster.locked([&] { it.cluster.leaders.partitions = {{3, -1}}; });
  const auto leaderless = it.tail()->look();
  EXPECT_EQ(leaderless.error().code, error_code::unavailable);
  EXPECT_THAT(leaderless.error().message, HasSubstr("partition 3 of the topic vitals has no leader"));
}

TEST(kafka_partition_tail, gives_no_record_whose_batch_is_damaged) {
  tail_fixture it;
  it.cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    fetched_part part = it.log.part(3, asked.offset_of(3));
    part.records.back() ^= 1;
    return give({part});
  };
  const auto values = it.read(*it.tail(), 0);
  ASSERT_EQ(values.size(), 1u);
  EXPECT_THAT(values[0], HasSubstr("checksum"));
}

}  // namespace partition_tail_test
}  // namespace systole
