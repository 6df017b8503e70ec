// The epochs of job_control's attempt: what checkpoint_coordinator says, told to workers, store and sinks.
#include <algorithm>
#include <utility>

#include "coordination/job_control.h"

namespace systole {

job_control::actions job_control::on_part(const epoch_part& part, timestamp_us now_us) {
  actions out;
  if (state_ != state::running || part.stamp != members_.stamp() || !checkpoints_->collecting() ||
      checkpoints_->current().epoch != part.epoch || part.task >= facts_.size())
    return out;
  const auto* owner = members_.of_task(part.task);
  if (!owner || owner->incarnation != part.incarnation || facts_[part.task]) return out;
  facts_[part.task] = part.facts;
  perform(checkpoints_->on_ack(part.task, part.epoch, now_us), now_us, out);
  return out;
}

job_control::actions job_control::on_commit_part(const commit_part& part, timestamp_us now_us) {
  actions out;
  if (state_ != state::running || part.stamp != members_.stamp() || !committing_ ||
      committing_->what.epoch != part.epoch)
    return out;
  const auto* owner = members_.of_task(part.task);
  if (!owner || owner->incarnation != part.incarnation) return out;
  for (uint32_t i = 0; i < shape_.sinks.size(); ++i) {
    const sink& each = shape_.sinks[i];
    if (!each.shards_commit) continue;
    for (size_t shard = 0; shard < each.tasks.size(); ++shard)
      if (each.tasks[shard] == part.task) shard_committed_[i][shard] = true;
  }
  for (uint32_t i = 0; i < shape_.sinks.size(); ++i) {
    if (!shape_.sinks[i].shards_commit || !committing_ || committing_->what.epoch != part.epoch) continue;
    const std::vector<bool>& done = shard_committed_[i];
    if (std::find(done.begin(), done.end(), false) == done.end())
      perform(checkpoints_->on_committed(i, part.epoch, now_us), now_us, out);
  }
  return out;
}

job_control::actions job_control::on_committed(uint32_t which_sink, epoch_id epoch, std::optional<failure> cause,
                                               timestamp_us now_us) {
  actions out;
  // Of an attempt that is over: the next one recovers its sinks.
  if (state_ != state::running || !committing_ || committing_->what.epoch != epoch) return out;
  if (cause) fail_attempt(std::move(*cause), now_us, out);
  else perform(checkpoints_->on_committed(which_sink, epoch, now_us), now_us, out);
  return out;
}

job_control::actions job_control::on_stored(epoch_id epoch, std::optional<failure> cause, timestamp_us now_us) {
  actions out;
  if (!storing_ || storing_->epoch != epoch) return out;
  const barrier stored = *std::exchange(storing_, std::nullopt);
  if (!cause) {
    previous_ = std::exchange(last_completed_, epoch);
    last_kind_ = stored.kind;
  }
  const bool ours = state_ == state::running && checkpoints_->under_way() && checkpoints_->current().epoch == epoch;
  if (ours && cause) fail_attempt(std::move(*cause), now_us, out);
  else if (ours) perform(checkpoints_->on_stored(epoch, now_us), now_us, out);
  else if (deploy_when_stored_ && state_ == state::recording) deploy(now_us, out);
  else look_at_members(now_us, out);
  return out;
}

void job_control::perform(const checkpoint_coordinator::actions& what, timestamp_us now_us, actions& out) {
  for (const checkpoint_coordinator::action& each : what) {
    if (state_ != state::running) return;
    perform_one(each, now_us, out);
  }
  // Idle again once all have committed.
  if (state_ == state::running && committing_ && !checkpoints_->under_way()) all_committed(out);
}

void job_control::perform_one(const checkpoint_coordinator::action& what, timestamp_us now_us, actions& out) {
  using kind = checkpoint_coordinator::action::kind;
  if (committing_ && what.do_this != kind::commit) all_committed(out);
  switch (what.do_this) {
    case kind::trigger:
      facts_.assign(shape_.tasks.size(), nullptr);
      send_epoch_orders(now_us, out);
      break;
    case kind::abort:
      members_.wanted().closed = std::max(members_.wanted().closed, what.what.epoch);
      send_orders(out);
      break;
    case kind::store: {
      storing_ = what.what;
      const bool wanted = std::any_of(savepoints_.begin(), savepoints_.end(),
                                      [&](const wanted_savepoint& each) { return each.after < what.what.epoch; });
      const bool is_final = what.what.kind == barrier_kind::final;
      out.push_back(store{what.what, what.previous, std::move(facts_), drain_ && is_final,
                          wanted || what.what.kind == barrier_kind::stop});
      facts_.clear();
      break;
    }
    case kind::commit: commit_epoch(what, out); break;
    case kind::finished: begin_ending(state::finished, now_us, out); break;
    case kind::stopped:
      let_go(out);
      if (wish_ == wish::stop) begin_ending(state::stopped, now_us, out);
      else next_attempt(now_us, out);
      break;
    case kind::fail: fail_attempt(fail(error_code::unavailable, what.reason), now_us, out); break;
  }
}

void job_control::commit_epoch(const checkpoint_coordinator::action& what, actions& out) {
  committing_ = what;
  shard_committed_.clear();
  bool shards = false;
  for (uint32_t i = 0; i < shape_.sinks.size(); ++i) {
    const sink& each = shape_.sinks[i];
    shard_committed_.emplace_back(each.shards_commit ? each.tasks.size() : 0, false);
    shards = shards || each.shards_commit;
    if (!each.shards_commit) out.push_back(commit{i, what.what, what.previous});
  }
  if (shards) send_epoch_orders(repeat_at_us_ - with_.repeat_us, out);
}

void job_control::all_committed(actions& out) {
  const epoch_id epoch = committing_->what.epoch;
  committing_.reset();
  committed_ = epoch;
  members_.wanted().committed = epoch;
  send_orders(out);
  out.push_back(collect{epoch});
  while (!savepoints_.empty() && savepoints_.front().after < epoch) {
    const std::string request = savepoints_.front().request;
    savepoints_.pop_front();
    reply(request, std::nullopt, epoch, out);
  }
}

/// To the workers whose part is missing.
void job_control::send_epoch_orders(timestamp_us now_us, actions& out) {
  repeat_at_us_ = now_us + with_.repeat_us;
  epoch_order order;
  order.term = term_;
  order.job = with_.job;
  order.stamp = members_.stamp();
  const bool collecting = checkpoints_->collecting();
  if (!collecting && !committing_) return;
  order.what = collecting ? epoch_order::kind::trigger : epoch_order::kind::commit;
  order.cut = collecting ? checkpoints_->current() : committing_->what;
  order.previous = collecting ? checkpoints_->last_completed() : committing_->previous;
  const auto missing = [&](uint32_t task) {
    if (collecting) return !facts_[task];
    for (size_t i = 0; i < shape_.sinks.size(); ++i)
      for (size_t shard = 0; shard < shard_committed_[i].size(); ++shard)
        if (shape_.sinks[i].tasks[shard] == task && !shard_committed_[i][shard]) return true;
    return false;
  };
  // A trigger goes to all while any part is missing: it may be the source's barrier that is.
  for (const auto& each : members_.list()) {
    if (each.gone || (!collecting && std::none_of(each.tasks.begin(), each.tasks.end(), missing))) continue;
    order.to = each.incarnation;
    out.push_back(send{each.incarnation, order});
  }
}

}  // namespace systole
