#include "kafka/client_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace systole {
namespace client_options_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> addresses_of(const std::string& list) {
  const auto made = kafka_options_of("hospital", {{"bootstrap.servers", list}});
  if (!made) return {"!" + made.error().message};
  std::vector<std::string> all;
  for (const auto& each : made->bootstrap) all.push_back(each.host + " " + std::to_string(each.port));
  return all;
}

result<kafka_client_options> with(std::map<std::string, std::string> properties) {
  properties.emplace("bootstrap.servers", "b:9092");
  return kafka_options_of("hospital", properties);
}

TEST(kafka_client_options, finds_the_brokers_of_a_list) {
  EXPECT_THAT(addresses_of("one:9093"), ElementsAre("one 9093"));
  EXPECT_THAT(addresses_of(" one:9093 ,\ttwo:1, three "), ElementsAre("one 9093", "two 1", "three 9092"));
  EXPECT_THAT(addresses_of(",one,,two:9095,"), ElementsAre("one 9092", "two 9095"));
  EXPECT_THAT(addresses_of("SASL_SSL://one:9094, PLAINTEXT://two"), ElementsAre("one 9094", "two 9092"));
  EXPECT_THAT(addresses_of("10.0.0.7:65535"), ElementsAre("10.0.0.7 65535"));
}

TEST(kafka_client_options, takes_addresses_with_colons_in_brackets) {
  EXPECT_THAT(addresses_of("[::1]:9093,[fe80::2], ssl://[2001:db8::1]:1"), ElementsAre("::1 9093", "fe80::2 9092", "2001:db8::1 1"));
}

TEST(kafka_client_options, a_port_that_is_none_is_told) {
  for (const char* list : {"one:90930", "one:http", "one:0", "one:-1", "one:", "one:9093x", "two:9092,one:99999"})
    EXPECT_THAT(addresses_of(list), ElementsAre(HasSubstr("bootstrap.servers"))) << list;
}

TEST(kafka_client_options, no_broker_is_told) {
  for (const char* list : {"", " ", ",", " , \t,"}) EXPECT_THAT(addresses_of(list), ElementsAre(HasSubstr("names no broker"))) << list;
  const auto none = kafka_options_of("hospital", {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, error_code::invalid_argument);
  EXPECT_THAT(none.error().message, HasSubstr("hospital"));
}

TEST(kafka_client_options, a_number_out_of_its_range_is_named_without_its_value) {
  for (const auto& [name, value] : std::map<std::string, std::string>{{"fetch.wait.max.ms", "-77"},
                                                                     {"fetch.min.bytes", "0"},
                                                                     {"fetch.max.bytes", "77000000000"},
                                                                     {"max.partition.fetch.bytes", "77k"},
                                                                     {"socket.timeout.ms", ""},
                                                                     {"reconnect.backoff.ms", "77.5"},
                                                                     {"socket.receive.buffer.bytes", "99999999999999999999"}}) {
    const auto made = with({{name, value}});
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().code, error_code::invalid_argument);
    EXPECT_THAT(made.error().message, HasSubstr(name));
    EXPECT_THAT(made.error().message, Not(HasSubstr(value.empty() ? "77" : value)));
  }
}

TEST(kafka_client_options, are_those_of_the_connection) {
  const auto made = with({{"client.id", "ward-7"},
                          {"client.rack", "eu-1a"},
                          {"fetch.wait.max.ms", "250"},
                          {"fetch.min.bytes", "10"},
                          {"fetch.max.bytes", "1000"},
                          {"fetch.message.max.bytes", "500"},
                          {"max.partition.fetch.bytes", "600"},
                          {"reconnect.backoff.ms", "7"},
                          {"reconnect.backoff.max.ms", "70"},
                          {"socket.connection.setup.timeout.ms", "700"},
                          {"socket.timeout.ms", "7000"},
                          {"socket.receive.buffer.bytes", "65536"}});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->connection, "hospital");
  EXPECT_EQ(made->client_id, "ward-7");
  EXPECT_EQ(made->rack, "eu-1a");
  EXPECT_EQ(made->fetch_wait.count(), 250);
  EXPECT_EQ(made->fetch_min_bytes, 10);
  EXPECT_EQ(made->fetch_max_bytes, 1000);
  EXPECT_EQ(made->partition_bytes, 500);
  EXPECT_EQ(made->first_backoff.count(), 7);
  EXPECT_EQ(made->most_backoff.count(), 70);
  EXPECT_EQ(made->connect_time.count(), 700);
  EXPECT_EQ(made->answer_time.count(), 7000);
  EXPECT_EQ(made->receive_buffer_bytes, 65536);
  EXPECT_FALSE(made->encrypted || made->with_user || made->check_crcs);
}

TEST(kafka_client_options, say_whether_there_is_encryption_and_a_user) {
  for (const auto& [protocol, encrypted, with_user] :
       {std::tuple("plaintext", false, false), {"ssl", true, false}, {"sasl_plaintext", false, true}, {"sasl_ssl", true, true}}) {
    const auto made = with({{"security.protocol", protocol}, {"sasl.mechanism", "SCRAM-SHA-512"}, {"sasl.username", "u"}, {"sasl.password", "p"}});
    ASSERT_TRUE(made);
    EXPECT_EQ(made->encrypted, encrypted) << protocol;
    EXPECT_EQ(made->with_user, with_user) << protocol;
    EXPECT_EQ(made->mechanism + made->user + made->password, "SCRAM-SHA-512up");
  }
}

/// librdkafka takes all of these for true, and has looked at the value before.
TEST(kafka_client_options, checksums_are_checked_however_true_is_written) {
  for (const char* yes : {"true", "True", "TRUE", "t", "T", "1"}) EXPECT_TRUE(with({{"check.crcs", yes}})->check_crcs) << yes;
  for (const char* no : {"false", "False", "f", "0"}) EXPECT_FALSE(with({{"check.crcs", no}})->check_crcs) << no;
}

}  // namespace client_options_test
}  // namespace systole
