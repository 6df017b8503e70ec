// The broker and the records of tests, shown to work before anything is tested with them.
#include "tests/kafka/kafka_broker.h"

#include <gtest/gtest.h>

#include "tests/kafka/kafka_records.h"

namespace systole {
namespace {

TEST(kafka_broker, gives_back_what_it_was_given) {
  kafka_broker& broker = kafka_broker::shared();
  broker.create_topic("given_back", 2, {{"cleanup.policy", "delete"}});
  produce(broker.servers(), "given_back",
          {{.key = "k", .value = "v", .headers = {{"h", "x"}, {"n", std::nullopt}}, .timestamp_ms = 1'700'000'000'123, .partition = 1},
           {.key = "k", .value = std::nullopt, .partition = 1},
           {.key = std::nullopt, .value = "", .partition = 0}});
  const std::vector<topic_record> found = read_topic(broker.servers(), "given_back");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].key, std::nullopt);
  EXPECT_EQ(found[0].value, "");
  EXPECT_EQ(found[1].key, "k");
  EXPECT_EQ(found[1].value, "v");
  EXPECT_EQ(found[1].timestamp_ms, 1'700'000'000'123);
  ASSERT_EQ(found[1].headers.size(), 2u);
  EXPECT_EQ(found[1].headers[0].second, "x");
  EXPECT_EQ(found[1].headers[1].second, std::nullopt);
  EXPECT_EQ(found[2].value, std::nullopt);
  EXPECT_EQ(found[2].offset, 1);
}

TEST(kafka_broker, keeps_acknowledged_records_through_kill_9) {
  kafka_broker& broker = kafka_broker::shared();
  broker.create_topic("kept");
  produce_values(broker.servers(), "kept", {"a", "b"});
  broker.restart();
  produce_values(broker.servers(), "kept", {"c"});
  const std::vector<topic_record> found = read_topic(broker.servers(), "kept");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[2].value, "c");
}

TEST(kafka_broker, hides_open_and_aborted_transactions_from_committed_readers) {
  kafka_broker& broker = kafka_broker::shared();
  broker.create_topic("transactions");
  kafka_transaction transaction(broker.servers(), "broker-test");
  transaction.begin();
  transaction.produce("transactions", {{.value = "committed"}});
  transaction.commit();
  transaction.begin();
  transaction.produce("transactions", {{.value = "aborted"}});
  transaction.abort();
  EXPECT_EQ(read_topic(broker.servers(), "transactions").size(), 1u);
  EXPECT_EQ(read_topic(broker.servers(), "transactions", false).size(), 2u);
}

TEST(kafka_broker, deletes_records) {
  kafka_broker& broker = kafka_broker::shared();
  broker.create_topic("shortened");
  produce_values(broker.servers(), "shortened", {"a", "b", "c"});
  broker.delete_records("shortened", 0, 2);
  EXPECT_EQ(kafka_watermarks(broker.servers(), "shortened", 0), (std::pair<int64_t, int64_t>(2, 3)));
}

}  // namespace
}  // namespace systole
