#include "connectors/kafka/kafka_source.h"

#include "connectors/kafka/kafka_source_reader.h"

namespace systole {

result<std::unique_ptr<source_factory>> kafka_source_factory::make(const proto::Source& source,
                                                                   const connector_context& context) {
  SYSTOLE_ASSIGN(auto rows, source_rows::make(source, context));
  SYSTOLE_ASSIGN(const auto records, kafka_record_batch::make(source, 1));  // refuses what no decoder can give
  (void)records;
  SYSTOLE_ASSIGN(auto settings,
                 kafka_connection_settings(source.connection(), context.secret_directory, *context.files));
  return std::unique_ptr<source_factory>(
      new kafka_source_factory(source, context, std::move(settings), std::move(rows)));
}

result<std::unique_ptr<source_reader>> kafka_source_factory::make_reader(uint32_t subtask, uint32_t parallelism,
                                                                         const std::vector<std::string>& restored) {
  {
    const std::lock_guard lock(mutex_);
    if (!discovery_) {
      std::optional<kafka_positions> saved;
      if (!restored.empty()) {
        SYSTOLE_ASSIGN(saved_, decode_kafka_positions(source_.kafka().topic(), restored));
        saved = saved_;
      }
      SYSTOLE_ASSIGN(discovery_, kafka_discovery::start(source_.kafka(), source_.connection().name(), settings_, saved));
    }
  }
  SYSTOLE_ASSIGN(auto records, kafka_record_batch::make(source_, context_.batch_rows));
  return std::unique_ptr<source_reader>(std::make_unique<kafka_source_reader>(
      source_, context_, settings_, rows_, std::move(records), discovery_, context_.alignment, saved_, subtask,
      parallelism));
}

}  // namespace systole
