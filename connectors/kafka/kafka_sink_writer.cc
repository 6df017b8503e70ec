#include "connectors/kafka/kafka_sink_writer.h"

#include <fmt/format.h>

#include <chrono>
#include <random>
#include <utility>

#include "kafka/topic_partitions.h"

namespace systole {
namespace {

/// 16 hexadecimal digits.
std::string name_of_a_staging() {
  std::random_device source;
  return fmt::format("{:08x}{:08x}", source(), source());
}

}  // namespace

kafka_sink_writer::kafka_sink_writer(shared_kafka_settings settings, uint32_t shard,
                                     std::unique_ptr<kafka_record_encoder> encoder)
    : settings_(std::move(settings)),
      shard_(shard),
      encoder_(std::move(encoder)),
      committed_(std::make_shared<std::atomic<uint64_t>>(settings_->recovered->load())),
      outbox_(*settings_->files, settings_->outbox_folder, settings_->attempt, shard, committed_, settings_->outbox_bytes),
      changes_(settings_->sink, settings_->records.key) {
  outbox_.set_last_epoch(committed_->load());
}

result<void> kafka_sink_writer::gather(const batch& rows) {
  if (!frames_) {
    SYSTOLE_ASSIGN(kafka_client_options options, kafka_sink_options(*settings_));
    SYSTOLE_ASSIGN(const uint32_t partitions,
                   kafka_topic_partitions(options, settings_->topic, std::chrono::milliseconds(settings_->answer_ms)));
    frames_.emplace(std::move(options), settings_->topic, partitions, outbox_);
  }
  encoder_->begin(rows);
  while (const size_t encoded = encoder_->next())
    for (size_t i = 0; i < encoded; ++i) SYSTOLE_TRY(frames_->add(encoder_->record(i)));
  return {};
}

result<void> kafka_sink_writer::write(const batch& rows) {
  if (rows.empty()) return {};
  if (!settings_->records.upsert) return gather(rows);
  changes_.add(rows);
  return {};
}

result<sealed_epoch> kafka_sink_writer::seal(epoch_id epoch, bool) {
  if (settings_->records.upsert) {
    SYSTOLE_ASSIGN(const std::vector<batch> netted, changes_.take());
    for (const batch& each : netted) SYSTOLE_TRY(gather(each));
  }
  if (frames_) SYSTOLE_TRY(frames_->flush());
  SYSTOLE_ASSIGN(sealed_epoch made, outbox_.seal(epoch));
  kafka_committable part{name_of_a_staging(), {}};
  SYSTOLE_ASSIGN(part.segments, decode_segments(made.committable));
  made.committable = encode_committable(part);
  const std::lock_guard lock(sealed_mutex_);
  sealed_[epoch.value] = std::move(part);
  return made;
}

/// The committer has fenced and resolved before; this takes the id over from it.
result<void> kafka_sink_writer::open() {
  if (session_) return {};
  auto made = std::make_unique<kafka_shard_session>(settings_, shard_);
  SYSTOLE_TRY(made->open());
  previous_ = made->at() ? made->at()->epoch : 0;
  session_ = std::move(made);
  return {};
}

result<void> kafka_sink_writer::make_durable(epoch_id epoch) {
  SYSTOLE_TRY(outbox_.make_durable());
  SYSTOLE_TRY(open());
  {
    const std::lock_guard lock(sealed_mutex_);
    const auto found = sealed_.find(epoch.value);
    if (found == sealed_.end()) return fail(error_code::internal, "epoch " + std::to_string(epoch.value) + " was not sealed");
    staged_ = found->second;
    // Those before were aborted, or this would not be the next.
    sealed_.erase(sealed_.begin(), std::next(found));
  }
  std::vector<outbox_segment> segments = segments_of_epoch(staged_, epoch.value, previous_);
  kafka_shard_protocol::epoch_part part{marker_of(staged_.staged, epoch.value, previous_, segments), {}};
  if (previous_ > 0) part.before = kafka_marker{.epoch = previous_};
  return session_->stage(std::move(part), std::move(segments));
}

result<void> kafka_sink_writer::commit(const commit_epoch& epoch) {
  if (epoch.epoch.value <= committed_->load()) return {};  // done before; who has taken over does not know
  if (!session_) return fail(error_code::internal, "a commit without an epoch");
  if (epoch.previous.value != previous_ && settings_->guards.check_marker)
    return fail(error_code::incompatible,
                fmt::format("shard {}: the topic's marker is of epoch {}, but epoch {} follows {}; another run has written "
                            "there, or the state was restored from a copy",
                            shard_, previous_, epoch.epoch.value, epoch.previous.value));
  SYSTOLE_TRY(session_->commit());
  const std::vector<outbox_segment> segments = segments_of_epoch(staged_, epoch.epoch.value, previous_);
  previous_ = epoch.epoch.value;
  committed_->store(previous_);
  // A commit that is repeated after a crash finds its marker, and needs the segments no more.
  if (!settings_->guards.check_marker) return {};
  SYSTOLE_TRY(outbox_.reuse(segments));
  staged_ = {};
  return {};
}

result<void> kafka_sink_writer::restore(std::string_view bytes) {
  SYSTOLE_TRY(outbox_.restore(bytes));
  committed_->store(std::max(committed_->load(), outbox_.last_epoch()));
  return {};
}

}  // namespace systole
