#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace systole {

/// A real Apache Kafka broker: one JVM (KRaft) in a process group of its own, on free loopback ports, with its log in a
/// temporary folder. Its jars come from tools/kafka_jars.sh. Start is about a second; share one per test binary and give
/// each test its own topics, groups and transactional ids. Failures throw std::runtime_error. Call from one thread.
class kafka_broker {
 public:
  /// Starts one, ready when it returns. `properties` come behind the usual ones and win.
  explicit kafka_broker(const std::map<std::string, std::string>& properties = {});
  ~kafka_broker();
  kafka_broker(const kafka_broker&) = delete;
  kafka_broker& operator=(const kafka_broker&) = delete;

  /// The test binary's broker, started with the first call and killed at the end.
  static kafka_broker& shared();

  /// host:port
  const std::string& servers() const { return servers_; }
  pid_t pid() const { return pid_; }

  /// kill -9; restart() starts it again on the same ports and data, ready when it returns.
  void kill_9();
  void restart();
  /// SIGSTOP and SIGCONT.
  void freeze();
  void thaw();

  // Topics; each returns when the broker has it and a leader answers.
  void create_topic(const std::string& name, int partitions = 1, const std::map<std::string, std::string>& settings = {});
  void add_partitions(const std::string& topic, int partitions);
  void delete_topic(const std::string& topic);
  /// Removes the records before `offset`, as retention does.
  void delete_records(const std::string& topic, int partition, int64_t offset);

 private:
  void start();
  void end_process(int signal);

  std::string jars_, directory_, servers_;
  pid_t pid_ = 0;
};

}  // namespace systole
