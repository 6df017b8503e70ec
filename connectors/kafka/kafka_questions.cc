#include "connectors/kafka/kafka_questions.h"

#include <librdkafka/rdkafka.h>

#include <memory>

namespace systole {

result<uint32_t> kafka_partition_count(kafka_client& client, const std::string& topic,
                                       std::chrono::milliseconds time_out) {
  const std::string what = "asking " + client.connection() + " for the topic " + topic;
  std::unique_ptr<rd_kafka_topic_t, void (*)(rd_kafka_topic_t*)> handle(
      rd_kafka_topic_new(client.handle(), topic.c_str(), nullptr), rd_kafka_topic_destroy);
  if (!handle) return kafka_failure(rd_kafka_last_error(), what);
  const rd_kafka_metadata_t* about = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client.handle(), 0, handle.get(), &about, static_cast<int>(time_out.count()));
  if (error) return client.unanswered(error, what);
  std::unique_ptr<const rd_kafka_metadata_t, void (*)(const rd_kafka_metadata_t*)> owned(about, rd_kafka_metadata_destroy);
  client.tell_answered();
  if (about->topic_cnt != 1) return fail(error_code::not_found, what + ": there is none");
  if (about->topics[0].err) return kafka_failure(about->topics[0].err, what);
  return static_cast<uint32_t>(about->topics[0].partition_cnt);
}

namespace {

/// The answer to one question for an offset: of a time (milliseconds), of the first record kept (-2), of the end (-1).
/// rd_kafka_query_watermark_offsets is no way to ask: librdkafka 2.0.2 waits there for the leader that it knows, however
/// long that is dead. Below 0: there is no record of that time.
result<int64_t> ask_offset(kafka_client& client, const std::string& topic, uint32_t partition, int64_t of,
                           std::chrono::milliseconds time_out) {
  std::unique_ptr<rd_kafka_topic_partition_list_t, void (*)(rd_kafka_topic_partition_list_t*)> list(
      rd_kafka_topic_partition_list_new(1), rd_kafka_topic_partition_list_destroy);
  rd_kafka_topic_partition_t* const asked =
      rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), static_cast<int32_t>(partition));
  asked->offset = of;
  rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(client.handle(), list.get(), static_cast<int>(time_out.count()));
  if (!error) error = asked->err;
  if (error)
    return client.unanswered(error, "asking " + client.connection() + " for the offsets of " + topic + "/" + std::to_string(partition));
  client.tell_answered();
  return asked->offset;
}

constexpr int64_t first_kept = -2, end_of_partition = -1;  // Kafka's protocol, ListOffsets

}  // namespace

result<int64_t> kafka_partition_end(kafka_client& client, const std::string& topic, uint32_t partition,
                                    std::chrono::milliseconds time_out) {
  return ask_offset(client, topic, partition, end_of_partition, time_out);
}

result<kafka_offsets> kafka_partition_offsets(kafka_client& client, const std::string& topic, uint32_t partition,
                                              std::chrono::milliseconds time_out) {
  kafka_offsets made;
  SYSTOLE_ASSIGN(made.first, ask_offset(client, topic, partition, first_kept, time_out));
  SYSTOLE_ASSIGN(made.end, ask_offset(client, topic, partition, end_of_partition, time_out));
  return made;
}

result<int64_t> kafka_offset_of_time(kafka_client& client, const std::string& topic, uint32_t partition,
                                     int64_t timestamp_ms, std::chrono::milliseconds time_out) {
  SYSTOLE_ASSIGN(const int64_t found, ask_offset(client, topic, partition, timestamp_ms, time_out));
  if (found >= 0) return found;
  return kafka_partition_end(client, topic, partition, time_out);
}

}  // namespace systole
