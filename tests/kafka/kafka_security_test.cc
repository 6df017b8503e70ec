// The real process and a broker that wants to know who comes: SASL over plain text and over TLS, certificates of both
// sides. And what a job says that may not in: which connection, what to do, soon, and no secret.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_records.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

namespace fs = std::filesystem;

constexpr const char* plain_password = "pl41n-Pa55word";
constexpr const char* scram_password = "scr4m-Pa55word";
constexpr const char* wrong_password = "wr0ng-Pa55word";

constexpr const char* job = R"(apiVersion: systole/v1
kind: Job
metadata: {name: JOB}
spec:
  checkpoint: {interval: 100ms}
  sources:
    - name: events
      kafka: {connection: FROM, topic: events, bounded: true}
      format: {json: {}}
      schema: {columns: {n: bigint not null}}
  sinks:
    - name: copied
      input: events
      kafka: {connection: TO, topic: JOB, createTopic: ifMissing}
      format: {json: {}}
---
apiVersion: systole/v1
kind: Connection
metadata: {name: open}
spec: {kafka: {bootstrapServers: ["SERVERS_OPEN"]}}
---
apiVersion: systole/v1
kind: Connection
metadata: {name: hospital}
spec:
  kafka:
    bootstrapServers: ["SERVERS"]
    security: SECURITY
)";

constexpr const char* by_password = "{protocol: saslPlaintext, mechanism: PLAIN, username: ward, password: {secretRef: {name: kafka, key: plain}}}";
constexpr const char* by_encrypted_password =
    "{protocol: saslSsl, mechanism: PLAIN, username: {secretRef: {name: kafka, key: user}}, "
    "password: {secretRef: {name: kafka, key: plain}}, caFile: TLS/ca.pem}";
constexpr const char* by_scram =
    "{protocol: saslSsl, mechanism: SCRAM-SHA-256, username: ward, password: {secretRef: {name: kafka, key: scram}}, "
    "caFile: TLS/ca.pem}";
/// The installed library is able to do SCRAM with the tests' broker.
const bool with_scram = rd_kafka_version() >= 0x02060100;
constexpr const char* by_certificate =
    "{protocol: ssl, ca: {secretRef: {name: kafka, key: authorities}}, certificate: {secretRef: {name: kafka, key: certificate}}, "
    "key: {secretRef: {name: kafka, key: key}}}";

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Certificates of the project's own command, a broker with a listener of each kind, and the secrets of its users.
class secured_broker {
 public:
  secured_broker() {
    make_certificates("tls", {"broker,127.0.0.1", "elsewhere,elsewhere.example", "client,ward.example"});
    make_certificates("other", {"unused,127.0.0.1"});
    for (const char* name : {"broker", "elsewhere"})
      std::ofstream(folder_ / (std::string("tls/") + name + ".both"))
          << text_of(folder_ / (std::string("tls/") + name + ".key")) << text_of(folder_ / (std::string("tls/") + name + ".pem"));
    const std::string plain = "org.apache.kafka.common.security.plain.PlainLoginModule required user_ward=\"" + std::string(plain_password) + "\";";
    std::map<std::string, std::string> properties{
        {"listener.name.plain.sasl.enabled.mechanisms", "PLAIN"},
        {"listener.name.plain.plain.sasl.jaas.config", plain},
        {"listener.name.encrypted.sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256"},
        {"listener.name.encrypted.plain.sasl.jaas.config", plain},
        {"listener.name.encrypted.scram-sha-256.sasl.jaas.config",
         "org.apache.kafka.common.security.scram.ScramLoginModule required;"},
        {"listener.name.mutual.ssl.client.auth", "required"},
        {"listener.name.mutual.ssl.truststore.type", "PEM"},
        {"listener.name.mutual.ssl.truststore.location", folder_ / "tls/ca.pem"}};
    for (const auto& [listener, name] : {std::pair("encrypted", "broker"), {"mutual", "broker"}, {"elsewhere", "elsewhere"}}) {
      properties["listener.name." + std::string(listener) + ".ssl.keystore.type"] = "PEM";
      properties["listener.name." + std::string(listener) + ".ssl.keystore.location"] = folder_ / ("tls/" + std::string(name) + ".both");
    }
    broker_ = std::make_unique<kafka_broker>(kafka_broker_settings{
        .properties = properties,
        .listeners = {{"PLAIN", "SASL_PLAINTEXT"}, {"ENCRYPTED", "SASL_SSL"}, {"MUTUAL", "SSL"}, {"ELSEWHERE", "SSL"}},
        .users = {"SCRAM-SHA-256=[name=ward,password=" + std::string(scram_password) + "]"}});
    broker_->create_topic("events");
    std::vector<std::string> values;
    for (int n = 0; n < 500; ++n) values.push_back("{\"n\":" + std::to_string(n) + "}");
    produce_values(broker_->servers(), "events", values);
    fs::create_directories(folder_ / "secrets/kafka");
    secret("plain", std::string(plain_password) + "\n");
    secret("scram", scram_password);
    secret("user", "ward");
    secret("wrong", wrong_password);
    // An older authority beside the one that counts.
    secret("authorities", text_of(folder_ / "other/ca.pem") + text_of(folder_ / "tls/ca.pem"));
    secret("certificate", text_of(folder_ / "tls/client.pem"));
    secret("key", text_of(folder_ / "tls/client.key"));
  }

  struct outcome {
    int status = 0;
    std::string said;
    std::chrono::milliseconds took{0};
  };
  /// A job from one connection to another: "open", or "hospital" by `listener` and `security`.
  outcome run(const std::string& name, const std::string& from, const std::string& to, const std::string& listener, const std::string& security) {
    std::string text = job;
    for (const auto& [word, by] : {std::pair<std::string, std::string>("JOB", name), {"FROM", from}, {"TO", to},
                                   {"SERVERS_OPEN", broker_->servers()}, {"SERVERS", broker_->servers(listener)},
                                   {"SECURITY", security}, {"TLS/", folder_ / "tls/"}})
      for (size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += by.size()) text.replace(at, word.size(), by);
    std::ofstream(folder_ / (name + ".yaml")) << text;
    const auto begin = std::chrono::steady_clock::now();
    outcome made;
    made.status = run_child({SYSTOLE_COMMAND, "run", folder_ / (name + ".yaml"), "--state", folder_ / (name + ".state"), "--progress", "plain",
                             "--secrets", folder_ / "secrets"},
                            folder_ / (name + ".log"), std::chrono::milliseconds(60'000));
    made.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    made.said = text_of(folder_ / (name + ".log"));
    return made;
  }
  kafka_broker& broker() { return *broker_; }
  /// What a log or a file may not hold: passwords, and lines of the key.
  std::vector<std::string> secrets() const {
    std::vector<std::string> made{plain_password, scram_password, wrong_password};
    std::ifstream key(folder_ / "tls/client.key");
    for (std::string line; std::getline(key, line);)
      if (line.find("-----") == std::string::npos) made.push_back(line);
    return made;
  }
  std::string state(const std::string& name) const { return folder_ / (name + ".state"); }

 private:
  void secret(const std::string& key, const std::string& value) { std::ofstream(folder_ / ("secrets/kafka/" + key)) << value; }
  void make_certificates(const std::string& directory, const std::vector<std::string>& hosts) {
    std::vector<std::string> words{SYSTOLE_COMMAND, "certificates", folder_ / directory};
    for (const std::string& each : hosts) words.insert(words.end(), {"--host", each});
    if (run_child(words, folder_ / "certificates.log", std::chrono::milliseconds(0)) != 0)
      throw std::runtime_error(text_of(folder_ / "certificates.log"));
  }

  temporary_directory folder_;
  std::unique_ptr<kafka_broker> broker_;
};

class kafka_security : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { with_ = std::make_unique<secured_broker>(); }
  static void TearDownTestSuite() { with_.reset(); }
  void expect_no_secret(const std::string& in, const std::string& where) {
    for (const std::string& each : with_->secrets()) EXPECT_EQ(in.find(each), std::string::npos) << where << " tells a secret";
  }
  static inline std::unique_ptr<secured_broker> with_;
};

TEST_F(kafka_security, reads_and_writes_by_password_and_certificate) {
  struct way {
    const char *name, *listener, *security;
  };
  std::vector<way> ways{{"password", "PLAIN", by_password},
                        {"encrypted", "ENCRYPTED", by_encrypted_password},
                        {"certificate", "MUTUAL", by_certificate}};
  if (with_scram) ways.push_back({"scram", "ENCRYPTED", by_scram});
  for (const auto& [name, listener, security] : ways) {
    const auto ran = with_->run(name, "hospital", "hospital", listener, security);
    ASSERT_EQ(ran.status, 0) << ran.said;
    std::set<std::string> values;
    const auto found = read_topic(with_->broker().servers(), name);
    for (const topic_record& each : found) values.insert(each.value.value_or(""));
    EXPECT_EQ(found.size(), 500u) << name;
    EXPECT_EQ(values.size(), 500u) << name;
    expect_no_secret(ran.said, "the log");
    for (const auto& each : fs::recursive_directory_iterator(with_->state(name)))
      if (each.is_regular_file()) expect_no_secret(text_of(each.path()), each.path());
  }
}

TEST_F(kafka_security, says_which_connection_is_refused_why_and_what_to_do) {
  struct refusal {
    std::string name, listener, security;
    std::vector<std::string> said;
  };
  const auto with = [](std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  };
  const std::vector<refusal> refusals{
      {"wrong-password", "PLAIN", with(by_password, "key: plain", "key: wrong"), {"do not let its user in", "`password`"}},
      {"wrong-encrypted", "ENCRYPTED", with(by_encrypted_password, "key: plain", "key: wrong"), {"do not let its user in", "`password`"}},
      {"wrong-scram", "ENCRYPTED", with(by_scram, "key: scram", "key: wrong"), {"do not let its user in", "`password`", with_scram ? "" : "before 2.6.1"}},
      {"wrong-mechanism", "PLAIN", with(by_password, "PLAIN", "SCRAM-SHA-512"), {"do not let its user in", "`mechanism`"}},
      {"unknown-authority", "ENCRYPTED", with(by_encrypted_password, "TLS/ca.pem", "TLS/client.pem"), {"not signed by an authority", "`caFile`"}},
      {"another-host", "ELSEWHERE", "{protocol: ssl, caFile: TLS/ca.pem}", {"is one of another host", "advertised.listeners", "127.0.0.1"}},
      {"no-certificate", "MUTUAL", "{protocol: ssl, caFile: TLS/ca.pem}", {"no encrypted connection", "`certificate`"}},
      {"no-secret", "PLAIN", with(by_password, "key: plain", "key: absent"), {"kafka/absent", "sasl.password", "secretRef"}},
      {"no-ca-file", "ENCRYPTED", with(by_encrypted_password, "TLS/ca.pem", "TLS/absent.pem"), {"ssl.ca.location", "absent.pem"}},
  };
  std::vector<std::thread> threads;  // they mostly wait
  std::vector<std::array<secured_broker::outcome, 2>> outcomes(refusals.size());
  for (const bool source : {true, false}) {
    for (size_t i = 0; i < refusals.size(); ++i)
      threads.emplace_back([&, i, source] {
        const refusal& each = refusals[i];
        outcomes[i][source] = with_->run(each.name + (source ? "-source" : "-sink"), source ? "hospital" : "open",
                                         source ? "open" : "hospital", each.listener, each.security);
      });
    for (std::thread& each : threads) each.join();
    threads.clear();
  }
  for (size_t i = 0; i < refusals.size(); ++i) {
    for (const bool source : {true, false}) {
      SCOPED_TRACE(refusals[i].name + (source ? ", source" : ", sink"));
      const auto& [status, said, took] = outcomes[i][source];
      EXPECT_EQ(status, 1) << said;
      EXPECT_LT(took, std::chrono::seconds(20)) << said;
      const size_t failed = said.find("the job failed: ");
      EXPECT_NE(failed, std::string::npos) << said;
      if (failed == std::string::npos) continue;
      const std::string reason = said.substr(failed);
      EXPECT_NE(reason.find("the connection hospital: "), std::string::npos) << said;
      for (const std::string& part : refusals[i].said) EXPECT_NE(reason.find(part), std::string::npos) << part << " in: " << said;
      expect_no_secret(said, "the log");
      if (::testing::Test::HasFailure()) continue;
      std::printf("%s, %lld ms: %s\n", source ? "source" : "sink", static_cast<long long>(took.count()),
                  reason.substr(0, reason.find('\n')).c_str());
    }
  }
}

}  // namespace
}  // namespace systole::testing
