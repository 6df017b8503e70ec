// What keeps a fetcher from reading for good, and how it ends (fake_cluster.h).
#include "base/limits.h"
#include "tests/kafka/protocol/fetcher_fixture.h"

namespace systole {
namespace fetcher_failure_test {

using namespace systole::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

reaction records(const asked_fetch& asked) {
  fake_log log;
  log.add({"a", "b"});
  log.add({"c"});
  std::vector<fetched_part> parts;
  for (const auto& each : asked.partitions) parts.push_back(log.part(each.number, each.offset));
  return give(parts);
}

class silent_broker : public ::testing::TestWithParam<const char*> {};

TEST_P(silent_broker, does_not_hold_up_the_end) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}};
  const std::string about = GetParam();
  bool asked = false;
  const auto or_silent = [&](const char* what, auto otherwise) {
    if (about != what) return reaction(otherwise);
    asked = true;
    return reaction{.silent = true};
  };
  cluster.versions = [&, answer = cluster.versions](int32_t node) { return or_silent("versions", answer(node)); };
  cluster.metadata = [&](int32_t) { return or_silent("metadata", reaction{cluster.leaders.bytes()}); };
  cluster.fetch = [&](int32_t, const asked_fetch& it) {
    if (about == "the rest") {
      asked = true;
      reaction made = records(it);
      made.instead = std::string("\0\1\0\0\0\0\0\3", 8) + std::string(100, 'x');  // 64 KiB are to follow
      return made;
    }
    return or_silent("fetch", records(it));
  };
  fetching it(cluster);
  it.read(0);
  ASSERT_TRUE(cluster.comes_true([&] { return asked; }));
  EXPECT_LT(it.end().count(), 5000);  // a minute would be given for an answer
}
INSTANTIATE_TEST_SUITE_P(kafka_fetcher, silent_broker, ::testing::Values("versions", "metadata", "fetch", "the rest"),
                         [](const auto& each) { return std::string(each.param) == "the rest" ? std::string("the_rest") : std::string(each.param); });

TEST(kafka_fetcher_end, comes_at_once_while_it_waits) {
  fake_cluster cluster(2);
  cluster.leaders.partitions = {{0, 1}, {1, -1}, {2, 2}};
  cluster.fetch = [&](int32_t node, const asked_fetch& asked) {
    return node == 2 ? give({{.partition = 2, .error = 1}}) : records(asked);
  };
  fetching it(cluster);
  it.options.fetch_wait = std::chrono::seconds(30);
  kafka_partition_feed& has_all = it.read(0);
  it.read(1);  // has no leader
  kafka_partition_feed& ended = it.read(2, 9);
  EXPECT_EQ(it.next(ended), "no 9");
  EXPECT_THAT(it.next_all(has_all), ElementsAre("0=a", "1=b", "2=c", "all before 3"));
  EXPECT_LT(it.end().count(), 5000);
  // None was added, or no broker is there.
  fetching other(cluster);
  other.start();
  EXPECT_LT(other.end().count(), 5000);
  fetching lonely(cluster);
  lonely.options.bootstrap = {{"127.0.0.1", 1}};
  lonely.options.first_backoff = lonely.options.most_backoff = std::chrono::seconds(60);
  lonely.read(0);
  EXPECT_LT(lonely.end().count(), 5000);
}

TEST(kafka_fetcher_end, comes_while_replicas_are_named) {
  // Threads of brokers begin while others end.
  for (int turn = 0; turn < 20; ++turn) {
    fake_cluster cluster(3);
    cluster.leaders.partitions = {{0, 3}, {1, 3}, {2, 3}};
    int fetches = 0;
    cluster.fetch = [&](int32_t node, const asked_fetch& asked) {
      ++fetches;
      std::vector<fetched_part> parts;
      for (const auto& each : asked.partitions) parts.push_back({.partition = each.number, .last_stable = 0, .preferred = node == 1 ? 3 : node - 1});
      return reaction{fetch_answer("vitals", parts)};
    };
    fetching it(cluster);
    for (uint32_t partition = 0; partition < 3; ++partition) it.read(partition);
    ASSERT_TRUE(cluster.comes_true([&] { return fetches > turn; }));
    EXPECT_LT(it.end().count(), 5000);
  }
}

TEST(kafka_fetcher_failure, a_user_who_may_not_read_the_topic_is_told_so) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}, {1, 1}};
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    std::vector<fetched_part> parts;
    for (const auto& each : asked.partitions) parts.push_back({.partition = each.number, .error = static_cast<int16_t>(each.number == 0 ? 29 : 87)});
    return give(parts);
  };
  fetching it(cluster);
  kafka_partition_feed& forbidden = it.read(0);
  EXPECT_THAT(it.next(forbidden), HasSubstr("ACLs"));
  EXPECT_EQ(forbidden.cause().code, error_code::invalid_argument);
  EXPECT_EQ(it.next(it.read(1)), "refused: the broker says INVALID_RECORD (87)");
}

TEST(kafka_fetcher_failure, what_is_no_batch_is_told_by_its_partition) {
  fake_cluster cluster(1);
  cluster.leaders.partitions = {{0, 1}, {1, 1}, {2, 1}};
  std::string old = values_at(0, {"a"}), changed = values_at(0, {"a"});
  old[16] = 1;
  changed[changed.size() - 2] = 'b';
  cluster.fetch = [&](int32_t, const asked_fetch& asked) {
    std::vector<fetched_part> parts;
    for (const auto& each : asked.partitions)
      parts.push_back({.partition = each.number, .last_stable = 1, .records = each.number == 0 ? std::string(100, '\0') : each.number == 1 ? old : changed});
    return give(parts);
  };
  fetching it(cluster);
  it.options.check_crcs = true;
  kafka_partition_feed &zeros = it.read(0), &of_old = it.read(1), &wrong = it.read(2);
  EXPECT_THAT(it.next(zeros), StartsWith("refused: the broker gave what is no batch"));
  EXPECT_EQ(zeros.cause().code, error_code::corrupt);
  EXPECT_THAT(it.next(of_old), HasSubstr("before 0.11"));
  EXPECT_EQ(of_old.cause().code, error_code::incompatible);
  EXPECT_THAT(it.next(wrong), HasSubstr("checksum"));
}

TEST(kafka_fetcher_failure, a_broker_that_is_too_old_is_named_at_once) {
  fake_cluster cluster(1);
  cluster.versions = [](int32_t) { return reaction{versions_answer({{1, 0, 10}, {3, 0, 7}})}; };
  fetching it(cluster);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(it.next(it.read(0)), AllOf(StartsWith("failed: the connection hospital: 127.0.0.1:"), HasSubstr("version 11 of Fetch"), HasSubstr("2.3")));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(limits::kafka_refusal_ms));
  EXPECT_EQ(it.fetcher->failed()->code, error_code::incompatible);
}

TEST(kafka_fetcher_failure, what_is_no_broker_is_told) {
  for (const std::string& bytes : {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("\x15\x03\x03\x00\x02\x02\x50", 7),
                                   std::string("\0\0\0\3xyz", 7), std::string("\x7f\xff\xff\xff", 4), std::string("\xff\xff\xff\xff", 4)}) {
    fake_cluster cluster(1);
    cluster.versions = [&](int32_t) { return reaction{.instead = bytes}; };
    fetching it(cluster);
    EXPECT_THAT(it.next(it.read(0)), AllOf(StartsWith("failed: "), HasSubstr("is it a broker"))) << bytes;
    EXPECT_EQ(it.fetcher->failed()->code, error_code::corrupt);
  }
}

TEST(kafka_fetcher_failure, an_answer_to_another_request_is_none) {
  fake_cluster cluster(1);
  cluster.versions = [&](int32_t) { return reaction{.instead = std::string("\0\0\0\xa\0\0\0\7\0\0\0\0\0\0", 14)}; };
  fetching it(cluster);
  EXPECT_THAT(it.next(it.read(0)), HasSubstr("another request"));
}

/// Time itself is what is tested: a refusal may pass, so that it must last.
TEST(kafka_fetcher_failure, a_user_whom_no_broker_knows_is_told_once_that_lasts) {
  fake_cluster cluster(1);
  const auto begin = std::chrono::steady_clock::now();
  std::string refused;
  put(refused, int16_t{58});
  put_text(refused, "Authentication failed");
  put(refused, int32_t{0});
  put(refused, int64_t{0});
  cluster.authenticate = [&](int32_t) { return reaction{refused}; };
  fetching it(cluster);
  it.options.with_user = true;
  it.options.mechanism = "PLAIN";
  it.options.user = "nurse";
  it.options.password = "pa55";
  const std::string told = it.next(it.read(0));
  EXPECT_THAT(told, AllOf(StartsWith("failed: the connection hospital: the brokers do not let its user in"), HasSubstr("Authentication failed")));
  EXPECT_EQ(told.find("pa55"), std::string::npos);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(limits::kafka_refusal_ms));
}

TEST(kafka_fetcher_failure, a_leader_that_alone_refuses_is_told_too) {
  fake_cluster cluster(2);
  cluster.leaders.partitions = {{0, 2}};
  cluster.handshake = [&, answer = cluster.handshake](int32_t node) { return node == 2 ? reaction{std::string("\0\x21\0\0\0\0", 6)} : answer(node); };
  cluster.fetch = [&](int32_t, const asked_fetch& asked) { return records(asked); };
  fetching it(cluster);
  it.options.with_user = true;
  it.options.mechanism = "PLAIN";
  EXPECT_THAT(it.next(it.read(0)), StartsWith("failed: the connection hospital: the brokers do not let its user in"));
}

}  // namespace fetcher_failure_test
}  // namespace systole
