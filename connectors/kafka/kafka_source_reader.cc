#include "connectors/kafka/kafka_source_reader.h"

#include <algorithm>

#include "base/limits.h"
#include "connectors/kafka/kafka_questions.h"

namespace systole {
namespace {

constexpr std::chrono::microseconds longest_poll{1'000'000};   ///< the client's errors are served so often
constexpr std::chrono::microseconds alignment_wait{20'000};    ///< other readers do not ring
constexpr std::chrono::microseconds first_hurry{2'000};

/// What all partitions of a reader may hold that are fetched ahead of it, and the share of each.
size_t queue_kilobytes(size_t partitions) {
  return std::clamp(limits::kafka_prefetch_bytes / std::max<size_t>(1, partitions), limits::kafka_least_prefetch_bytes,
                    limits::kafka_most_prefetch_bytes) / limits::kibibyte;
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
  // Offsets are the checkpoint's: the library neither stores nor resets them. The end of a partition is told, so that a
  // split that is read to its end is known from one whose broker is silent.
  std::map<std::string, std::string> own{
      {"auto.offset.reset", "error"},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"enable.partition.eof", "true"},
      {"isolation.level", "read_committed"},
      {"queued.max.messages.kbytes", std::to_string(queue_kilobytes(partitions))},
  };
  connection_settings given = settings_;
  given.emplace("fetch.wait.max.ms", "100");
  given.emplace("fetch.error.backoff.ms", "100");
  SYSTOLE_ASSIGN(client_, kafka_client::make(kafka_role::consumer, source_.connection().name(), given, own));
  SYSTOLE_ASSIGN(topic_, kafka_topic::make(*client_, source_.kafka().topic()));
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
  if (!client_) SYSTOLE_TRY(connect(own.size()));
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
    SYSTOLE_ASSIGN(splits_.back().reader, kafka_partition_reader::start(*client_, *topic_, partition, at.next, alarm_));
  }
  return {};
}

void kafka_source_reader::end(split& done) {
  done.reader.reset();
  const size_t index = static_cast<size_t>(&done - splits_.data());
  watermarks_.announce(index, done.at.newest);
  watermarks_.end(index);
}

kafka_source_reader::split* kafka_source_reader::choose() {
  split* best = nullptr;
  for (size_t i = 0; i < splits_.size(); ++i) {
    const size_t index = (next_ + i) % splits_.size();
    split& it = splits_[index];
    if (!it.reader || !it.reader->has_queued()) continue;
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
  std::optional<failure> failed;
  from.reader->consume([&](const kafka_partition_event& event) {
    switch (event.what) {
      case kafka_partition_event::kind::caught_up:
        caught_up = from.caught_up = true;
        from.at.next = std::max(from.at.next, event.offset);
        return false;
      case kafka_partition_event::kind::out_of_range: failed = lost(from); return false;
      case kafka_partition_event::kind::refused:
        failed = kafka_failure(event.code, "reading " + source_.kafka().topic() + "/" + std::to_string(from.partition) +
                                               " at offset " + std::to_string(from.at.next));
        return false;
      case kafka_partition_event::kind::record: break;
    }
    if (event.offset < from.at.next) return true;  // fetched before it was asked for
    if (from.at.stop != kafka_position::no_stop && event.offset >= from.at.stop) {
      from.at.next = from.at.stop;
      return false;
    }
    if (auto added = records_->add(*event.message); !added) {
      failed = added.error();
      return false;
    }
    from.at.next = event.offset + 1;
    from.caught_up = false;
    return records_->records() < wanted && !from.at.done();
  });
  if (failed) return *failed;
  client_->tell_answered();
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
  if (caught_up && from.reader && !source_.kafka().bounded()) watermarks_.ran_dry(index, now());
  return {};
}

failure kafka_source_reader::lost(const split& from) {
  const std::string where = source_.kafka().topic() + "/" + std::to_string(from.partition);
  std::string text = "the record at offset " + std::to_string(from.at.next) + " of " + where + " is not there: ";
  // The job stops: a wait of some seconds for the numbers harms nobody.
  const auto kept = kafka_partition_offsets(*client_, source_.kafka().topic(), from.partition, std::chrono::seconds(5));
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

std::chrono::microseconds kafka_source_reader::hurry() {
  const auto behind = std::find_if(splits_.begin(), splits_.end(), [](const split& it) {
    return it.reader && !it.caught_up && !it.reader->has_queued();
  });
  if (behind == splits_.end()) return longest_poll;
  // Where its queue was full the library (2.0.2) looks only once a second whether there is room again, unless its thread
  // is woken by something to do: a question whose answer nobody waits for. Less and less often while nothing comes.
  if (hurry_wait_.count() > 0) {
    const auto unasked = kafka_partition_end(*client_, source_.kafka().topic(), behind->partition, std::chrono::milliseconds(1));
    (void)unasked;
  }
  hurry_wait_ = std::clamp(hurry_wait_ * 2, first_hurry, longest_poll);
  return hurry_wait_;
}

result<source_poll> kafka_source_reader::poll() {
  source_poll made;
  alarm_.arm();
  if (discovery_->changed_since(seen_version_)) SYSTOLE_TRY(adopt());
  split* const from = choose();
  if (from) {
    alarm_.disarm();
    hurry_wait_ = {};
    SYSTOLE_TRY(read(*from, made));
  } else {
    made.what = source_poll::kind::idle;
    made.wait = std::min(longest_poll, hurry());
    if (client_) client_->serve();
    for (size_t i = 0; i < splits_.size(); ++i)
      if (splits_[i].reader && splits_[i].reader->has_queued()) made.wait = alignment_wait;
    const bool all_read = std::none_of(splits_.begin(), splits_.end(), [](const split& it) { return it.reader != nullptr; });
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
    if (!it.reader) continue;
    const int64_t end = std::min(it.reader->known_end(), it.at.stop == kafka_position::no_stop ? INT64_MAX : it.at.stop);
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
