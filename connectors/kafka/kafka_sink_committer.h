#pragma once

#include <map>
#include <memory>
#include <vector>

#include "connectors/kafka/kafka_recovery.h"
#include "connectors/kafka/kafka_marker_topic.h"
#include "connectors/kafka/kafka_shard_session.h"
#include "connectors/sink.h"

namespace systole {

/// Recovers an exactly-once Kafka sink before the first row: fences every shard that was ever deployed, reads their
/// markers, and has the restored epoch committed under the old ids where that was cut off. Afterwards every shard's marker
/// is at the restored epoch, so that any number of shards may go on from there. It commits nothing else: writers do.
class kafka_sink_committer final : public sink_committer {
 public:
  kafka_sink_committer(shared_kafka_settings settings, uint32_t most_shards)
      : settings_(std::move(settings)), most_shards_(most_shards) {}
  result<void> recover(epoch_id last_completed) override;
  result<void> begin(epoch_id last_completed) override;
  /// The running writers have the shards' ids, and commit: there is nothing to take over.
  result<void> adopt(epoch_id) override {
    adopted_ = true;
    return {};
  }
  result<void> commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) override;

 private:
  result<void> open_all();
  /// Ends the sessions: the writers take the ids over.
  result<void> recovered(epoch_id at);

  shared_kafka_settings settings_;
  uint32_t most_shards_;
  bool adopted_ = false;
  std::vector<std::unique_ptr<kafka_shard_session>> sessions_;  ///< by shard
};

/// At least once: there is nothing to recover but the topic.
class kafka_plain_committer final : public sink_committer {
 public:
  explicit kafka_plain_committer(shared_kafka_settings settings) : settings_(std::move(settings)) {}
  result<void> recover(epoch_id) override { return prepare_kafka_topics(*settings_, 1); }
  result<void> commit(const commit_epoch&, const std::vector<shard_commit>&) override { return {}; }

 private:
  shared_kafka_settings settings_;
};

}  // namespace systole
