#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace latency_bench {

/// Sends records to the partitions of a topic in turn. Errors of the client end the process with a message; a record
/// that the broker refuses is counted. One thread.
class topic_sender {
 public:
  topic_sender(const std::string& brokers, const std::string& topic);
  ~topic_sender();
  topic_sender(const topic_sender&) = delete;
  topic_sender& operator=(const topic_sender&) = delete;
  /// Waits where the queue is full.
  void send(std::string_view key, std::string_view value);
  /// Serves delivery reports.
  void serve() { rd_kafka_poll(handle_, 0); }
  /// Waits until all is delivered.
  void flush();
  int partitions() const { return partitions_; }
  uint64_t refused() const { return refused_; }

 private:
  rd_kafka_t* handle_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  int partitions_ = 0;
  uint64_t sent_ = 0;
  std::atomic<uint64_t> refused_{0};
};

/// Reads all partitions of a topic from their start. One thread.
class topic_reader {
 public:
  topic_reader(const std::string& brokers, const std::string& topic, const std::string& isolation);
  ~topic_reader();
  topic_reader(const topic_reader&) = delete;
  topic_reader& operator=(const topic_reader&) = delete;
  /// Hands over the values that are there; waits so long where there are none. Errors that pass are left to the client.
  void read(int wait_ms, const std::function<void(std::string_view value)>& take);

 private:
  rd_kafka_t* handle_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  rd_kafka_queue_t* queue_ = nullptr;
  int partitions_ = 0;
};

}  // namespace latency_bench
