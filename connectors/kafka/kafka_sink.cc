#include "connectors/kafka/kafka_sink.h"

#include "base/limits.h"
#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_plain_writer.h"
#include "connectors/kafka/kafka_sink_committer.h"
#include "connectors/kafka/kafka_sink_writer.h"

namespace systole {
namespace {

result<size_t> column_of(const sink_input& input, const std::string& name, const std::string& what) {
  const int index = input.columns.find(name);
  if (index < 0) return fail(error_code::invalid_argument, "a Kafka sink's " + what + " names an unknown column: " + name);
  return static_cast<size_t>(index);
}

}  // namespace

result<kafka_sink_settings> kafka_settings_of(const proto::Node& node, const sink_input& input,
                                              const connector_context& context) {
  const proto::Sink& sink = node.sink();
  const proto::KafkaSink& kafka = sink.kafka();
  kafka_sink_settings made;
  made.job = context.job;
  made.sink = node.step();
  made.connection = sink.connection().name();
  SYSTOLE_ASSIGN(made.client, kafka_connection_settings(sink.connection(), context.secret_directory, *context.files));
  made.topic = kafka.topic();
  if (made.topic.empty()) return fail(error_code::invalid_argument, "a Kafka sink needs a topic");
  made.at_least_once = sink.at_least_once();
  if (!made.at_least_once)
    made.marker_topic = kafka.marker_topic().empty() ? "systole." + made.job + "." + made.sink + ".markers" : kafka.marker_topic();
  made.records.columns = input.columns;
  made.records.format = sink.format().empty() ? "json" : sink.format();
  made.records.upsert = input.changelog;
  for (const std::string& name : kafka.key()) {
    SYSTOLE_ASSIGN(const size_t index, column_of(input, name, "key"));
    made.records.key.push_back(index);
  }
  for (const std::string& name : kafka.partition_by()) {
    SYSTOLE_ASSIGN(const size_t index, column_of(input, name, "partitionBy"));
    made.records.partition_by.push_back(index);
  }
  std::map<std::string, std::string> headers(kafka.headers().begin(), kafka.headers().end());
  for (const auto& [header, name] : headers) {
    SYSTOLE_ASSIGN(const size_t index, column_of(input, name, "header"));
    made.records.headers.emplace_back(header, index);
  }
  if (input.changelog && made.records.key.empty())
    return fail(error_code::invalid_argument, "a changelog needs a key to be written to a topic");
  made.create_if_missing = kafka.create_if_missing();
  made.partitions = std::max(kafka.partitions(), 1u);
  if (kafka.replication_factor() > 0) made.replication_factor = static_cast<int>(kafka.replication_factor());
  if (kafka.transaction_timeout_ms() > 0)
    made.transaction_timeout_ms = std::min(kafka.transaction_timeout_ms(), limits::kafka_transaction_ms);
  made.answer_ms = limits::kafka_answer_ms;
  made.outbox_folder = outbox_folder_of(context.outbox_directory, node.step());
  made.outbox_bytes = context.outbox_bytes;
  made.attempt = context.attempt;
  made.files = context.files;
  made.still_current = context.still_current;
  made.guards.check_marker = context.guards.marker_read;
  made.guards.fence = context.guards.fencing;
  made.recovered = std::make_shared<std::atomic<uint64_t>>(0);
  return made;
}

result<std::unique_ptr<sink_factory>> kafka_sink_factory::make(const proto::Node& node, const sink_input& input,
                                                               const connector_context& context) {
  SYSTOLE_ASSIGN(kafka_sink_settings settings, kafka_settings_of(node, input, context));
  SYSTOLE_ASSIGN(const auto encoder, kafka_record_encoder::make(settings.records));
  (void)encoder;  // it can be made
  return std::unique_ptr<sink_factory>(
      std::make_unique<kafka_sink_factory>(std::make_shared<const kafka_sink_settings>(std::move(settings))));
}

result<std::unique_ptr<sink_writer>> kafka_sink_factory::make_writer(uint32_t shard, uint32_t) {
  SYSTOLE_ASSIGN(auto encoder, kafka_record_encoder::make(settings_->records));
  if (settings_->at_least_once)
    return std::unique_ptr<sink_writer>(std::make_unique<kafka_plain_writer>(settings_, std::move(encoder)));
  return std::unique_ptr<sink_writer>(std::make_unique<kafka_sink_writer>(settings_, shard, std::move(encoder)));
}

result<std::unique_ptr<sink_committer>> kafka_sink_factory::make_committer(uint32_t most_shards) {
  if (settings_->at_least_once)
    return std::unique_ptr<sink_committer>(std::make_unique<kafka_plain_committer>(settings_));
  return std::unique_ptr<sink_committer>(std::make_unique<kafka_sink_committer>(settings_, most_shards));
}

}  // namespace systole
