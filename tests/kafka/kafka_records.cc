#include "tests/kafka/kafka_records.h"

#include <chrono>
#include <stdexcept>

namespace systole {
namespace {

constexpr int time_out_ms = 60'000;

struct deliveries {
  size_t open = 0;
  rd_kafka_resp_err_t failed = RD_KAFKA_RESP_ERR_NO_ERROR;
};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  auto& all = *static_cast<deliveries*>(message->_private);
  --all.open;
  if (message->err) all.failed = message->err;
}

void check(rd_kafka_error_t* error, const char* what) {
  if (!error) return;
  const std::string text = std::string(what) + ": " + rd_kafka_error_string(error);
  rd_kafka_error_destroy(error);
  throw std::runtime_error(text);
}

void send(rd_kafka_t* producer, const std::string& topic, const std::vector<topic_record>& records) {
  deliveries all;
  for (const topic_record& each : records) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(each.headers.size());
    for (const auto& [name, held] : each.headers)
      rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), held ? held->data() : nullptr,
                          held ? static_cast<ssize_t>(held->size()) : 0);
    void* const key = each.key ? const_cast<char*>(each.key->data()) : nullptr;
    const size_t key_size = each.key ? each.key->size() : 0;
    void* const value = each.value ? const_cast<char*>(each.value->data()) : nullptr;
    const size_t value_size = each.value ? each.value->size() : 0;
    while (true) {
      ++all.open;
      const rd_kafka_resp_err_t error = rd_kafka_producev(
          producer, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(each.partition), RD_KAFKA_V_OPAQUE(&all),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(each.timestamp_ms),
          RD_KAFKA_V_KEY(key, key_size), RD_KAFKA_V_VALUE(value, value_size),
          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
      if (!error) break;
      --all.open;
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_headers_destroy(headers);
        throw std::runtime_error("produce to " + topic + ": " + rd_kafka_err2str(error));
      }
      rd_kafka_poll(producer, 100);
    }
  }
  rd_kafka_flush(producer, time_out_ms);
  if (all.open > 0) {
    // Reports that come later would point to `all`.
    rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producer, time_out_ms);
    throw std::runtime_error("produce to " + topic + ": no delivery report");
  }
  if (all.failed) throw std::runtime_error("produce to " + topic + ": " + rd_kafka_err2str(all.failed));
}

kafka_handle make_producer(const std::string& servers, std::map<std::string, std::string> settings) {
  settings.emplace("bootstrap.servers", servers);
  settings.emplace("acks", "all");
  settings.emplace("linger.ms", "5");
  settings.emplace("retry.backoff.ms", "10");
  return make_kafka_handle(RD_KAFKA_PRODUCER, settings);
}

}  // namespace

kafka_handle make_kafka_handle(rd_kafka_type_t type, const std::map<std::string, std::string>& settings) {
  rd_kafka_conf_t* const made = rd_kafka_conf_new();
  char text[512];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(made, name.c_str(), value.c_str(), text, sizeof(text)) != RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(made);
      throw std::runtime_error(text);
    }
  }
  rd_kafka_conf_set_log_cb(made, [](const rd_kafka_t*, int, const char*, const char*) {});
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(made, on_delivery);
  rd_kafka_t* const handle = rd_kafka_new(type, made, text, sizeof(text));
  if (!handle) {
    rd_kafka_conf_destroy(made);
    throw std::runtime_error(text);
  }
  return {handle, rd_kafka_destroy};
}

void produce(const std::string& servers, const std::string& topic, const std::vector<topic_record>& records,
             const std::map<std::string, std::string>& settings) {
  const kafka_handle producer = make_producer(servers, settings);
  send(producer.get(), topic, records);
}

void produce_values(const std::string& servers, const std::string& topic, const std::vector<std::string>& values,
                    int partition) {
  std::vector<topic_record> records;
  for (const std::string& each : values) {
    records.emplace_back();
    records.back().value = each;
    records.back().partition = partition;
  }
  produce(servers, topic, records);
}

kafka_transaction::kafka_transaction(const std::string& servers, const std::string& id, int timeout_ms)
    : producer_(make_producer(servers, {{"transactional.id", id}, {"transaction.timeout.ms", std::to_string(timeout_ms)}})) {
  check(rd_kafka_init_transactions(producer_.get(), time_out_ms), "init_transactions");
}
void kafka_transaction::begin() { check(rd_kafka_begin_transaction(producer_.get()), "begin_transaction"); }
void kafka_transaction::produce(const std::string& topic, const std::vector<topic_record>& records) {
  send(producer_.get(), topic, records);
}
void kafka_transaction::commit() { check(rd_kafka_commit_transaction(producer_.get(), time_out_ms), "commit"); }
void kafka_transaction::abort() { check(rd_kafka_abort_transaction(producer_.get(), time_out_ms), "abort"); }

std::pair<int64_t, int64_t> kafka_watermarks(const std::string& servers, const std::string& topic, int partition) {
  // A default handle returns the last stable offset instead of the high watermark.
  const kafka_handle reader = make_kafka_handle(
      RD_KAFKA_CONSUMER, {{"bootstrap.servers", servers}, {"isolation.level", "read_uncommitted"}, {"group.id", "tests"}});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(time_out_ms);
  const auto ask = [&](int64_t of) {
    while (true) {
      rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(1);
      rd_kafka_topic_partition_t* const asked = rd_kafka_topic_partition_list_add(list, topic.c_str(), partition);
      asked->offset = of;
      rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(reader.get(), list, 1'000);
      if (!error) error = asked->err;
      const int64_t offset = asked->offset;
      rd_kafka_topic_partition_list_destroy(list);
      if (!error) return offset;
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("watermarks of " + topic + ": " + rd_kafka_err2str(error));
    }
  };
  const int64_t low = ask(-2);
  return {low, ask(-1)};
}

std::vector<topic_record> read_topic(const std::string& servers, const std::string& topic, bool read_committed) {
  const kafka_handle reader = make_kafka_handle(
      RD_KAFKA_CONSUMER, {{"bootstrap.servers", servers},
                          {"isolation.level", read_committed ? "read_committed" : "read_uncommitted"},
                          {"group.id", "tests"},
                          {"enable.auto.commit", "false"},
                          {"enable.partition.eof", "true"},
                          {"auto.offset.reset", "error"}});
  const rd_kafka_metadata_t* about = nullptr;
  rd_kafka_topic_t* const handle = rd_kafka_topic_new(reader.get(), topic.c_str(), nullptr);
  const rd_kafka_resp_err_t failed = rd_kafka_metadata(reader.get(), 0, handle, &about, time_out_ms);
  rd_kafka_topic_destroy(handle);
  if (failed) throw std::runtime_error("metadata of " + topic + ": " + rd_kafka_err2str(failed));
  const int partitions = about->topic_cnt == 1 ? about->topics[0].partition_cnt : 0;
  rd_kafka_metadata_destroy(about);

  std::vector<topic_record> found;
  for (int partition = 0; partition < partitions; ++partition) {
    const auto [low, high] = kafka_watermarks(servers, topic, partition);
    if (low >= high) continue;
    rd_kafka_topic_partition_list_t* const assigned = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(assigned, topic.c_str(), partition)->offset = low;
    rd_kafka_assign(reader.get(), assigned);
    rd_kafka_topic_partition_list_destroy(assigned);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(time_out_ms);
    bool at_end = false;
    while (!at_end) {
      if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("reading " + topic + ": time-out");
      std::unique_ptr<rd_kafka_message_t, void (*)(rd_kafka_message_t*)> message(
          rd_kafka_consumer_poll(reader.get(), 100), rd_kafka_message_destroy);
      if (!message) continue;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        at_end = message->offset >= high;
        continue;
      }
      if (message->err) throw std::runtime_error("reading " + topic + ": " + rd_kafka_message_errstr(message.get()));
      topic_record& record = found.emplace_back();
      if (message->key) record.key.emplace(static_cast<const char*>(message->key), message->key_len);
      if (message->payload) record.value.emplace(static_cast<const char*>(message->payload), message->len);
      rd_kafka_headers_t* headers = nullptr;
      if (!rd_kafka_message_headers(message.get(), &headers)) {
        const char* name = nullptr;
        const void* value = nullptr;
        size_t size = 0;
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); ++i)
          record.headers.emplace_back(
              name, value ? std::optional<std::string>(std::string(static_cast<const char*>(value), size)) : std::nullopt);
      }
      rd_kafka_timestamp_type_t kind{};
      record.timestamp_ms = rd_kafka_message_timestamp(message.get(), &kind);
      record.partition = partition;
      record.offset = message->offset;
    }
  }
  return found;
}

}  // namespace systole
