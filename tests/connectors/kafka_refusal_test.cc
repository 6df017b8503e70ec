#include "connectors/kafka/kafka_refusal.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <openssl/x509_vfy.h>

#include "base/limits.h"

namespace systole {
namespace kafka_refusal_test {

using std::chrono::milliseconds;

const kafka_refusal::time_point start{};
const milliseconds enough{limits::kafka_refusal_ms};
constexpr const char* wrong_password = "sasl_plaintext://b:1/bootstrap: SASL authentication error: Authentication failed (after 5ms in state AUTH_REQ)";

TEST(kafka_refusal, is_told_once_it_has_lasted) {
  kafka_refusal of("hospital");
  EXPECT_NE(of.on_error(RD_KAFKA_RESP_ERR__AUTHENTICATION, wrong_password, start), "");
  EXPECT_FALSE(of.lasting(start + enough - milliseconds(1)));
  of.on_error(RD_KAFKA_RESP_ERR__AUTHENTICATION, wrong_password, start + enough - milliseconds(1));  // the first one counts
  const auto told = of.lasting(start + enough);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->code, error_code::invalid_argument);
  EXPECT_TRUE(told->message.starts_with("the connection hospital: ")) << told->message;
  EXPECT_NE(told->message.find("`password`"), std::string::npos) << told->message;
  EXPECT_EQ(told->message.find("in state"), std::string::npos) << told->message;
}

TEST(kafka_refusal, an_answer_of_any_broker_ends_it) {
  kafka_refusal of("c");
  of.on_certificate("b:1", X509_V_ERR_CERT_HAS_EXPIRED);
  of.on_error(RD_KAFKA_RESP_ERR__SSL, "ssl://b:1/1: SSL handshake failed: certificate verify failed", start);
  of.on_answer();
  EXPECT_FALSE(of.lasting(start + 10 * enough));
  // What was wrong with that certificate is no reason for what comes later.
  of.on_error(RD_KAFKA_RESP_ERR__SSL, "ssl://b:2/2: SSL handshake failed: wrong version number", start);
  EXPECT_EQ(of.lasting(start + enough)->message.find("b:1"), std::string::npos);
}

TEST(kafka_refusal, a_connection_that_broke_is_none) {
  kafka_refusal of("c");
  for (const auto& [code, reason] : {std::pair(RD_KAFKA_RESP_ERR__SSL, "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?"),
                                     {RD_KAFKA_RESP_ERR__AUTHENTICATION, "SASL authentication error: Local: Broker transport failure"},
                                     {RD_KAFKA_RESP_ERR__AUTHENTICATION, "SASL authentication error: Local: Timed out"},
                                     {RD_KAFKA_RESP_ERR__TRANSPORT, "Connect to ipv4#127.0.0.1:1 failed: Connection refused"},
                                     {RD_KAFKA_RESP_ERR__RESOLVE, "Failed to resolve 'b:1'"}})
    EXPECT_EQ(of.on_error(code, reason, start), "") << reason;
  EXPECT_FALSE(of.lasting(start + 10 * enough));
}

TEST(kafka_refusal, names_what_is_wrong_with_a_certificate) {
  for (const auto& [error, said] : {std::pair(X509_V_ERR_HOSTNAME_MISMATCH, "another host"),
                                    {X509_V_ERR_IP_ADDRESS_MISMATCH, "another host"},
                                    {X509_V_ERR_CERT_HAS_EXPIRED, "not valid now"},
                                    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "`caFile`"},
                                    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "`caFile`"}}) {
    kafka_refusal of("c");
    of.on_certificate("b:9093", error);
    of.on_error(RD_KAFKA_RESP_ERR__SSL, "SSL handshake failed: certificate verify failed", start);
    const std::string message = of.lasting(start + enough)->message;
    for (const std::string& part : {std::string("b:9093"), std::string(said)}) EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST(kafka_refusal, an_alert_of_the_broker_is_one_whatever_the_library_calls_it) {
  kafka_refusal of("c");
  of.on_error(RD_KAFKA_RESP_ERR__TRANSPORT, "Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required: SSL alert number 116", start);
  ASSERT_TRUE(of.lasting(start + enough));
  EXPECT_NE(of.lasting(start + enough)->message.find("`certificate`"), std::string::npos);
}

}  // namespace kafka_refusal_test
}  // namespace systole
