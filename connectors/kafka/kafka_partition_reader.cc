#include "connectors/kafka/kafka_partition_reader.h"

#include <librdkafka/rdkafka.h>

namespace systole {
namespace {

void ring(rd_kafka_t*, void* alarm) { static_cast<kafka_alarm*>(alarm)->ring(); }

/// What consume() hands to its callback.
struct consumption {
  const std::function<bool(const kafka_partition_event&)>& take;
  rd_kafka_t* handle;
  bool stopped = false;
};

/// Errors after which the library goes on by itself.
bool passes(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR__FATAL: return false;
    default: return true;  // unknown topics too: the discovery gives them up after a while
  }
}

void on_message(rd_kafka_message_t* message, void* opaque) {
  auto& to = *static_cast<consumption*>(opaque);
  kafka_partition_event event{.offset = message->offset, .message = message};
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    event.what = kafka_partition_event::kind::caught_up;
  } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    event.what = kafka_partition_event::kind::out_of_range;
  } else if (message->err) {
    if (passes(message->err)) return;
    event.what = kafka_partition_event::kind::refused;
    event.code = message->err;
  }
  // What is behind the record that stops stays in the queue.
  if (!to.take(event)) rd_kafka_yield(to.handle);
}

}  // namespace

result<std::unique_ptr<kafka_topic>> kafka_topic::make(kafka_client& client, const std::string& name) {
  rd_kafka_topic_t* const handle = rd_kafka_topic_new(client.handle(), name.c_str(), nullptr);
  if (!handle) return kafka_failure(rd_kafka_last_error(), "the topic " + name);
  return std::unique_ptr<kafka_topic>(new kafka_topic(name, handle));
}
kafka_topic::~kafka_topic() { rd_kafka_topic_destroy(handle_); }

result<std::unique_ptr<kafka_partition_reader>> kafka_partition_reader::start(kafka_client& client, kafka_topic& topic,
                                                                uint32_t partition, int64_t offset, kafka_alarm& alarm) {
  std::unique_ptr<kafka_partition_reader> made(new kafka_partition_reader(client, topic, partition));
  made->queue_ = rd_kafka_queue_new(client.handle());
  rd_kafka_queue_cb_event_enable(made->queue_, ring, &alarm);
  if (rd_kafka_consume_start_queue(topic.handle(), static_cast<int32_t>(partition), offset, made->queue_) != 0)
    return kafka_failure(rd_kafka_last_error(), "reading " + topic.name() + "/" + std::to_string(partition));
  made->started_ = true;
  return made;
}

kafka_partition_reader::~kafka_partition_reader() {
  rd_kafka_queue_cb_event_enable(queue_, nullptr, nullptr);
  if (started_) rd_kafka_consume_stop(topic_.handle(), static_cast<int32_t>(partition_));
  rd_kafka_queue_destroy(queue_);
}

void kafka_partition_reader::consume(const std::function<bool(const kafka_partition_event&)>& take) {
  consumption to{take, client_.handle()};
  rd_kafka_consume_callback_queue(queue_, 0, on_message, &to);
}

int64_t kafka_partition_reader::known_end() const {
  int64_t first = -1, end = -1;
  const auto error = rd_kafka_get_watermark_offsets(client_.handle(), topic_.name().c_str(),
                                                    static_cast<int32_t>(partition_), &first, &end);
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? end : -1;
}

bool kafka_partition_reader::has_queued() const { return rd_kafka_queue_length(queue_) > 0; }

}  // namespace systole
