#include "connectors/kafka/kafka_shard_protocol.h"

#include <cassert>
#include <utility>

namespace systole {

void kafka_shard_protocol::stage(epoch_part wanted) {
  wanted_ = std::move(wanted);
  goal_ = goal::stage;
  reached_ = false;
  marker_checked_ = false;
  // Of an epoch that was aborted: its rows are among those wanted now.
  if (transaction_ != transaction::none) transaction_ = transaction::left_over;
  if (reopen_ && guards_.reopen_after_retry) lose_producer();
  end_retried_ = false;
}

void kafka_shard_protocol::commit() {
  assert(goal_ == goal::stage && reached_);
  goal_ = goal::commit;
  reached_ = false;
}

void kafka_shard_protocol::resolve(epoch_part wanted) {
  wanted_ = std::move(wanted);
  goal_ = goal::commit;
  reached_ = false;
  marker_checked_ = false;
}

void kafka_shard_protocol::open() {
  goal_ = goal::open;
  reached_ = false;
  lose_producer();
}

kafka_shard_protocol::action kafka_shard_protocol::next() { return last_ = decide(); }

kafka_shard_protocol::action kafka_shard_protocol::decide() {
  if (stopped_) return action::stop;
  if (reached_ || goal_ == goal::none) return action::done;
  if (!opened_) return guards_.ask_current && !asked_ ? action::ask_current : action::open;
  if (!marker_known_) {
    if (guards_.read_marker) return action::read_marker;
    marker_known_ = true;
    at_ = wanted_.before;
  }
  if (goal_ == goal::open) {
    reached_ = true;
    return action::done;
  }
  if (!marker_checked_) check_marker();
  if (stopped_) return action::stop;
  if (reached_) return action::done;
  switch (transaction_) {
    case transaction::left_over: return action::abort;
    case transaction::none:
      if (refused_) {
        give_up("the topic does not take the rows");
        return action::stop;
      }
      return action::begin;
    case transaction::begun: return action::produce;
    case transaction::staged: break;
  }
  if (goal_ == goal::commit) return action::commit;
  reached_ = true;
  return action::done;
}

bool kafka_shard_protocol::is_wanted(const kafka_marker& found) const {
  return found.epoch == wanted_.marker.epoch && found.staged == wanted_.marker.staged;
}

bool kafka_shard_protocol::is_before(const std::optional<kafka_marker>& found) const {
  if (!wanted_.before || !found) return !wanted_.before && !found;
  return found->epoch == wanted_.before->epoch &&
         (wanted_.before->staged.empty() || found->staged == wanted_.before->staged);
}

void kafka_shard_protocol::check_marker() {
  marker_checked_ = true;
  if (!guards_.check_marker) return;
  if (goal_ == goal::commit && at_ && is_wanted(*at_)) {
    reached_ = true;
    return;
  }
  if (is_before(at_)) return;
  give_up("the topic's marker is of " + describe(at_) + ", but it should be of " + describe(wanted_.before) +
          (goal_ == goal::commit ? " or " + describe(wanted_.marker) : "") +
          "; another run has written there, or the state was restored from a copy");
}

void kafka_shard_protocol::on_current(bool current) {
  assert(last_ == action::ask_current);
  asked_ = current;
  if (current) return;
  fenced_ = true;
  give_up("another attempt of the job has taken over");
}

void kafka_shard_protocol::on_marker(std::optional<kafka_marker> found) {
  assert(last_ == action::read_marker);
  at_ = std::move(found);
  marker_known_ = true;
  marker_checked_ = false;
}

void kafka_shard_protocol::on(outcome how) {
  const bool ok = how == outcome::ok, again = how == outcome::retriable;
  if (how == outcome::expired && last_ != action::commit) return give_up("the broker has not answered in time");
  switch (last_) {
    case action::open:
      if (how == outcome::refused) return give_up("the broker refuses the producer");
      asked_ = false;
      opened_ = ok;
      marker_known_ = marker_checked_ = false;
      transaction_ = transaction::none;
      if (ok) reopen_ = false;
      return;
    case action::read_marker: return;  // unknown is not absent: once more
    case action::begin:
      if (ok) {
        transaction_ = transaction::begun;
        if (goal_ == goal::commit) ++replays_;
      } else if (!again) {
        lose_producer();
      }
      return;
    case action::produce:
      refused_ = how == outcome::refused;
      if (how == outcome::fatal) lose_producer();
      else transaction_ = ok ? transaction::staged : transaction::left_over;
      return;
    case action::abort:
      if (ok && end_retried_ && guards_.reopen_after_retry) lose_producer();
      else if (ok) transaction_ = transaction::none;
      else if (again) end_retried_ = true;
      else lose_producer();
      return;
    case action::commit:
      if (ok) {
        at_ = wanted_.marker;
        transaction_ = transaction::none;
        reached_ = true;
        reopen_ = end_retried_;
      } else if (again) {
        end_retried_ = true;
      } else {
        // Committed or not: nobody knows but the marker. Never abort here.
        lose_producer();
      }
      return;
    case action::ask_current:
    case action::done:
    case action::stop: break;
  }
  assert(false);
}

void kafka_shard_protocol::lose_producer() {
  opened_ = marker_known_ = marker_checked_ = asked_ = false;
  transaction_ = transaction::none;
  end_retried_ = false;
}

void kafka_shard_protocol::give_up(std::string why) {
  stopped_ = true;
  why_ = std::move(why);
}

}  // namespace systole
