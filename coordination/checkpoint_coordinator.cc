#include "coordination/checkpoint_coordinator.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace systole {
namespace {

constexpr timestamp_us never = std::numeric_limits<timestamp_us>::max();

timestamp_us after(timestamp_us now_us, int64_t by_us) { return by_us > never - now_us ? never : now_us + by_us; }

/// Marks `index`; true where it was not marked before.
bool mark(std::vector<bool>& marks, uint32_t index) {
  assert(index < marks.size());
  if (marks[index]) return false;
  marks[index] = true;
  return true;
}

}  // namespace

checkpoint_coordinator::checkpoint_coordinator(const settings& with, timestamp_us now_us)
    : with_(with),
      next_(std::max(with.first, epoch_id(with.last_completed.value + 1))),
      last_completed_(with.last_completed),
      due_us_(with.interval_us > 0 ? after(now_us, with.interval_us) : never),
      finished_(with.tasks, false),
      unfinished_(with.tasks) {}

checkpoint_coordinator::actions checkpoint_coordinator::commit_again(timestamp_us now_us) {
  actions out;
  assert(with_.uncommitted && phase_ == phase::idle);
  current_ = *with_.uncommitted;
  phase_ = phase::committing;
  committed_.assign(with_.sinks, false);
  missing_ = with_.sinks;
  out.push_back({action::kind::commit, current_, with_.previous, {}});
  if (missing_ == 0) on_all_committed(now_us, out);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::on_time(timestamp_us now_us) {
  actions out;
  if (phase_ == phase::collecting && now_us >= deadline_us_) abort(now_us, "timed out", out);
  maybe_trigger(now_us, out);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::on_ack(uint32_t task, epoch_id epoch, timestamp_us) {
  actions out;
  if (phase_ != phase::collecting || epoch != current_.epoch || !mark(acked_, task) || --missing_ > 0) return out;
  phase_ = phase::storing;
  out.push_back({action::kind::store, current_, last_completed_, {}});
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::on_decline(epoch_id epoch, std::string reason,
                                                                   timestamp_us now_us) {
  actions out;
  if (phase_ != phase::collecting || epoch != current_.epoch) return out;
  abort(now_us, std::move(reason), out);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::on_task_finished(uint32_t task, timestamp_us now_us) {
  actions out;
  if (mark(finished_, task)) --unfinished_;
  maybe_trigger(now_us, out);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::on_stored(epoch_id epoch, timestamp_us now_us) {
  actions out;
  if (phase_ != phase::storing || epoch != current_.epoch) return out;
  const epoch_id previous = std::exchange(last_completed_, epoch);
  aborts_ = 0;
  phase_ = phase::committing;
  committed_.assign(with_.sinks, false);
  missing_ = with_.sinks;
  out.push_back({action::kind::commit, current_, previous, {}});
  if (missing_ == 0) on_all_committed(now_us, out);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::on_committed(uint32_t sink, epoch_id epoch,
                                                                     timestamp_us now_us) {
  actions out;
  if (phase_ != phase::committing || epoch != current_.epoch || !mark(committed_, sink) || --missing_ > 0) return out;
  on_all_committed(now_us, out);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::request_epoch(timestamp_us now_us) {
  actions out;
  wanted_ = true;
  maybe_trigger(now_us, out);
  return out;
}

checkpoint_coordinator::actions checkpoint_coordinator::request_stop(timestamp_us now_us) {
  actions out;
  stop_wanted_ = true;
  maybe_trigger(now_us, out);
  return out;
}

timestamp_us checkpoint_coordinator::next_wakeup_us() const {
  if (phase_ == phase::idle) return due_us_;
  return phase_ == phase::collecting ? deadline_us_ : never;
}

void checkpoint_coordinator::maybe_trigger(timestamp_us now_us, actions& out) {
  if (phase_ != phase::idle) return;
  const bool final = unfinished_ == 0;
  if (!final && !stop_wanted_ && !wanted_ && now_us < due_us_) return;
  const barrier_kind kind = final ? barrier_kind::final : stop_wanted_ ? barrier_kind::stop : barrier_kind::checkpoint;
  phase_ = phase::collecting;
  current_ = {next_, kind, last_completed_};
  ++next_.value;
  current_was_wanted_ = std::exchange(wanted_, false) || (aborts_ > 0 && current_was_wanted_);
  due_us_ = with_.interval_us > 0 ? after(now_us, with_.interval_us) : never;
  deadline_us_ = after(now_us, with_.timeout_us);
  acked_.assign(with_.tasks, false);
  missing_ = with_.tasks;
  out.push_back({action::kind::trigger, current_, last_completed_, {}});
}

void checkpoint_coordinator::abort(timestamp_us now_us, std::string reason, actions& out) {
  phase_ = phase::idle;
  out.push_back({action::kind::abort, current_, last_completed_, reason});
  if (++aborts_ < with_.most_aborts) {
    // Not at once: what kept this one from completing needs a while to pass.
    constexpr int64_t most_delay_us = 1'000'000;
    const bool often = with_.interval_us > 0 && with_.interval_us < most_delay_us;
    const timestamp_us again = after(now_us, often ? with_.interval_us : most_delay_us);
    due_us_ = current_was_wanted_ ? again : std::max(due_us_, again);
    if (current_.kind != barrier_kind::checkpoint) maybe_trigger(now_us, out);
    return;
  }
  phase_ = phase::ended;
  out.push_back({action::kind::fail, current_, last_completed_,
                 std::to_string(aborts_) + " checkpoints in a row were aborted, the last because it " + reason});
}

void checkpoint_coordinator::on_all_committed(timestamp_us now_us, actions& out) {
  phase_ = phase::idle;
  if (current_.kind == barrier_kind::final) {
    phase_ = phase::ended;
    out.push_back({action::kind::finished, current_, last_completed_, {}});
  } else if (current_.kind == barrier_kind::stop) {
    phase_ = phase::ended;
    out.push_back({action::kind::stopped, current_, last_completed_, {}});
  } else {
    maybe_trigger(now_us, out);
  }
}

}  // namespace systole
