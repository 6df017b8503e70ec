#include "connectors/kafka/kafka_client.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "connectors/kafka/kafka_questions.h"
#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_records.h"
#include "tests/support/temporary_directory.h"

namespace systole {
namespace {

using std::chrono::milliseconds;

class kafka_client_test : public ::testing::Test {
 protected:
  std::unique_ptr<kafka_client> consumer(const std::string& servers) {
    auto made = kafka_client::make(kafka_role::consumer, "c", {{"bootstrap.servers", servers}},
                                   {{"isolation.level", "read_committed"}});
    EXPECT_TRUE(made) << made.error().message;
    return std::move(made).value();
  }
  kafka_broker& broker_ = kafka_broker::shared();
};

TEST_F(kafka_client_test, tells_partitions_and_offsets) {
  broker_.create_topic("asked", 3);
  produce(broker_.servers(), "asked",
          {{.value = "a", .timestamp_ms = 1000, .partition = 2}, {.value = "b", .timestamp_ms = 2000, .partition = 2}});
  const auto client = consumer(broker_.servers());
  EXPECT_EQ(kafka_partition_count(*client, "asked", milliseconds(10'000)).value(), 3u);
  const auto offsets = kafka_partition_offsets(*client, "asked", 2, milliseconds(10'000));
  ASSERT_TRUE(offsets);
  EXPECT_EQ(offsets->first, 0);
  EXPECT_EQ(offsets->end, 2);
  EXPECT_EQ(kafka_offset_of_time(*client, "asked", 2, 1500, milliseconds(10'000)).value(), 1);
  EXPECT_EQ(kafka_offset_of_time(*client, "asked", 2, 3000, milliseconds(10'000)).value(), 2);
}

TEST_F(kafka_client_test, tells_what_is_missing_from_what_cannot_be_reached) {
  const auto client = consumer(broker_.servers());
  const auto missing = kafka_partition_count(*client, "no_such_topic", milliseconds(10'000));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, error_code::not_found);
  EXPECT_NE(missing.error().message.find("no_such_topic"), std::string::npos);
  const auto nobody = consumer("127.0.0.1:1");
  const auto unreachable = kafka_partition_count(*nobody, "t", milliseconds(300));
  ASSERT_FALSE(unreachable);
  EXPECT_EQ(unreachable.error().code, error_code::unavailable);
}

TEST_F(kafka_client_test, questions_end_in_time_though_the_leader_is_silent) {
  broker_.create_topic("silent");
  const auto client = consumer(broker_.servers());
  ASSERT_TRUE(kafka_partition_offsets(*client, "silent", 0, milliseconds(10'000)));  // the leader is known
  broker_.freeze();
  const auto begin = std::chrono::steady_clock::now();
  const auto offsets = kafka_partition_offsets(*client, "silent", 0, milliseconds(200));
  const auto end = kafka_partition_end(*client, "silent", 0, milliseconds(1));
  const auto of_time = kafka_offset_of_time(*client, "silent", 0, 1'500, milliseconds(200));
  const auto took = std::chrono::steady_clock::now() - begin;
  broker_.thaw();
  ASSERT_FALSE(offsets);
  ASSERT_FALSE(end);
  ASSERT_FALSE(of_time);
  for (const error_code each : {offsets.error().code, end.error().code, of_time.error().code})
    EXPECT_EQ(each, error_code::unavailable);
  EXPECT_LT(took, std::chrono::seconds(3));
}

TEST_F(kafka_client_test, refuses_what_is_not_on_the_list) {
  file_system& files = posix_file_system();
  for (const char* property : {"plugin.library.paths", "ssl.engine.location", "enable.ssl.certificate.verification",
                               "isolation.level", "transactional.id", "auto.offset.reset"}) {
    proto::Connection connection;
    connection.set_name("c");
    (*connection.mutable_settings())[property] = "false";
    const auto refused = kafka_connection_settings(connection, "", files);
    ASSERT_FALSE(refused) << property;
    EXPECT_NE(refused.error().message.find(property), std::string::npos);
  }
}

TEST_F(kafka_client_test, reads_secrets_and_never_tells_them) {
  file_system& files = posix_file_system();
  systole::testing::temporary_directory secrets;
  std::filesystem::create_directories(secrets / "hospital");
  std::ofstream(secrets / "hospital/password") << "s3cret\n";
  proto::Connection connection;
  connection.set_name("c");
  (*connection.mutable_secrets())["sasl.password"].set_name("hospital");
  (*connection.mutable_secrets())["sasl.password"].set_key("password");
  EXPECT_EQ(kafka_connection_settings(connection, secrets.path(), files).value().at("sasl.password"), "s3cret");
  EXPECT_NE(kafka_connection_settings(connection, "", files).error().message.find("--secrets"), std::string::npos);
  (*connection.mutable_secrets())["sasl.password"].set_name("../hospital");
  EXPECT_EQ(kafka_connection_settings(connection, secrets.path(), files).error().code, error_code::invalid_argument);
  // A value that the library refuses is not quoted.
  const auto refused = kafka_client::make(kafka_role::consumer, "c", {{"security.protocol", "s3cret"}}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message.find("s3cret"), std::string::npos);
  // Nor one that it cannot use.
  for (const auto& [property, key] : {std::pair("ssl.key.pem", "`key`"), {"ssl.certificate.pem", "`certificate`"}, {"ssl.ca.pem", "`ca`"}}) {
    const auto unusable = kafka_client::make(kafka_role::consumer, "c", {{"security.protocol", "ssl"}, {property, "s3cret"}}, {});
    ASSERT_FALSE(unusable) << property;
    EXPECT_EQ(unusable.error().code, error_code::invalid_argument);
    for (const std::string& part : {std::string("the connection c: "), std::string(key)})
      EXPECT_NE(unusable.error().message.find(part), std::string::npos) << unusable.error().message;
    EXPECT_EQ(unusable.error().message.find("s3cret"), std::string::npos);
  }
}

}  // namespace
}  // namespace systole
