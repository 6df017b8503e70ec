#include "bench/probe/topic_ends.h"

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <utility>

namespace latency_bench {
namespace {

constexpr int answer_ms = 10'000;

[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr, "latency_probe: %s\n", what.c_str());
  std::exit(1);
}

void set_all(rd_kafka_conf_t* to, std::initializer_list<std::pair<const char*, std::string>> settings) {
  char text[512];
  for (const auto& [name, value] : settings)
    if (rd_kafka_conf_set(to, name, value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK) refuse(text);
}

rd_kafka_t* client(rd_kafka_type_t type, rd_kafka_conf_t* configuration) {
  char text[512];
  rd_kafka_t* const made = rd_kafka_new(type, configuration, text, sizeof text);
  return made ? made : (refuse(text), nullptr);
}

/// How many partitions the topic has; also makes the client know it before the first record.
int partitions_of(rd_kafka_t* handle, rd_kafka_topic_t* topic) {
  const rd_kafka_metadata_t* found = nullptr;
  const auto error = rd_kafka_metadata(handle, 0, topic, &found, answer_ms);
  if (error) refuse(std::string(rd_kafka_topic_name(topic)) + ": " + rd_kafka_err2str(error));
  const int count = found->topic_cnt == 1 ? found->topics[0].partition_cnt : 0;
  rd_kafka_metadata_destroy(found);
  if (count == 0) refuse(std::string(rd_kafka_topic_name(topic)) + ": there is no such topic");
  return count;
}

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  if (message->err) ++*static_cast<std::atomic<uint64_t>*>(opaque);
}

void on_message(rd_kafka_message_t* message, void* opaque) {
  if (message->err) return;
  (*static_cast<const std::function<void(std::string_view)>*>(opaque))(
      {static_cast<const char*>(message->payload), message->payload ? message->len : 0});
}

}  // namespace

topic_sender::topic_sender(const std::string& brokers, const std::string& topic) {
  rd_kafka_conf_t* const configuration = rd_kafka_conf_new();
  // What waits here is part of the latency that is told: a millisecond at most.
  set_all(configuration, {{"bootstrap.servers", brokers},
                          {"linger.ms", "1"},
                          {"acks", "1"},
                          {"socket.nagle.disable", "true"},
                          {"queue.buffering.max.messages", "1000000"},
                          {"queue.buffering.max.kbytes", "262144"}});
  rd_kafka_conf_set_dr_msg_cb(configuration, on_delivery);
  rd_kafka_conf_set_opaque(configuration, &refused_);
  handle_ = client(RD_KAFKA_PRODUCER, configuration);
  topic_ = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
  partitions_ = partitions_of(handle_, topic_);
}

topic_sender::~topic_sender() {
  rd_kafka_topic_destroy(topic_);
  rd_kafka_destroy(handle_);
}

void topic_sender::send(std::string_view key, std::string_view value) {
  const auto partition = static_cast<int32_t>(sent_++ % static_cast<uint64_t>(partitions_));
  while (rd_kafka_produce(topic_, partition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()), value.size(),
                          key.data(), key.size(), nullptr) != 0) {
    if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) refuse(rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_poll(handle_, 10);
  }
}

void topic_sender::flush() {
  while (rd_kafka_flush(handle_, answer_ms) == RD_KAFKA_RESP_ERR__TIMED_OUT)
    std::fprintf(stderr, "latency_probe: %d records wait for the broker\n", rd_kafka_outq_len(handle_));
}

topic_reader::topic_reader(const std::string& brokers, const std::string& topic, const std::string& isolation) {
  rd_kafka_conf_t* const configuration = rd_kafka_conf_new();
  set_all(configuration, {{"bootstrap.servers", brokers},
                          {"isolation.level", isolation},
                          {"fetch.min.bytes", "1"},
                          {"fetch.wait.max.ms", "100"},
                          {"fetch.error.backoff.ms", "5"},
                          {"queued.min.messages", "1000000"},
                          {"queued.max.messages.kbytes", "1048576"},
                          {"enable.auto.commit", "false"}});
  handle_ = client(RD_KAFKA_CONSUMER, configuration);
  topic_ = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
  queue_ = rd_kafka_queue_new(handle_);
  partitions_ = partitions_of(handle_, topic_);
  for (int partition = 0; partition < partitions_; ++partition)
    if (rd_kafka_consume_start_queue(topic_, partition, RD_KAFKA_OFFSET_BEGINNING, queue_) != 0)
      refuse(rd_kafka_err2str(rd_kafka_last_error()));
}

topic_reader::~topic_reader() {
  for (int partition = 0; partition < partitions_; ++partition) rd_kafka_consume_stop(topic_, partition);
  rd_kafka_queue_destroy(queue_);
  rd_kafka_topic_destroy(topic_);
  rd_kafka_destroy(handle_);
}

void topic_reader::read(int wait_ms, const std::function<void(std::string_view)>& take) {
  rd_kafka_consume_callback_queue(queue_, wait_ms, on_message, const_cast<void*>(static_cast<const void*>(&take)));
  rd_kafka_poll(handle_, 0);
}

}  // namespace latency_bench
