#include "actors/task.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "actors/task_ends.h"
#include "base/limits.h"

namespace systole {

task::task(parts made)
    : with_(std::move(made)),
      alignment_(with_.planned->inputs.size() + (with_.sources.empty() ? 0 : 1), with_.guards.alignment),
      gate_(with_.outbox) {
  for (source_part& each : with_.sources) sources_.push_back({.part = std::move(each)});
  std::map<uint32_t, size_t> chain_index;
  for (size_t i = 0; i < with_.planned->nodes.size(); ++i) chain_index[with_.planned->nodes[i]] = i;
  for (const planned_input& each : with_.planned->inputs) {
    input_of_channel_[each.channel] = inputs_.size();
    inputs_.push_back({.from = each,
                       .node = chain_index[each.node],
                       .sender = with_.whole->channels[each.channel].from_task,
                       .credit = credit_receiver(with_.channel_credit_bytes, with_.least_grant_bytes)});
  }
  if (!with_.read_us) with_.read_us = std::make_unique<timestamp_us>(0);
  begin_counters();
}

task::~task() = default;

result<void> task::start(task_environment& environment) {
  environment_ = &environment;
  for (exchange_output* each : with_.outputs)
    each->connect([this](frame_ptr what) {
      const uint32_t receiver = with_.whole->channels[what->channel].to_task;
      environment_->send(receiver, std::move(what));
    });
  for (source& each : sources_) each.part.reader->wake_with(environment.waker());
  SYSTOLE_TRY(with_.chain->start());
  return flush_rejects();
}

bool task::sources_open() const {
  return !sources_.empty() && !paused_ && !gate_.closed() && !stopped_ && !alignment_.blocked(inputs_.size());
}

result<task::turn> task::step() {
  assert(environment_);
  // A task that was at work and still is reads no clock for it.
  const bool working = with_.counters->time.current() == task_time::state::working;
  const std::chrono::nanoseconds began = working ? std::chrono::nanoseconds(0) : with_.time->monotonic();
  SYSTOLE_ASSIGN(turn next, work());
  note_turn(next, began);
  return next;
}

result<task::turn> task::work() {
  turn next;
  if (with_.chain->can_resume() && !rejects_full()) {
    SYSTOLE_TRY(with_.chain->resume());
    SYSTOLE_TRY(flush_rejects());
    watch_outboxes();
    next.again = true;
    return next;
  }
  if (alignment_.aligned() && with_.chain->idle()) {
    SYSTOLE_ASSIGN(const bool taken, take_cut());
    next.again = taken || with_.chain->can_resume();
    return next;
  }
  if (!cutting_ && !rejects_full()) {
    const timestamp_us wakeup = with_.chain->next_wakeup_us();
    if (wakeup != watermark_end) {
      const timestamp_us now = with_.time->now_us();
      if (wakeup <= now) {
        *with_.read_us = 0;  // what waited for its time came from rows of many
        SYSTOLE_TRY(with_.chain->on_time(now));
        SYSTOLE_TRY(flush_rejects());
      }
      const timestamp_us later = with_.chain->next_wakeup_us();
      if (later != watermark_end) next.wait = std::chrono::microseconds(std::max<int64_t>(later - now, 1));
    }
    SYSTOLE_ASSIGN(const bool processed, process_a_frame());
    if (processed) next.again = true;
    SYSTOLE_ASSIGN(const bool polled, poll_a_source(next));
    if (polled) next.again = true;
    if (next.again) {
      SYSTOLE_TRY(flush_rejects());
      watch_outboxes();
      publish_counters();
    }
  }
  SYSTOLE_TRY(end_rejects());
  if (!finished_ && with_.chain->ended() && with_.chain->idle()) {
    finished_ = true;
    publish_counters();
    environment_->finished();
  }
  return next;
}

result<bool> task::poll_a_source(turn& next) {
  if (!sources_open()) return false;
  // Sources with watermarks take turns by the lowest, so that a join's sides advance together and hold few rows.
  timestamp_us lowest = watermark_end;
  const std::chrono::nanoseconds now = with_.time->monotonic();
  const auto ready = [&](const source& it) {
    return !it.finished && it.due <= now && with_.chain->accepts(it.part.node, 0);
  };
  for (const source& it : sources_)
    if (it.part.has_watermark && ready(it)) lowest = std::min(lowest, it.watermark);
  for (size_t i = 0; i < sources_.size(); ++i) {
    source& it = sources_[(next_source_ + i) % sources_.size()];
    if (!it.finished && it.due > now)
      next.wait = std::min(next.wait, std::chrono::ceil<std::chrono::microseconds>(it.due - now));
    if (!ready(it) || (it.part.has_watermark && it.watermark > lowest)) continue;
    next_source_ = (next_source_ + i + 1) % sources_.size();
    SYSTOLE_ASSIGN(source_poll polled, it.part.reader->poll());
    *with_.read_us = with_.time->now_us();
    if (polled.what == source_poll::kind::idle) {
      it.idle_wait = std::min(std::max(it.idle_wait * 2, std::chrono::microseconds(500)), longest_idle_wait);
      const std::chrono::microseconds wait = std::max(polled.wait, it.idle_wait);
      it.due = now + wait;
      next.wait = std::min(next.wait, wait);
    } else {
      it.idle_wait = std::chrono::microseconds(0);
    }
    const bool more = polled.what == source_poll::kind::rows;
    SYSTOLE_TRY(take(it, std::move(polled)));
    return more || it.finished || sources_.size() > 1;
  }
  return false;
}

result<void> task::take(source& from, source_poll polled) {
  operator_chain& chain = *with_.chain;
  const size_t node = from.part.node;
  chain.count_source(node, polled.records, polled.rejects.size(), polled.filtered);
  from.bytes += polled.bytes;
  SYSTOLE_TRY(chain.push(node, 0, std::move(polled.rows)));
  if (with_.rejects)
    for (const decode_reject& each : polled.rejects) with_.rejects->reject(node, each);
  if (polled.what == source_poll::kind::finished) return end_source(from);
  from.watermark = std::max(from.watermark, polled.watermark);
  SYSTOLE_TRY(chain.watermark(node, 0, 0, from.watermark, polled.idle_for_watermark));
  from.whole = from.whole || polled.idle_for_watermark;
  return from.end_wanted && from.whole ? end_source(from) : result<void>();
}

void task::tell_sources_ended() {
  if (told_sources_ended_) return;
  bool any = false;
  for (const source& each : sources_) {
    any = any || !each.part.serves_others;
    if (!each.part.serves_others && !each.finished) return;
  }
  if (!any) return;
  told_sources_ended_ = true;
  environment_->sources_ended();
}

result<void> task::on_others_ended() {
  for (source& each : sources_) {
    if (!each.part.serves_others || each.finished) continue;
    each.end_wanted = true;
    if (each.whole) SYSTOLE_TRY(end_source(each));
  }
  return {};
}

result<void> task::end_source(source& from) {
  from.finished = true;
  from.watermark = watermark_end;
  SYSTOLE_TRY(with_.chain->end(from.part.node, 0, 0));
  tell_sources_ended();
  return {};
}

result<void> task::on_drain() {
  for (source& each : sources_)
    if (!each.finished && !each.part.serves_others) SYSTOLE_TRY(end_source(each));
  return {};
}

result<bool> task::process_a_frame() {
  if (queued_frames_ == 0) return false;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const size_t index = (next_input_ + i) % inputs_.size();
    input& it = inputs_[index];
    if (it.waiting.empty() || alignment_.blocked(index)) continue;
    const frame_ptr& head = it.waiting.front();
    const bool data = head->what != frame::kind::barrier;
    if (data && !with_.chain->accepts(it.node, it.from.input)) continue;
    const frame_ptr what = std::move(it.waiting.front());
    it.waiting.pop_front();
    --queued_frames_;
    next_input_ = (index + 1) % inputs_.size();
    *with_.read_us = what->read_us;
    switch (what->what) {
      case frame::kind::rows: {
        queued_bytes_ -= what->bytes;
        add_queued(it, -static_cast<int64_t>(what->bytes));
        SYSTOLE_TRY(with_.chain->push(it.node, it.from.input, what->rows));
        grant(it, it.credit.on_consumed(what->bytes));
        break;
      }
      case frame::kind::watermark:
        SYSTOLE_TRY(with_.chain->watermark(it.node, it.from.input, it.from.index, what->watermark, what->idle));
        break;
      case frame::kind::end:
        alignment_.on_end(index);
        SYSTOLE_TRY(with_.chain->end(it.node, it.from.input, it.from.index));
        break;
      case frame::kind::barrier:
        alignment_.on_barrier(index, what->cut);
        watch_alignment();
        break;
    }
    return true;
  }
  return false;
}

result<void> task::on_frame(frame_ptr what) {
  const auto found = input_of_channel_.find(what->channel);
  if (found == input_of_channel_.end())
    return fail(error_code::internal, "a frame of channel " + std::to_string(what->channel) + " reached a wrong task");
  input& it = inputs_[found->second];
  if (what->sequence <= it.last_sequence) return {};  // sent twice
  if (what->sequence != it.last_sequence + 1)
    return fail(error_code::internal,
                "channel " + std::to_string(what->channel) + " lost frames after " + std::to_string(it.last_sequence));
  it.last_sequence = what->sequence;
  if (what->bytes > 0) it.credit.on_received(what->bytes);
  queued_bytes_ += what->bytes;
  if (what->bytes > 0) add_queued(it, static_cast<int64_t>(what->bytes));
  ++queued_frames_;
  it.waiting.push_back(std::move(what));
  return {};
}

void task::on_credit(uint32_t channel, uint64_t bytes) {
  for (exchange_output* each : with_.outputs)
    if (each->on_credit(channel, bytes)) return;
}

void task::on_trigger(const barrier& what) {
  if (sources_.empty()) return;
  // A cut that has begun is completed first, even of an epoch that was aborted meanwhile.
  if (cutting_) deferred_trigger_ = what;
  else alignment_.on_barrier(inputs_.size(), what);
  watch_alignment();
}

void task::on_abort(epoch_id epoch) {
  if (!cutting_) alignment_.on_abort(epoch);
  watch_alignment();
}

std::vector<committing_sink> task::committing_sinks() const {
  std::vector<committing_sink> made;
  for (const sink_part& each : with_.sinks)
    if (each.commits) made.push_back({each.writer, each.meter});
  return made;
}

void task::on_committed(epoch_id epoch) {
  for (const sink_part& each : with_.sinks) each.meter->on_committed(epoch);
  gate_.on_committed();
  watch_outboxes();
}

void task::on_source_news() {
  for (source& each : sources_) each.due = std::chrono::nanoseconds(0);
}

void task::on_pause(bool paused) {
  paused_ = paused;
  // The sources' mailboxes have the pause before any credit that is granted from here on.
  if (paused) release_credit();
}

void task::grant(input& to, uint64_t bytes) {
  if (withholding_) to.withheld += bytes;
  else if (bytes > 0) environment_->grant(to.sender, to.from.channel, bytes);
}

void task::release_credit() {
  withholding_ = false;
  for (input& each : inputs_) grant(each, std::exchange(each.withheld, 0));
}

result<bool> task::take_cut() {
  if (with_.crash && !cutting_) with_.crash->reach("barrier");
  if (!std::exchange(cutting_, true))
    with_.counters->alignment.observe(
        std::chrono::duration_cast<std::chrono::microseconds>(with_.time->monotonic() - aligning_since_).count());
  SYSTOLE_ASSIGN(const bool through, with_.chain->barrier());
  SYSTOLE_TRY(flush_rejects());
  if (!through || !with_.chain->idle()) return false;
  const barrier what = *alignment_.aligned();
  for (exchange_output* each : with_.outputs) each->cut(what);
  SYSTOLE_TRY(snapshot(what));
  cutting_ = false;
  stopped_ = what.kind == barrier_kind::stop;
  alignment_.taken();
  watch_alignment();
  publish_slow_counters();
  if (deferred_trigger_) on_trigger(*std::exchange(deferred_trigger_, std::nullopt));
  return true;
}

result<void> task::snapshot(const barrier& what) {
  auto work = std::make_shared<snapshot_work>();
  work->task = with_.planned->index;
  work->epoch = what.epoch;
  work->facts.set_stage(with_.planned->stage);
  work->facts.set_subtask(with_.planned->subtask);
  for (size_t i = 0; i < with_.identities.size(); ++i) {
    proto::NodeSnapshot* node = work->facts.add_nodes();
    *node = with_.identities[i];
  }
  for (const sink_part& each : with_.sinks) {
    proto::NodeSnapshot* node = work->facts.mutable_nodes(static_cast<int>(each.node));
    auto sealed = each.writer->seal(what.epoch, what.kind != barrier_kind::checkpoint);
    if (!sealed) {
      each.meter->on_error();
      return std::move(sealed).error();
    }
    each.meter->on_sealed(what.epoch);
    node->set_committable(std::move(sealed->committable));
    for (const outbox_file& file : sealed->outbox) {
      proto::FileReference* reference = node->add_outbox();
      reference->set_name(file.path);
      reference->set_bytes(file.bytes);
      reference->set_xxh3(file.xxh3);
    }
    node->set_operator_state(with_.chain->snapshot(each.node, each.writer->snapshot()));
    work->sinks.push_back(each.writer);
  }
  if (!with_.sinks.empty()) gate_.on_sealed();
  if (with_.crash && !with_.sinks.empty()) with_.crash->reach("sealed");
  for (size_t i = 0; i < with_.identities.size(); ++i) {
    proto::NodeSnapshot* node = work->facts.mutable_nodes(static_cast<int>(i));
    if (node->operator_state().empty()) node->set_operator_state(with_.chain->snapshot(i));
    if (!with_.state) continue;
    const bool first = std::none_of(with_.identities.begin(), with_.identities.begin() + static_cast<ptrdiff_t>(i),
                                    [&](const proto::NodeSnapshot& other) { return other.step() == node->step(); });
    if (!first) continue;  // a step's tables are listed once
    for (proto::TableDescriptor& each : with_.state->descriptors(node->step())) *node->add_tables() = std::move(each);
  }
  for (const source& each : sources_) {
    proto::NodeSnapshot* node = work->facts.mutable_nodes(static_cast<int>(each.part.node));
    node->set_source_positions(each.part.reader->snapshot());
    node->set_finished(each.finished);
  }
  for (size_t i = 0; i < inputs_.size(); ++i) work->facts.add_channel_finished(alignment_.finished(i));
  if (with_.state) {
    SYSTOLE_ASSIGN(work->state, with_.state->begin_snapshot(what.epoch));
    work->owner = with_.state;
  }
  environment_->snapshot_taken(std::move(work));
  return {};
}

bool task::rejects_full() const { return with_.reject_output && with_.reject_output->full(); }

result<void> task::flush_rejects() {
  if (!with_.rejects || with_.rejects->empty()) return {};
  batch rows = with_.rejects->take();
  if (with_.reject_output) return with_.reject_output->write(std::move(rows));
  if (with_.reject_node) return with_.chain->push(*with_.reject_node, 0, std::move(rows));
  return {};
}

result<void> task::end_rejects() {
  if (rejects_ended_ || !(with_.reject_output || with_.reject_node)) return {};
  for (size_t i = 0; i < with_.identities.size(); ++i)
    if (i != with_.reject_node && !with_.chain->ended(i)) return {};
  if (!with_.chain->idle()) return {};
  rejects_ended_ = true;
  if (with_.reject_output) return with_.reject_output->end();
  return with_.chain->end(*with_.reject_node, 0, 0);
}

void task::watch_outboxes() {
  if (with_.sinks.empty()) return;
  uint64_t largest = 0, held = 0;
  for (const sink_part& each : with_.sinks) {
    largest = std::max(largest, each.writer->outbox_bytes());
    held += each.writer->held_memory_bytes();
  }
  const outbox_gate::change change = gate_.on_bytes(largest, held);
  if (change.ask) environment_->want_epoch();
  if (change.pause || change.go_on) environment_->pressure(change.pause);
  if (change.pause) withholding_ = true;
  if (change.go_on) release_credit();
}

}  // namespace systole
