#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/result.h"
#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_shard_protocol.h"
#include "connectors/kafka/kafka_sink_settings.h"
#include "data/batch.h"

namespace systole {

/// A producer with its delivery reports counted: a flush tells nothing of records that failed. Calls wait, at most for
/// kafka_call_ms unless said otherwise. One thread at a time; the plain one (without transactions) may be written to by
/// one thread while another waits for deliveries.
class kafka_producer {
 public:
  using outcome = kafka_shard_protocol::outcome;

  /// `transactional_id` empty: a plain idempotent producer.
  static result<std::unique_ptr<kafka_producer>> make(shared_kafka_settings settings, std::string transactional_id);
  ~kafka_producer();

  /// Takes the transactional id over from whoever has it, and learns the topics' partitions.
  outcome initialise();
  outcome begin();
  outcome commit(std::chrono::milliseconds wait);
  outcome abort();
  /// Queues records (kafka_record_column) for the topic; waits for room where the queue is full. Not ok: the transaction
  /// is of no use any more.
  outcome send(const batch& records);
  outcome send_marker(uint32_t partition, const std::string& key, const std::string& value);
  /// Waits until every record has its report; ok where all were taken. Retriable after `wait`: they are still on their way.
  outcome flush(std::chrono::milliseconds wait);
  /// What the last outcome that was not ok was about.
  const failure& cause() const { return cause_; }
  /// Records handed to the library since it was made. Any thread.
  uint64_t sent() const { return sent_.load(); }
  /// Those that have their report, good or bad. Any thread.
  uint64_t reported() const { return reported_.load(); }
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
  outcome send_one(rd_kafka_topic_s* topic, int32_t partition, const std::string_view* key, const std::string_view* value,
                   const std::string_view* headers, void* place);
  outcome of_error(rd_kafka_error_s* error, const std::string& what);
  outcome of_code(int code, const std::string& what);
  /// The worst that delivery reports have told since begin().
  outcome reports();

  shared_kafka_settings settings_;
  std::unique_ptr<kafka_client> client_;
  topic_handle topic_, markers_;
  bool transactional_ = false;
  std::atomic<uint64_t> sent_{0}, reported_{0};
  std::atomic<int> failed_code_{0};    ///< of the first report that was not a success
  std::atomic<uint64_t> next_place_{0};
  failure cause_;
};

}  // namespace systole
