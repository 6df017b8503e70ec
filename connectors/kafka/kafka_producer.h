#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/result.h"
#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_record_encoder.h"
#include "connectors/kafka/kafka_shard_protocol.h"
#include "connectors/kafka/kafka_sink_settings.h"

namespace systole {

/// A producer without transactions, with its delivery reports counted: a flush tells nothing of records that failed. Calls
/// wait, at most for kafka_call_ms unless said otherwise. It may be written to by one thread while another waits for
/// deliveries.
class kafka_producer {
 public:
  using outcome = kafka_shard_protocol::outcome;

  static result<std::unique_ptr<kafka_producer>> make(shared_kafka_settings settings);
  ~kafka_producer();

  /// Learns the topic's partitions.
  outcome initialise();
  /// Queues a record for the topic; waits for room where the queue is full.
  outcome send(const kafka_encoded_record& record);
  /// Takes delivery reports; what they tell.
  outcome poll();
  /// Waits until every record has its report; ok where all were taken. Retriable after `wait`: they are still on their way.
  outcome flush(std::chrono::milliseconds wait);
  /// What the last outcome that was not ok was about.
  const failure& cause() const { return cause_; }
  /// Waits a little while the library works.
  void pause();

  /// Called by the library.
  void on_report(const rd_kafka_message_s& message);
  int32_t place(int32_t partitions, const void* opaque);

 private:
  struct topic_closer {
    void operator()(rd_kafka_topic_s* topic) const;
  };
  using topic_handle = std::unique_ptr<rd_kafka_topic_s, topic_closer>;
  explicit kafka_producer(shared_kafka_settings settings) : settings_(std::move(settings)) {}
  result<topic_handle> open_topic(const std::string& name);
  outcome of_code(int code, const std::string& what);
  /// The worst that delivery reports have told.
  outcome reports();

  shared_kafka_settings settings_;
  std::unique_ptr<kafka_client> client_;
  topic_handle topic_;
  std::atomic<uint64_t> sent_{0}, reported_{0};
  std::atomic<int> failed_code_{0};    ///< of the first report that was not a success
  std::atomic<uint64_t> next_place_{0};
  failure cause_;
};

}  // namespace systole
