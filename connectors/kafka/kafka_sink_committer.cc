#include "connectors/kafka/kafka_sink_committer.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/limits.h"

namespace systole {

result<void> kafka_sink_committer::open_all() {
  sessions_.clear();
  for (uint32_t i = 0; i < most_shards_; ++i) sessions_.push_back(std::make_unique<kafka_shard_session>(settings_, i));
  std::vector<result<void>> opened(most_shards_);
  // Side by side: each waits for what its brokers answer, and for the end of a transaction that was open.
  for (uint32_t first = 0; first < most_shards_; first += limits::kafka_opened_at_once) {
    std::vector<std::thread> threads;
    for (uint32_t i = first; i < std::min(first + limits::kafka_opened_at_once, most_shards_); ++i)
      threads.emplace_back([this, i, &opened] { opened[i] = sessions_[i]->open(); });
    for (std::thread& each : threads) each.join();
  }
  for (const result<void>& each : opened) SYSTOLE_TRY(each);
  return {};
}

result<void> kafka_sink_committer::recover(epoch_id last_completed) {
  SYSTOLE_TRY(prepare_kafka_topics(*settings_, most_shards_));
  SYSTOLE_TRY(remove_later_segments(*settings_->files, settings_->outbox_folder, last_completed, settings_->attempt));
  SYSTOLE_TRY(open_all());
  if (last_completed.value > 0) return {};
  if (settings_->guards.check_marker)
    for (uint32_t i = 0; i < most_shards_; ++i)
      if (const auto& at = sessions_[i]->at())
        return fail(error_code::already_exists,
                    "topic " + settings_->topic + " has " + describe(at) + " of another run of " + settings_->job + "/" +
                        settings_->sink + "; continue that run, or rename the job or the sink and write to another topic");
  return recovered(last_completed);
}

result<void> kafka_sink_committer::begin(epoch_id last_completed) {
  for (uint32_t i = 0; i < most_shards_; ++i) {
    const auto& at = sessions_[i]->at();
    if (at && at->epoch == last_completed.value && at->staged == marker_begun) continue;  // begun before a crash
    if (at && settings_->guards.check_marker)
      return fail(error_code::already_exists, "topic " + settings_->topic + " has " + describe(at) + " of " + settings_->sink +
                                                  ", which the saved state does not know; rename the sink");
    SYSTOLE_TRY(sessions_[i]->resolve({{.epoch = last_completed.value, .staged = std::string(marker_begun)}, at}, {}));
  }
  return recovered(last_completed);
}

result<void> kafka_sink_committer::commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) {
  if (adopted_) return {};
  std::map<uint32_t, kafka_committable> restored;
  std::vector<outbox_segment> segments_of_all;
  for (const shard_commit& each : shards) {
    SYSTOLE_ASSIGN(restored[each.shard], decode_committable(each.committable));
    if (each.shard >= most_shards_)
      return fail(error_code::incompatible, "the checkpoint has shard " + std::to_string(each.shard) + " of " + settings_->sink +
                                                ", but at most " + std::to_string(most_shards_) + " were deployed");
    const auto& segments = restored[each.shard].segments;
    segments_of_all.insert(segments_of_all.end(), segments.begin(), segments.end());
  }
  for (uint32_t i = 0; i < most_shards_; ++i) {
    recovering_shard facts{{}, sessions_[i]->at()};
    if (const auto found = restored.find(i); found != restored.end()) facts.restored = std::move(found->second);
    auto part = part_to_resolve(facts, epoch.epoch.value, epoch.previous.value, epoch.rewound && settings_->records.upsert,
                                settings_->guards.check_marker);
    if (!part) return fail(part.error().code, "shard " + std::to_string(i) + ": " + part.error().message);
    if (!*part) continue;
    std::vector<outbox_segment> segments;
    if (facts.restored && (*part)->marker.staged == facts.restored->staged)
      segments = segments_of_epoch(*facts.restored, epoch.epoch.value, epoch.previous.value);
    SYSTOLE_TRY(sessions_[i]->resolve(std::move(**part), std::move(segments)));
  }
  if (settings_->guards.check_marker)
    SYSTOLE_TRY(remove_committed_segments(*settings_->files, settings_->outbox_folder, segments_of_all, settings_->attempt));
  return recovered(epoch.epoch);
}

result<void> kafka_sink_committer::recovered(epoch_id at) {
  raise(settings_->recovered, at.value);
  sessions_.clear();
  return {};
}

}  // namespace systole
