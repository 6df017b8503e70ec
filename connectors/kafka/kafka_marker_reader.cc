#include "connectors/kafka/kafka_marker_reader.h"

#include <algorithm>
#include <thread>

#include "base/limits.h"
#include "kafka/partition_tail.h"
#include "kafka/topic_partitions.h"

namespace systole {
namespace {

using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

result<std::optional<kafka_marker>> read_once(kafka_partition_tail& tail, const std::string& key, const std::string& topic) {
  SYSTOLE_ASSIGN(const kafka_partition_tail::extent extent, tail.look());
  // The last marker is nearly always among the last few: what is before is compacted now and then only.
  for (int64_t back = 64;; back *= 16) {
    const int64_t from = std::max(extent.first, extent.end - back);
    std::optional<kafka_marker> found;
    SYSTOLE_TRY(tail.read(from, extent.end, [&](const kafka_record& record) -> result<void> {
      if (record.key != key)
        return fail(error_code::incompatible, "the topic " + topic + " has records of another sink; choose another marker topic");
      SYSTOLE_ASSIGN(found, decode_marker(key, record.value));
      return {};
    }));
    if (found || from == extent.first) return found;
  }
}

}  // namespace

result<std::optional<kafka_marker>> read_kafka_marker(const kafka_sink_settings& settings, uint32_t shard, steady::time_point until) {
  SYSTOLE_ASSIGN(kafka_client_options options, kafka_sink_options(settings));
  SYSTOLE_ASSIGN(const auto tail, kafka_partition_tail::make(std::move(options), settings.marker_topic, shard));
  const std::string key = marker_key(settings.job, settings.sink, shard);
  const auto begun = steady::now();
  for (;;) {
    auto found = read_once(*tail, key, settings.marker_topic);
    if (found) return found;
    failure cause = std::move(found).error();
    cause.message = "reading the marker of shard " + std::to_string(shard) + ": " + cause.message;
    const auto patience = std::chrono::duration_cast<milliseconds>(until - begun);
    if (steady::now() - begun >= kafka_patience(cause.code, patience)) return cause;
    std::this_thread::sleep_for(milliseconds(limits::kafka_retry_pause_ms));
  }
}

}  // namespace systole
