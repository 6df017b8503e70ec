#pragma once

#include <string>

#include "tests/kafka/kafka_broker.h"

namespace systole {

/// Two real brokers with a copy of everything on each. The first is the controller too and lives; the second leads the
/// tests' topics and may die: a second later the first leads them, and it hands them back soon after the other has caught
/// up again. Failures throw std::runtime_error. Call from one thread.
class kafka_cluster {
 public:
  kafka_cluster();

  /// Both, as a Connection names them.
  std::string servers() const { return first_.servers() + "," + second_.servers(); }
  kafka_broker& first() { return first_; }
  kafka_broker& second() { return second_; }

  /// A topic that the second broker leads.
  void create_topic(const std::string& name, int partitions);
  /// Until the first broker leads all partitions of the topic, for the second is dead; or the second again, with both
  /// copies whole.
  void wait_until_first_leads(const std::string& topic) { wait_for_leader(topic, 1, 1); }
  void wait_until_second_leads(const std::string& topic) { wait_for_leader(topic, 2, 2); }

 private:
  void wait_for_leader(const std::string& topic, int32_t node, int copies);

  kafka_broker first_, second_;
};

}  // namespace systole
