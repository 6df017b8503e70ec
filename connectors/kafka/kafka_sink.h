#pragma once

#include <memory>

#include "base/result.h"
#include "connectors/factory.h"
#include "connectors/kafka/kafka_sink_settings.h"
#include "connectors/sink.h"

namespace systole {

/// A topic as a sink: exactly once by epoch outbox and marker (docs/decisions/0007-kafka-sink.md), or at least once.
class kafka_sink_factory final : public sink_factory {
 public:
  explicit kafka_sink_factory(shared_kafka_settings settings) : settings_(std::move(settings)) {}
  static result<std::unique_ptr<sink_factory>> make(const proto::Node& node, const sink_input& input,
                                                    const connector_context& context);
  bool accepts_changelog() const override { return settings_->records.upsert; }
  bool shards_commit() const override { return !settings_->at_least_once; }
  void on_committed(epoch_id epoch) override { raise(settings_->recovered, epoch.value); }
  result<std::unique_ptr<sink_writer>> make_writer(uint32_t shard, uint32_t shards) override;
  result<std::unique_ptr<sink_committer>> make_committer(uint32_t most_shards) override;

 private:
  shared_kafka_settings settings_;
};

/// The settings that a node's sink has. For tests, which change some.
result<kafka_sink_settings> kafka_settings_of(const proto::Node& node, const sink_input& input,
                                              const connector_context& context);

}  // namespace systole
