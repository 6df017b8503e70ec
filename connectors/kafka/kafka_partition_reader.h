#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "connectors/kafka/kafka_client.h"

struct rd_kafka_queue_s;

namespace systole {

/// Wakes the reader that sleeps, once per sleep: partitions' queues call it from the library's threads.
class kafka_alarm {
 public:
  void set(std::function<void()> wake) { wake_ = std::move(wake); }
  /// To be called before the last look at the queues.
  void arm() { armed_.store(true); }
  void disarm() { armed_.store(false); }
  void ring() {
    if (armed_.exchange(false) && wake_) wake_();
  }

 private:
  std::function<void()> wake_;  ///< set before the first partition starts
  std::atomic<bool> armed_{false};
};

/// A consumer's view of one topic.
class kafka_topic {
 public:
  static result<std::unique_ptr<kafka_topic>> make(kafka_client& client, const std::string& name);
  ~kafka_topic();
  kafka_topic(const kafka_topic&) = delete;
  kafka_topic& operator=(const kafka_topic&) = delete;
  rd_kafka_topic_s* handle() const { return handle_; }
  const std::string& name() const { return name_; }

 private:
  kafka_topic(std::string name, rd_kafka_topic_s* handle) : name_(std::move(name)), handle_(handle) {}
  std::string name_;
  rd_kafka_topic_s* handle_;
};

/// What a partition's queue gave beside records.
struct kafka_partition_event {
  enum class kind {
    record,
    caught_up,     ///< all records there are were given; `offset` is the next one's
    out_of_range,  ///< the wanted offset is not (any more) there
    refused,       ///< an error that will not pass
  };
  kind what = kind::record;
  int64_t offset = 0;
  const rd_kafka_message_s* message = nullptr;  ///< records; valid in the call only
  int code = 0;                                 ///< refused: the library's
};

/// One partition that is read from an offset on, with a queue of its own: it is fetched ahead of its reader, within
/// queued.max.messages.kbytes, and what is not taken waits there. No group, no seek, no pause. One thread; the alarm
/// rings on the library's.
class kafka_partition_reader {
 public:
  static result<std::unique_ptr<kafka_partition_reader>> start(kafka_client& client, kafka_topic& topic, uint32_t partition,
                                                        int64_t offset, kafka_alarm& alarm);
  /// Stops fetching and drops what is queued.
  ~kafka_partition_reader();
  kafka_partition_reader(const kafka_partition_reader&) = delete;
  kafka_partition_reader& operator=(const kafka_partition_reader&) = delete;

  /// Gives what is queued to `take` until it answers false or nothing is left. Does not wait. Passing errors (a broker
  /// that is down, a leader that moves) are not given: the library tries again.
  void consume(const std::function<bool(const kafka_partition_event&)>& take);
  bool has_queued() const;
  /// The offset behind the last record as the last fetched answer said; below 0: not known yet. Does not ask the broker.
  int64_t known_end() const;

 private:
  kafka_partition_reader(kafka_client& client, kafka_topic& topic, uint32_t partition)
      : client_(client), topic_(topic), partition_(partition) {}

  kafka_client& client_;
  kafka_topic& topic_;
  uint32_t partition_;
  rd_kafka_queue_s* queue_ = nullptr;
  bool started_ = false;
};

}  // namespace systole
