// The broker's topics, over librdkafka's admin interface.
#include <librdkafka/rdkafka.h>

#include <memory>
#include <stdexcept>

#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_records.h"

namespace systole {
namespace {

constexpr int request_ms = 30'000;

template <class T>
using owned = std::unique_ptr<T, void (*)(T*)>;

/// Runs one admin request; the errors of its topics and partitions are its own.
template <class Request, class Errors>
void administer(const std::string& servers, const std::string& what, Request request, Errors errors_of) {
  const auto client = make_kafka_handle(RD_KAFKA_PRODUCER, {{"bootstrap.servers", servers}});
  owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(client.get()), rd_kafka_queue_destroy);
  owned<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(client.get(), RD_KAFKA_ADMIN_OP_ANY),
                                         rd_kafka_AdminOptions_destroy);
  char text[256];
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), request_ms, text, sizeof(text));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), request_ms, text, sizeof(text));
  request(client.get(), options.get(), queue.get());
  owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), request_ms + 5'000), rd_kafka_event_destroy);
  if (!event) throw std::runtime_error(what + ": no answer");
  if (rd_kafka_event_error(event.get()))
    throw std::runtime_error(what + ": " + rd_kafka_event_error_string(event.get()));
  const std::string failed = errors_of(event.get());
  if (!failed.empty()) throw std::runtime_error(what + ": " + failed);
}

std::string topic_errors(const rd_kafka_topic_result_t** results, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (rd_kafka_topic_result_error(results[i]))
      return std::string(rd_kafka_topic_result_name(results[i])) + ": " +
             (rd_kafka_topic_result_error_string(results[i]) ? rd_kafka_topic_result_error_string(results[i])
                                                             : rd_kafka_err2str(rd_kafka_topic_result_error(results[i])));
  return {};
}

/// Waits until each of so many partitions has a leader that answers.
void wait_for_leaders(const std::string& servers, const std::string& topic, int partitions) {
  for (int i = 0; i < partitions; ++i) kafka_watermarks(servers, topic, i);
}

}  // namespace

void kafka_broker::create_topic(const std::string& name, int partitions, const std::map<std::string, std::string>& settings,
                                const std::vector<int32_t>& copies) {
  char text[256];
  owned<rd_kafka_NewTopic_t> topic(
      rd_kafka_NewTopic_new(name.c_str(), partitions, copies.empty() ? 1 : -1, text, sizeof(text)), rd_kafka_NewTopic_destroy);
  if (!topic) throw std::runtime_error(text);
  for (int i = 0; i < partitions && !copies.empty(); ++i)
    if (rd_kafka_NewTopic_set_replica_assignment(topic.get(), i, const_cast<int32_t*>(copies.data()), copies.size(), text,
                                                 sizeof(text)))
      throw std::runtime_error(text);
  for (const auto& [key, value] : settings) rd_kafka_NewTopic_set_config(topic.get(), key.c_str(), value.c_str());
  administer(
      servers_, "create " + name,
      [&](rd_kafka_t* client, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_NewTopic_t* all[] = {topic.get()};
        rd_kafka_CreateTopics(client, all, 1, options, queue);
      },
      [](rd_kafka_event_t* event) {
        size_t count = 0;
        const rd_kafka_topic_result_t** results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
        return topic_errors(results, count);
      });
  wait_for_leaders(servers_, name, partitions);
}

void kafka_broker::add_partitions(const std::string& topic, int partitions) {
  char text[256];
  owned<rd_kafka_NewPartitions_t> wanted(
      rd_kafka_NewPartitions_new(topic.c_str(), static_cast<size_t>(partitions), text, sizeof(text)),
      rd_kafka_NewPartitions_destroy);
  if (!wanted) throw std::runtime_error(text);
  administer(
      servers_, "add partitions to " + topic,
      [&](rd_kafka_t* client, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_NewPartitions_t* all[] = {wanted.get()};
        rd_kafka_CreatePartitions(client, all, 1, options, queue);
      },
      [](rd_kafka_event_t* event) {
        size_t count = 0;
        const rd_kafka_topic_result_t** results =
            rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &count);
        return topic_errors(results, count);
      });
  wait_for_leaders(servers_, topic, partitions);
}

void kafka_broker::delete_topic(const std::string& topic) {
  owned<rd_kafka_DeleteTopic_t> wanted(rd_kafka_DeleteTopic_new(topic.c_str()), rd_kafka_DeleteTopic_destroy);
  administer(
      servers_, "delete " + topic,
      [&](rd_kafka_t* client, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_DeleteTopic_t* all[] = {wanted.get()};
        rd_kafka_DeleteTopics(client, all, 1, options, queue);
      },
      [](rd_kafka_event_t* event) {
        size_t count = 0;
        const rd_kafka_topic_result_t** results =
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
        return topic_errors(results, count);
      });
}

void kafka_broker::delete_records(const std::string& topic, int partition, int64_t offset) {
  owned<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1), rd_kafka_topic_partition_list_destroy);
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  owned<rd_kafka_DeleteRecords_t> wanted(rd_kafka_DeleteRecords_new(list.get()), rd_kafka_DeleteRecords_destroy);
  administer(
      servers_, "delete records of " + topic,
      [&](rd_kafka_t* client, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_DeleteRecords_t* all[] = {wanted.get()};
        rd_kafka_DeleteRecords(client, all, 1, options, queue);
      },
      [](rd_kafka_event_t* event) {
        const rd_kafka_topic_partition_list_t* results =
            rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
        for (int i = 0; i < results->cnt; ++i)
          if (results->elems[i].err) return std::string(rd_kafka_err2str(results->elems[i].err));
        return std::string();
      });
}

}  // namespace systole
