#include "connectors/kafka/kafka_discovery.h"

#include <algorithm>
#include <chrono>

#include "base/limits.h"
#include "connectors/kafka/kafka_questions.h"

namespace systole {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds answer_time_out{1'000};  ///< short, so that the end is not held up
constexpr std::chrono::milliseconds retry_interval{500};

}  // namespace

result<std::shared_ptr<kafka_discovery>> kafka_discovery::start(const proto::KafkaSource& source,
                                                                const std::string& connection,
                                                                const connection_settings& settings,
                                                                std::optional<kafka_positions> saved) {
  std::shared_ptr<kafka_discovery> made(new kafka_discovery(source, std::move(saved)));
  SYSTOLE_ASSIGN(made->client_,
                 kafka_client::make(kafka_role::consumer, connection, settings, {{"isolation.level", "read_committed"}}));
  made->thread_ = std::thread([discovery = made.get()] { discovery->run(); });
  return made;
}

kafka_discovery::~kafka_discovery() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

kafka_discovery::found kafka_discovery::look() const {
  const std::lock_guard lock(mutex_);
  return found_;
}

void kafka_discovery::add_alarm(kafka_alarm* alarm) {
  const std::lock_guard lock(mutex_);
  alarms_.push_back(alarm);
}

void kafka_discovery::remove_alarm(kafka_alarm* alarm) {
  const std::lock_guard lock(mutex_);
  std::erase(alarms_, alarm);
}

void kafka_discovery::publish(kafka_positions positions, std::optional<failure> failed) {
  const std::lock_guard lock(mutex_);
  found_.positions = std::move(positions);
  found_.failed = std::move(failed);
  version_.store(++found_.version, std::memory_order_release);
  for (kafka_alarm* each : alarms_) each->ring();
}

void kafka_discovery::run() {
  bool missing = false;
  steady_clock::time_point missing_since{};
  while (true) {
    const auto done = find();
    client_->serve();
    std::chrono::microseconds wait = retry_interval;
    if (done) {
      missing = false;
      // What a bounded source ends with is decided by the first look.
      if (source_.bounded() || source_.discovery_interval_us() <= 0) return;
      wait = std::chrono::microseconds(source_.discovery_interval_us());
    } else if (done.error().code == error_code::not_found) {
      if (!missing) missing_since = steady_clock::now();
      missing = true;
      if (steady_clock::now() - missing_since >= std::chrono::milliseconds(limits::kafka_topic_wait_ms)) {
        failure cause = done.error();
        cause.message += "; create it, or correct the source's `topic`";
        return publish(look().positions, std::move(cause));
      }
    } else if (done.error().code != error_code::unavailable) {
      return publish(look().positions, done.error());
    }
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, wait, [this] { return stopped_; })) return;
  }
}

result<void> kafka_discovery::find() {
  SYSTOLE_ASSIGN(const uint32_t count, kafka_partition_count(*client_, source_.topic(), answer_time_out));
  kafka_positions known = look().positions;
  const bool first_look = known.empty();
  if (first_look && saved_ && !saved_->empty() && saved_->rbegin()->first >= count)
    return fail(error_code::incompatible,
                "the topic " + source_.topic() + " has " + std::to_string(count) + " partitions, but there is a saved position of partition " +
                    std::to_string(saved_->rbegin()->first) + ": the topic was made anew; start the job without its state");
  const size_t before = known.size();
  for (uint32_t partition = 0; partition < count; ++partition) {
    if (known.contains(partition)) continue;
    SYSTOLE_ASSIGN(known[partition], begin_of(partition, first_look));
  }
  if (known.size() != before || first_look) publish(std::move(known), std::nullopt);
  return {};
}

result<kafka_position> kafka_discovery::begin_of(uint32_t partition, bool first_look) {
  if (saved_)
    if (const auto position = saved_->find(partition); position != saved_->end()) return position->second;
  kafka_position made;
  SYSTOLE_ASSIGN(const kafka_offsets offsets, kafka_partition_offsets(*client_, source_.topic(), partition, answer_time_out));
  made.next = offsets.first;
  if (source_.bounded()) made.stop = offsets.end;
  // A checkpoint that has positions, but not this one's, was taken before the partition was there.
  if (!first_look || (saved_ && !saved_->empty())) return made;
  switch (source_.start()) {
    case proto::KafkaSource::LATEST: made.next = offsets.end; break;
    case proto::KafkaSource::TIMESTAMP: {
      // The first record that is not before the time: its milliseconds are rounded up.
      const int64_t milliseconds = (source_.start_timestamp_us() + 999) / 1000;
      SYSTOLE_ASSIGN(made.next, kafka_offset_of_time(*client_, source_.topic(), partition, milliseconds, answer_time_out));
      break;
    }
    case proto::KafkaSource::OFFSETS:
      if (const auto given = source_.start_offsets().find(partition); given != source_.start_offsets().end())
        made.next = given->second;
      break;
    default: break;
  }
  return made;
}

}  // namespace systole
