#include "connectors/kafka/kafka_shard_session.h"

#include <fmt/format.h>

#include <random>
#include <thread>
#include <utility>

#include "base/limits.h"
#include "connectors/kafka/kafka_marker_reader.h"
#include "connectors/kafka/kafka_recovery.h"

namespace systole {

using action = kafka_shard_protocol::action;
using outcome = kafka_shard_protocol::outcome;
using steady = std::chrono::steady_clock;

kafka_shard_session::kafka_shard_session(shared_kafka_settings settings, uint32_t shard)
    : settings_(std::move(settings)), shard_(shard), decide_(settings_->guards) {}

result<void> kafka_shard_session::open() {
  producer_.reset();
  decide_.open();
  return drive();
}

result<void> kafka_shard_session::stage(kafka_shard_protocol::epoch_part part, std::vector<outbox_segment> segments) {
  segments_ = std::move(segments);
  decide_.stage(std::move(part));
  return drive();
}

result<void> kafka_shard_session::commit() {
  decide_.commit();
  return drive();
}

result<void> kafka_shard_session::resolve(kafka_shard_protocol::epoch_part part, std::vector<outbox_segment> segments) {
  segments_ = std::move(segments);
  decide_.resolve(std::move(part));
  return drive();
}

result<void> kafka_shard_session::drive() {
  auto until = steady::now() + std::chrono::milliseconds(settings_->answer_ms);
  action before = action::done;
  bool refused = false;
  cause_.reset();
  for (;;) {
    const action next = decide_.next();
    if (next == action::done) return {};
    if (next == action::stop) return stopped();
    // The time is for one thing; a replay after a commit without an answer has its own.
    if (before == action::commit && next != action::commit) until = steady::now() + std::chrono::milliseconds(settings_->answer_ms);
    before = next;
    if (next == action::ask_current) {
      decide_.on_current(settings_->still_current());
      continue;
    }
    if (next == action::read_marker) {
      SYSTOLE_TRY(read_marker(until));
      continue;
    }
    outcome how = perform(next);
    if (outbox_cause_) return *outbox_cause_;
    if (how != outcome::ok) {
      // What was refused is the reason to tell, not what the abort behind it met.
      if (producer_ && !refused) cause_ = producer_->cause();
      refused |= how == outcome::refused;
      if (producer_ && how != outcome::refused) std::this_thread::sleep_for(std::chrono::milliseconds(limits::kafka_retry_pause_ms));
      if (how != outcome::refused && steady::now() > until && (how == outcome::retriable || next != action::commit))
        how = outcome::expired;
    }
    decide_.on(how);
  }
}

outcome kafka_shard_session::perform(action what) {
  switch (what) {
    case action::open: return open_producer();
    case action::begin: return producer_->begin();
    case action::produce: return produce();
    case action::commit: {
      // Asked for once: a second request may be answered while the first one is still on its way, and that one would end the
      // next transaction. Without an answer the marker knows.
      const outcome how = producer_->commit();
      return how == outcome::retriable ? outcome::expired : how;
    }
    case action::abort: return producer_->abort();
    default: return outcome::fatal;
  }
}

outcome kafka_shard_session::open_producer() {
  if (!initialising_ || !producer_) {
    producer_.reset();
    std::string id = settings_->transactional_id(shard_);
    // The negative control: nobody is fenced by an id that nobody had.
    if (!settings_->guards.fence) id += "-" + std::to_string(std::random_device()());
    auto made = kafka_shard_transaction::make(settings_, std::move(id));
    if (!made) {
      cause_ = std::move(made).error();
      return outcome::refused;
    }
    producer_ = std::move(*made);
  }
  const outcome how = producer_->initialise();
  initialising_ = how == outcome::retriable;
  return how;
}

outcome kafka_shard_session::produce() {
  outcome how = outcome::ok;
  for (const outbox_segment& segment : segments_) {
    const auto read = read_frames(*settings_->files, segment, [&](outbox_frame frame) -> result<void> {
      if (how == outcome::ok) how = producer_->send(std::move(frame));
      return how == outcome::ok ? result<void>() : producer_->cause();
    });
    if (how != outcome::ok) return how;
    if (!read) {
      outbox_cause_ = read.error();
      return outcome::fatal;
    }
  }
  const std::string key = marker_key(settings_->job, settings_->sink, shard_);
  how = producer_->send_marker(shard_, key, encode_marker(key, decide_.wanted().marker));
  if (how != outcome::ok) return how;
  return producer_->flush();
}

result<void> kafka_shard_session::read_marker(steady::time_point until) {
  auto found = read_kafka_marker(*settings_, shard_, until);
  if (found) {
    decide_.on_marker(std::move(*found));
    return {};
  }
  cause_ = std::move(found).error();
  if (cause_->code != error_code::unavailable) return *cause_;
  decide_.on(steady::now() > until ? outcome::expired : outcome::retriable);
  return {};
}

failure kafka_shard_session::stopped() const {
  failure made = fail(error_code::incompatible, fmt::format("shard {}: {}", shard_, decide_.why()));
  if (decide_.fenced()) made.code = error_code::fenced;
  if (cause_) {
    made.message += "; " + cause_->message;
    // A fencing that the coordinator does not confirm is a broker's time-out: to be tried again.
    made.code = cause_->code == error_code::fenced && !decide_.fenced() ? error_code::unavailable : cause_->code;
  }
  return made;
}

}  // namespace systole
