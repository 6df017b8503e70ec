#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_alarm.h"
#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_positions.h"
#include "proto/plan.pb.h"

namespace systole {

/// Finds a topic's partitions and where each begins, on a thread of its own, since the questions block: at the start,
/// until the cluster answers, and then every discoveryInterval. One for all readers of a source in this process.
///
/// A partition with a saved position goes on there; one of the first look begins where startingOffsets says; one that
/// appears later begins at its first record, whatever that says, for none of its records was there before. While no broker
/// can be reached it tries again; a topic that a reachable cluster does not have for limits::kafka_topic_wait_ms is an error.
class kafka_discovery {
 public:
  /// `saved`: positions of the restored checkpoint; nothing on a fresh start.
  static result<std::shared_ptr<kafka_discovery>> start(const proto::KafkaSource& source, const std::string& connection,
                                                        const connection_settings& settings,
                                                        std::optional<kafka_positions> saved);
  ~kafka_discovery();

  /// What was found. Any thread.
  struct found {
    std::optional<failure> failed;
    uint64_t version = 0;        ///< 0: nothing yet
    kafka_positions positions;   ///< of all partitions, as they were found
  };
  found look() const;
  /// Cheap: whether look() has more than at `version`.
  bool changed_since(uint64_t version) const { return version_.load(std::memory_order_acquire) != version; }
  /// Rings when something was found; until removed.
  void add_alarm(kafka_alarm* alarm);
  void remove_alarm(kafka_alarm* alarm);

 private:
  kafka_discovery(proto::KafkaSource source, std::optional<kafka_positions> saved)
      : source_(std::move(source)), saved_(std::move(saved)) {}
  void run();
  /// One look at the cluster.
  result<void> find();
  result<kafka_position> begin_of(uint32_t partition, bool first_look);
  void publish(kafka_positions positions, std::optional<failure> failed);

  const proto::KafkaSource source_;
  const std::optional<kafka_positions> saved_;
  std::unique_ptr<kafka_client> client_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  found found_;
  std::atomic<uint64_t> version_{0};
  std::vector<kafka_alarm*> alarms_;
  std::thread thread_;
};

}  // namespace systole
