#include "kafka/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/kafka/protocol/answers.h"

namespace systole {
namespace protocol_test {

using namespace systole::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(kafka_protocol, writes_a_request_with_its_head) {
  std::string expected;
  put(expected, int16_t{3});  // Metadata
  put(expected, int16_t{8});
  put(expected, int32_t{77});
  put_text(expected, "systole");
  EXPECT_EQ(kafka_request(kafka_metadata_api, 77, "systole", "body"), expected + "body");
}

TEST(kafka_protocol, asks_for_committed_records) {
  std::string expected;
  put(expected, int32_t{-1});  // no replica
  put(expected, int32_t{100});
  put(expected, int32_t{1});
  put(expected, int32_t{5000});
  put(expected, int8_t{1});    // read_committed
  put(expected, int32_t{0});   // no session
  put(expected, int32_t{-1});
  put(expected, int32_t{1});   // topics
  put_text(expected, "vitals");
  put(expected, int32_t{2});   // partitions
  for (const auto& [partition, offset] : {std::pair(int32_t{4}, int64_t{9'000'000'000}), {0, 1}}) {
    put(expected, partition);
    put(expected, int32_t{-1});  // the leader's epoch
    put(expected, offset);
    put(expected, int64_t{-1});
    put(expected, int32_t{700});
  }
  put(expected, int32_t{0});  // forgotten
  put_text(expected, "rack");
  EXPECT_EQ(kafka_fetch_body("vitals", {.max_wait_ms = 100, .min_bytes = 1, .max_bytes = 5000, .partition_bytes = 700, .partitions = {{4, 9'000'000'000}, {0, 1}}}, "rack"),
            expected);
}

TEST(kafka_protocol, asks_for_one_topic_and_makes_none) {
  std::string expected;
  put(expected, int32_t{1});
  put_text(expected, "vitals");
  EXPECT_EQ(kafka_metadata_body("vitals"), expected + std::string(3, '\0'));
}

const metadata_answer two_nodes{.nodes = {{1, "one", 9092}, {2, "two", 19092}}, .partitions = {{0, 2}, {1, -1}, {7, 1}}};

TEST(kafka_protocol, reads_who_leads) {
  const auto made = read_kafka_leaders(two_nodes.bytes());
  ASSERT_TRUE(made);
  ASSERT_THAT(made->nodes, SizeIs(2));
  EXPECT_EQ(made->nodes[1].id, 2);
  EXPECT_EQ(made->nodes[1].host, "two");
  EXPECT_EQ(made->nodes[1].port, 19092);
  ASSERT_THAT(made->partitions, SizeIs(3));
  EXPECT_EQ(made->partitions[0].leader, 2);
  EXPECT_EQ(made->partitions[1].leader, -1);
  EXPECT_EQ(made->partitions[2].number, 7u);
  EXPECT_EQ(made->partitions[2].leader, 1);
  EXPECT_EQ(made->error, kafka_error::none);
  metadata_answer unknown{.nodes = {{1, "one", 9092}}, .error = 3};
  EXPECT_EQ(read_kafka_leaders(unknown.bytes())->error, kafka_error::unknown_topic_or_partition);
}

TEST(kafka_protocol, reads_what_was_fetched) {
  const std::vector<fetched_part> parts = {
      {.partition = 4, .last_stable = 900, .aborted = {{77, 5}, {78, 6}}, .records = "some batches"},
      {.partition = 5, .error = 6, .last_stable = -1},
      {.partition = 6, .last_stable = 3, .preferred = 2, .records = "more"}};
  const std::string answer = fetch_answer("vitals", parts);
  const auto made = read_kafka_fetched(answer);
  ASSERT_TRUE(made);
  ASSERT_THAT(*made, SizeIs(3));
  EXPECT_EQ((*made)[0].partition, 4u);
  EXPECT_EQ((*made)[0].last_stable_offset, 900);
  ASSERT_THAT((*made)[0].aborted, SizeIs(2));
  EXPECT_EQ((*made)[0].aborted[1].producer, 78);
  EXPECT_EQ((*made)[0].aborted[1].first_offset, 6);
  EXPECT_EQ((*made)[0].preferred_replica, -1);
  EXPECT_EQ(answer.substr((*made)[0].begin, (*made)[0].size), "some batches");
  EXPECT_EQ((*made)[1].error, kafka_error::not_leader_or_follower);
  EXPECT_EQ((*made)[1].size, 0u);
  EXPECT_EQ((*made)[2].preferred_replica, 2);
  EXPECT_EQ(answer.substr((*made)[2].begin, (*made)[2].size), "more");
}

TEST(kafka_protocol, an_error_of_the_whole_answer_is_one) {
  const auto made = read_kafka_fetched(fetch_answer("vitals", {}, 71));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, error_code::io);
  EXPECT_THAT(made.error().message, HasSubstr("71"));
}

TEST(kafka_protocol, names_what_a_broker_does_not_speak) {
  EXPECT_TRUE(check_kafka_versions(versions_answer({{1, 0, 11}, {3, 0, 8}, {18, 0, 2}}), false));
  EXPECT_TRUE(check_kafka_versions(versions_answer({{3, 8, 13}, {1, 4, 17}, {999, -1, 5}}), false));
  for (const auto& [known, name] : {std::pair(versions_answer({{1, 0, 10}, {3, 0, 8}}), "version 11 of Fetch"),
                                    {versions_answer({{1, 12, 17}, {3, 0, 8}}), "version 11 of Fetch"},
                                    {versions_answer({{1, 0, 11}, {3, 9, 12}}), "version 8 of Metadata"},
                                    {versions_answer({}), "version 11 of Fetch"}}) {
    const auto made = check_kafka_versions(known, false);
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().code, error_code::incompatible);
    EXPECT_THAT(made.error().message, HasSubstr(name));
  }
  EXPECT_EQ(check_kafka_versions(versions_answer({{1, 0, 11}, {3, 0, 8}}, 35), false).error().code, error_code::corrupt);
}

TEST(kafka_protocol, names_the_mechanisms_that_a_broker_has) {
  const auto answer = [](int16_t error) {
    std::string made;
    put(made, error);
    put(made, int32_t{2});
    put_text(made, "PLAIN");
    put_text(made, "GSSAPI");
    return made;
  };
  EXPECT_TRUE(read_kafka_handshake(answer(0), "PLAIN"));
  const auto made = read_kafka_handshake(answer(33), "SCRAM-SHA-256");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, error_code::invalid_argument);
  EXPECT_THAT(made.error().message, HasSubstr("SCRAM-SHA-256; it has: PLAIN, GSSAPI"));
}

std::string authenticate_answer(int16_t error, const std::string& text, const std::string& message) {
  std::string made;
  put(made, error);
  put_text(made, text);
  put(made, static_cast<int32_t>(message.size()));
  made += message;
  put(made, int64_t{3'600'000});
  return made;
}

TEST(kafka_protocol, reads_what_a_broker_says_to_a_user) {
  const auto made = read_kafka_authenticated(authenticate_answer(58, "no such user", ""));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->error, kafka_error::sasl_authentication_failed);
  EXPECT_EQ(made->text, "no such user");
  EXPECT_EQ(read_kafka_authenticated(authenticate_answer(0, "", "r=..."))->message, "r=...");
}

/// Each answer and whether it can be read.
const std::vector<std::pair<std::string, bool (*)(std::string_view)>>& answers() {
  static const std::vector<std::pair<std::string, bool (*)(std::string_view)>> made = {
      {two_nodes.bytes(), [](std::string_view it) { return read_kafka_leaders(it).has_value(); }},
      {fetch_answer("vitals", {{.partition = 4, .aborted = {{77, 5}}, .records = "batches"}, {.partition = 5, .records = "more"}}),
       [](std::string_view it) { return read_kafka_fetched(it).has_value(); }},
      {versions_answer({{1, 0, 11}, {3, 0, 8}, {18, 0, 2}}), [](std::string_view it) { return check_kafka_versions(it, false).has_value(); }},
      {std::string("\0\0\0\0\0\1\0\5PLAIN", 13), [](std::string_view it) { return read_kafka_handshake(it, "PLAIN").has_value(); }},
      {authenticate_answer(0, "text", "message"), [](std::string_view it) { return read_kafka_authenticated(it).has_value(); }}};
  return made;
}

TEST(kafka_protocol, an_answer_that_is_cut_off_anywhere_cannot_be_read) {
  for (size_t i = 0; i < answers().size(); ++i) {
    const auto& [whole, readable] = answers()[i];
    EXPECT_TRUE(readable(whole)) << i;
    for (size_t size = 0; size < whole.size(); ++size) {
      const kafka_block cut = block_of(std::string_view(whole).substr(0, size), 0);
      EXPECT_FALSE(readable({cut.bytes.get(), cut.size})) << i << " cut at " << size;
    }
  }
}

/// Whatever number stands where: no memory for it is asked for, and nothing outside is read.
TEST(kafka_protocol, numbers_may_be_any) {
  for (const auto& [whole, readable] : answers())
    for (size_t at = 0; at < whole.size(); ++at)
      for (const int32_t number : {-1, -2, 255, 0x7fff, 0x00ffffff, std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min()}) {
        std::string bytes;
        put(bytes, number);
        const std::string made = (whole.substr(0, at) + bytes + whole.substr(std::min(whole.size(), at + 4))).substr(0, whole.size());
        const kafka_block exact = block_of(made, 0);
        readable({exact.bytes.get(), exact.size});
      }
}

TEST(kafka_protocol, more_elements_than_there_is_room_for_cannot_be) {
  for (const int32_t count : {100, 1'000'000, std::numeric_limits<int32_t>::max()}) {
    const auto with_count = [count](std::string bytes, size_t at) {
      std::string number;
      put(number, count);
      return bytes.replace(at, 4, number);
    };
    EXPECT_FALSE(check_kafka_versions(with_count(versions_answer({{1, 0, 11}, {3, 0, 8}}), 2), false));
    EXPECT_FALSE(read_kafka_handshake(with_count(std::string("\0\0\0\0\0\1\0\5PLAIN", 13), 2), "PLAIN"));
    EXPECT_FALSE(read_kafka_leaders(with_count(two_nodes.bytes(), 4)));
    const std::string answer = fetch_answer("t", {{.aborted = {{1, 2}}, .records = "x"}});
    for (const size_t at : {10, 17, 51}) EXPECT_FALSE(read_kafka_fetched(with_count(answer, at))) << at;  // topics, partitions, aborted
  }
}

}  // namespace protocol_test
}  // namespace systole
