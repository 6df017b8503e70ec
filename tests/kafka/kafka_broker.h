#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace systole {

class kafka_broker;

/// What a broker has beside the usual.
struct kafka_broker_settings {
  std::map<std::string, std::string> properties;  ///< they win
  /// More listeners, each with a port of its own: name to protocol (SSL, SASL_PLAINTEXT, SASL_SSL).
  std::map<std::string, std::string> listeners;
  /// SCRAM users, as Kafka's storage tool takes them: SCRAM-SHA-256=[name=..,password=..]
  std::vector<std::string> users;
  /// Joins this one's cluster, as its second node without a vote.
  const kafka_broker* first = nullptr;
};

/// A real Apache Kafka broker: one JVM (KRaft) in a process group of its own, on free loopback ports, with its log in a
/// temporary folder. Its jars come from tools/kafka_jars.sh. Start is about a second; share one per test binary and give
/// each test its own topics, groups and transactional ids. Failures throw std::runtime_error. Call from one thread.
class kafka_broker {
 public:
  /// Starts one, ready when it returns.
  explicit kafka_broker(const kafka_broker_settings& settings = {});
  ~kafka_broker();
  kafka_broker(const kafka_broker&) = delete;
  kafka_broker& operator=(const kafka_broker&) = delete;

  /// The test binary's broker, started with the first call and killed at the end.
  static kafka_broker& shared();

  /// host:port
  const std::string& servers() const { return servers_; }
  /// The same of one of the settings' listeners.
  const std::string& servers(const std::string& listener) const { return listeners_.at(listener); }
  pid_t pid() const { return pid_; }

  /// kill -9; restart() starts it again on the same ports and data, ready when it returns.
  void kill_9();
  void restart();
  /// SIGSTOP and SIGCONT.
  void freeze();
  void thaw();

  // Topics; each returns when the broker has it and a leader answers.
  /// `copies`: the nodes that have each partition, the preferred leader first; else the cluster decides.
  void create_topic(const std::string& name, int partitions = 1, const std::map<std::string, std::string>& settings = {},
                    const std::vector<int32_t>& copies = {});
  void add_partitions(const std::string& topic, int partitions);
  void delete_topic(const std::string& topic);
  /// Removes the records before `offset`, as retention does.
  void delete_records(const std::string& topic, int partition, int64_t offset);

 private:
  /// Makes the folder of a node's log, as Kafka's storage tool would, or by it where there are users to be made.
  void format(const kafka_broker_settings& settings);
  std::string properties_text(const kafka_broker_settings& settings) const;
  void start();
  void end_process(int signal);

  std::string jars_, directory_, servers_, controller_;
  std::map<std::string, std::string> listeners_;
  pid_t pid_ = 0;
};

}  // namespace systole
