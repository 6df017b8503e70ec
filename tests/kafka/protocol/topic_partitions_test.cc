#include "kafka/topic_partitions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kafka/protocol/fake_cluster.h"

namespace systole {
namespace topic_partitions_test {

using namespace systole::testing;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

kafka_client_options options_for(const fake_cluster& cluster, std::vector<int32_t> nodes) {
  kafka_client_options made;
  made.connection = "hospital";
  made.answer_time = made.connect_time = milliseconds(200);
  for (const int32_t each : nodes) {
    const metadata_answer::node node = cluster.node(each);
    made.bootstrap.push_back({node.host, node.port});
  }
  return made;
}

TEST(kafka_topic_partitions, are_told_by_a_broker) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}, {1, -1}, {2, 1}};
  const auto found = kafka_topic_partitions(options_for(cluster, {1}), "vitals", milliseconds(5000));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, 3u);
}

TEST(kafka_topic_partitions, another_broker_is_asked_where_one_is_silent) {
  fake_cluster cluster(2);
  cluster.leaders.partitions = {{0, 2}};
  cluster.metadata = [&](int32_t node) { return node == 1 ? reaction{.silent = true} : reaction{cluster.leaders.bytes()}; };
  const auto found = kafka_topic_partitions(options_for(cluster, {1, 2}), "vitals", milliseconds(5000));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, 1u);
}

TEST(kafka_topic_partitions, a_broker_may_learn_of_the_topic_later) {
  fake_cluster cluster(1);
  int asked = 0;
  metadata_answer unknown;
  unknown.error = 3;
  cluster.leaders.partitions = {{0, 1}};
  cluster.metadata = [&](int32_t) { return reaction{++asked < 4 ? unknown.bytes() : cluster.leaders.bytes()}; };
  EXPECT_EQ(kafka_topic_partitions(options_for(cluster, {1}), "vitals", milliseconds(5000)).value(), 1u);
  asked = -1'000'000;
  const auto never = kafka_topic_partitions(options_for(cluster, {1}), "vitals", milliseconds(5000));
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().code, error_code::not_found);
  EXPECT_THAT(never.error().message, HasSubstr("vitals"));
}

TEST(kafka_topic_partitions, no_broker_is_waited_for_no_longer_than_the_patience) {
  fake_cluster cluster(1);
  const kafka_client_options options = options_for(cluster, {1});
  cluster.stop();
  const auto begun = std::chrono::steady_clock::now();
  const auto found = kafka_topic_partitions(options, "vitals", milliseconds(300));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, error_code::unavailable) << found.error().message;
  EXPECT_THAT(found.error().message, HasSubstr("hospital"));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(300));
}

}  // namespace topic_partitions_test
}  // namespace systole
