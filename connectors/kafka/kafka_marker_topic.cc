#include "connectors/kafka/kafka_marker_topic.h"

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/limits.h"
#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_questions.h"

namespace systole {
namespace {

using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds call_time{limits::kafka_call_ms};

template <class T, void (*Destroy)(T*)>
struct destroyer {
  void operator()(T* what) const { Destroy(what); }
};
template <class T, void (*Destroy)(T*)>
using owned = std::unique_ptr<T, destroyer<T, Destroy>>;
using owned_queue = owned<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using owned_event = owned<rd_kafka_event_t, rd_kafka_event_destroy>;
using owned_options = owned<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using owned_new_topic = owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using owned_new_partitions = owned<rd_kafka_NewPartitions_t, rd_kafka_NewPartitions_destroy>;

struct new_topic {
  std::string name;
  uint32_t partitions = 1;
  std::map<std::string, std::string> settings;
};

/// What the admin call `ask` (which enqueues to the queue it is given) says of its one topic.
template <class Ask>
result<void> admin_call(kafka_client& client, rd_kafka_admin_op_t operation, const std::string& what, Ask ask) {
  const owned_queue queue(rd_kafka_queue_new(client.handle()));
  const owned_options options(rd_kafka_AdminOptions_new(client.handle(), operation));
  char text[256];
  rd_kafka_AdminOptions_set_request_timeout(options.get(), limits::kafka_call_ms, text, sizeof text);
  ask(options.get(), queue.get());
  const owned_event event(rd_kafka_queue_poll(queue.get(), 2 * limits::kafka_call_ms));
  if (!event) return fail(error_code::unavailable, what + ": the cluster has not answered in time");
  if (const auto code = rd_kafka_event_error(event.get())) return kafka_failure(code, what);
  size_t count = 0;
  const rd_kafka_topic_result_t** results = nullptr;
  if (operation == RD_KAFKA_ADMIN_OP_CREATETOPICS)
    results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  else
    results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const auto code = rd_kafka_topic_result_error(results[i]);
    // The topic is so already: by another, or by a call whose answer was lost. A broker that was restarted may tell that late.
    const bool done = code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS || code == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS;
    if (code && !done) return kafka_failure(code, what);
  }
  return {};
}

result<void> create(kafka_client& client, const new_topic& wanted, int replication) {
  const std::string what = "creating the topic " + wanted.name;
  char text[256];
  const owned_new_topic topic(
      rd_kafka_NewTopic_new(wanted.name.c_str(), static_cast<int>(wanted.partitions), replication, text, sizeof text));
  if (!topic) return fail(error_code::invalid_argument, what + ": " + text);
  for (const auto& [name, value] : wanted.settings) rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  rd_kafka_NewTopic_t* list[] = {topic.get()};
  return admin_call(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, what, [&](const auto* options, auto* queue) {
    rd_kafka_CreateTopics(client.handle(), list, 1, options, queue);
  });
}

result<void> grow(kafka_client& client, const new_topic& wanted) {
  const std::string what = "adding partitions to the topic " + wanted.name;
  char text[256];
  const owned_new_partitions partitions(
      rd_kafka_NewPartitions_new(wanted.name.c_str(), wanted.partitions, text, sizeof text));
  if (!partitions) return fail(error_code::invalid_argument, what + ": " + text);
  rd_kafka_NewPartitions_t* list[] = {partitions.get()};
  return admin_call(client, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, what, [&](const auto* options, auto* queue) {
    rd_kafka_CreatePartitions(client.handle(), list, 1, options, queue);
  });
}

/// Until the topic has its partitions, or the time is over. `may_create` false: a missing topic is an error.
result<void> ensure(kafka_client& client, const new_topic& wanted, int replication, bool may_create, bool may_grow,
                    steady::time_point until) {
  for (;;) {
    const auto there = kafka_partition_count(client, wanted.name, call_time);
    if (there && (*there >= wanted.partitions || !may_grow)) return {};
    result<void> made;
    if (there) made = grow(client, wanted);
    else if (there.error().code != error_code::not_found) made = there.error();
    else if (may_create) made = create(client, wanted, replication);
    else
      return fail(error_code::invalid_argument, "the topic " + wanted.name + " does not exist on " + client.connection() +
                                                    "; create it, or write createTopic: ifMissing");
    if (!made && made.error().code != error_code::unavailable && made.error().code != error_code::not_found) return made;
    if (steady::now() > until)
      return made ? fail(error_code::unavailable, "the topic " + wanted.name + " is not ready in time") : made;
    rd_kafka_poll(client.handle(), limits::kafka_retry_pause_ms);
  }
}

}  // namespace

result<void> prepare_kafka_topics(const kafka_sink_settings& settings, uint32_t shards) {
  SYSTOLE_ASSIGN(const auto client, kafka_client::make(kafka_role::producer, settings.connection, settings.client, {}));
  const auto until = steady::now() + milliseconds(settings.answer_ms);
  new_topic target{settings.topic, settings.partitions, {}};
  if (settings.records.upsert) target.settings["cleanup.policy"] = "compact";
  SYSTOLE_TRY(ensure(*client, target, settings.replication_factor, settings.create_if_missing, false, until));
  if (settings.at_least_once) return {};
  // Small segments: the topic holds one marker a shard, and an epoch ago's are of no use.
  const new_topic markers{settings.marker_topic, shards,
                          {{"cleanup.policy", "compact"}, {"segment.bytes", "1048576"}, {"min.cleanable.dirty.ratio", "0.1"}}};
  return ensure(*client, markers, settings.replication_factor, true, true, until);
}

}  // namespace systole
