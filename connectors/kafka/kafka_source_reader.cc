#include "connectors/kafka/kafka_source_reader.h"

#include <algorithm>

#include "base/limits.h"
#include "connectors/kafka/kafka_questions.h"
#include "kafka/client_options.h"

namespace systole {
namespace {

constexpr std::chrono::microseconds longest_poll{1'000'000};
constexpr std::chrono::microseconds alignment_wait{20'000};    ///< other readers do not ring

/// What may wait of one partition that is fetched ahead: its share of what a reader may hold.
size_t queue_bytes(size_t partitions) {
  return std::clamp(limits::kafka_prefetch_bytes / std::max<size_t>(1, partitions), limits::kafka_least_prefetch_bytes,
                    limits::kafka_most_prefetch_bytes);
}

}  // namespace

kafka_source_reader::kafka_source_reader(const proto::Source& source, const connector_context& context,
                                         connection_settings settings, std::shared_ptr<const source_rows> rows,
                                         std::unique_ptr<kafka_record_batch> records,
                                         std::shared_ptr<kafka_discovery> discovery,
                                         std::shared_ptr<split_alignment> alignment, const kafka_positions& saved,
                                         uint32_t subtask, uint32_t parallelism)
    : source_(source),
      context_(context),
      settings_(std::move(settings)),
      rows_(std::move(rows)),
      records_(std::move(records)),
      discovery_(std::move(discovery)),
      subtask_(subtask),
      parallelism_(parallelism),
      watermarks_(source.watermark(), rows_->has_watermark(), std::move(alignment), subtask) {
  for (const auto& [partition, position] : saved)
    if (partition % parallelism_ == subtask_) waiting_[partition] = position;
  discovery_->add_alarm(&alarm_);
}

kafka_source_reader::~kafka_source_reader() { discovery_->remove_alarm(&alarm_); }

result<void> kafka_source_reader::connect(size_t partitions) {
  SYSTOLE_ASSIGN(kafka_client_options options, kafka_options_of(source_.connection().name(), settings_));
  SYSTOLE_ASSIGN(fetcher_, kafka_fetcher::start(std::move(options), source_.kafka().topic(), queue_bytes(partitions),
                                                [this] { alarm_.ring(); }));
  return {};
}

result<void> kafka_source_reader::adopt() {
  const kafka_discovery::found found = discovery_->look();
  seen_version_ = found.version;
  if (found.failed) return *found.failed;
  std::vector<uint32_t> own;
  for (const auto& [partition, position] : found.positions)
    if (partition % parallelism_ == subtask_) own.push_back(partition);
  if (own.empty()) return {};
  if (!fetcher_) SYSTOLE_TRY(connect(own.size()));
  for (const uint32_t partition : own) {
    const bool known = std::any_of(splits_.begin(), splits_.end(), [&](const split& it) { return it.partition == partition; });
    if (known) continue;
    const kafka_position& at = found.positions.at(partition);
    waiting_.erase(partition);
    splits_.push_back({.partition = partition, .at = at});
    watermarks_.add(at.announced);
    if (at.done()) {
      end(splits_.back());
      continue;
    }
    splits_.back().feed = fetcher_->add(partition, at.next);
  }
  return {};
}

void kafka_source_reader::end(split& done) {
  done.feed.reset();
  const size_t index = static_cast<size_t>(&done - splits_.data());
  watermarks_.announce(index, done.at.newest);
  watermarks_.end(index);
}

kafka_source_reader::split* kafka_source_reader::choose() {
  split* best = nullptr;
  for (size_t i = 0; i < splits_.size(); ++i) {
    const size_t index = (next_ + i) % splits_.size();
    split& it = splits_[index];
    if (!it.feed || !it.feed->has_queued()) continue;
    if (watermarks_.must_wait(index)) {
      watermarks_.is_active(index);
      continue;
    }
    if (!best || (rows_->has_watermark() && it.at.announced < best->at.announced)) best = &it;
    if (!rows_->has_watermark()) break;
  }
  if (best) next_ = static_cast<size_t>(best - splits_.data() + 1) % splits_.size();
  return best;
}

result<void> kafka_source_reader::read(split& from, source_poll& made) {
  constexpr uint64_t interval = limits::watermark_interval_records;
  const size_t index = static_cast<size_t>(&from - splits_.data());
  size_t wanted = context_.batch_rows;
  if (rows_->has_watermark()) wanted = std::min<uint64_t>(wanted, interval - from.at.records % interval);
  bool caught_up = false;
  kafka_record record;
  while (records_->records() < wanted && !from.at.done() && !caught_up) {
    const kafka_partition_feed::kind next = from.feed->next(record);
    if (next == kafka_partition_feed::kind::nothing) break;
    if (next == kafka_partition_feed::kind::out_of_range) return lost(from);
    if (next == kafka_partition_feed::kind::refused)
      return fail(from.feed->cause().code, "reading " + place(from) + " at offset " + std::to_string(from.at.next) + ": " +
                                               from.feed->cause().message);
    caught_up = next == kafka_partition_feed::kind::caught_up;
    const int64_t behind = caught_up ? from.feed->offset() : record.offset + 1;
    const bool is_over = from.at.stop != kafka_position::no_stop && behind > from.at.stop;
    if (!caught_up && !is_over) SYSTOLE_TRY(records_->add(record, from.feed->block(), from.partition));
    from.at.next = std::max(from.at.next, is_over ? from.at.stop : behind);
  }
  SYSTOLE_ASSIGN(kafka_record_batch::taken taken, records_->take());
  made.bytes = taken.bytes;
  made.filtered = taken.tombstones;
  const size_t records = taken.decoded.records;
  from.at.records += records;
  SYSTOLE_TRY(rows_->fill(std::move(taken.decoded), {source_.kafka().topic(), from.partition}, made, from.at.newest));
  if (records > 0) watermarks_.is_active(index);
  if (from.at.done()) {
    end(from);
  } else if (caught_up || (records > 0 && from.at.records % interval == 0)) {
    from.at.announced = std::max(from.at.announced, from.at.newest);
    watermarks_.announce(index, from.at.announced);
  }
  if (caught_up && from.feed && !source_.kafka().bounded()) watermarks_.ran_dry(index, now());
  return {};
}

std::string kafka_source_reader::place(const split& of) const {
  return source_.kafka().topic() + "/" + std::to_string(of.partition);
}

failure kafka_source_reader::lost(const split& from) {
  std::string text = "the record at offset " + std::to_string(from.at.next) + " of " + place(from) + " is not there: ";
  // The job stops: a wait of some seconds for the numbers harms nobody.
  const auto client = kafka_client::make(kafka_role::consumer, source_.connection().name(), settings_, {{"isolation.level", "read_committed"}});
  if (!client) return client.error();
  const auto kept = kafka_partition_offsets(**client, source_.kafka().topic(), from.partition, std::chrono::seconds(5));
  if (!kept) {
    text += "it was deleted, or the topic was made anew";
  } else if (kept->first > from.at.next) {
    text += "records were lost, the first one kept is " + std::to_string(kept->first) + " (retention or deletion); " +
            std::to_string(kept->first - from.at.next) + " offsets were not read";
  } else {
    text += "the partition ends before it, at " + std::to_string(kept->end) +
            " (records were cut off, or the topic was made anew)";
  }
  return fail(error_code::incompatible,
              text + ". To go on without them start the job anew without its state, or restore an earlier state of the topic");
}

void kafka_source_reader::stand(source_poll& made) {
  const split_watermarks::standing standing = watermarks_.combined(now(), context_.time->now_us());
  // Before the first look nobody knows what there is to read.
  if (seen_version_ == 0) return;
  made.watermark = standing.watermark;
  // A reader without partitions holds nothing back.
  made.idle_for_watermark = splits_.empty() || standing.idle;
  if (made.what == source_poll::kind::idle && standing.changes_in < made.wait)
    made.wait = std::chrono::ceil<std::chrono::microseconds>(standing.changes_in);
}

result<source_poll> kafka_source_reader::poll() {
  source_poll made;
  alarm_.arm();
  if (discovery_->changed_since(seen_version_)) SYSTOLE_TRY(adopt());
  split* const from = choose();
  if (from) {
    alarm_.disarm();
    SYSTOLE_TRY(read(*from, made));
  } else {
    made.what = source_poll::kind::idle;
    made.wait = longest_poll;
    if (fetcher_)
      if (auto failed = fetcher_->failed()) return std::move(*failed);
    for (const split& each : splits_)
      if (each.feed && each.feed->has_queued()) made.wait = alignment_wait;
    const bool all_read = std::none_of(splits_.begin(), splits_.end(), [](const split& it) { return it.feed != nullptr; });
    if (source_.kafka().bounded() && seen_version_ > 0 && all_read) {
      alarm_.disarm();
      made.what = source_poll::kind::finished;
      made.watermark = watermark_end;
      return made;
    }
  }
  stand(made);
  return made;
}

std::optional<uint64_t> kafka_source_reader::lag_records() const {
  if (seen_version_ == 0) return std::nullopt;
  uint64_t sum = 0;
  for (const split& it : splits_) {
    if (!it.feed) continue;
    const int64_t end = std::min(it.feed->known_end(), it.at.stop == kafka_position::no_stop ? INT64_MAX : it.at.stop);
    if (end > it.at.next && it.at.next >= 0) sum += static_cast<uint64_t>(end - it.at.next);
  }
  return sum;
}

std::string kafka_source_reader::snapshot() {
  kafka_positions positions = waiting_;
  for (const split& it : splits_) positions[it.partition] = it.at;
  return encode_kafka_positions(source_.kafka().topic(), positions);
}

}  // namespace systole
