#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connectors/connection_settings.h"
#include "connectors/factory.h"
#include "connectors/kafka/kafka_discovery.h"
#include "connectors/source.h"
#include "connectors/source_rows.h"

namespace systole {

/// Reads a Kafka topic. Partition p belongs to subtask p mod parallelism; positions are per partition, so that a job
/// restores at any parallelism, and are in the checkpoint only: no group, no committed offsets. Records of open
/// transactions are not seen before they are committed. An offset that is not there (any more) stops the job with its
/// name. See docs/decisions/0008-kafka-source.md.
class kafka_source_factory final : public source_factory {
 public:
  /// `invalid_argument` for settings that are not allowed and columns that cannot be read; the cluster is not asked yet.
  static result<std::unique_ptr<source_factory>> make(const proto::Source& source, const connector_context& context);

  bool bounded() const override { return source_.kafka().bounded(); }
  result<std::unique_ptr<source_reader>> make_reader(uint32_t subtask, uint32_t parallelism,
                                                     const std::vector<std::string>& restored) override;

 private:
  kafka_source_factory(proto::Source source, const connector_context& context, connection_settings settings,
                       std::shared_ptr<const source_rows> rows)
      : source_(std::move(source)), context_(context), settings_(std::move(settings)), rows_(std::move(rows)) {}

  const proto::Source source_;
  const connector_context context_;
  const connection_settings settings_;
  std::shared_ptr<const source_rows> rows_;
  std::mutex mutex_;
  kafka_positions saved_;
  std::shared_ptr<kafka_discovery> discovery_;    ///< of the attempt: made with its first reader
};

}  // namespace systole
