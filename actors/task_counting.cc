#include <algorithm>

#include "actors/task.h"
#include "actors/task_ends.h"

/// What a task tells of itself: all relaxed stores of its own thread, none for each row.
namespace systole {
namespace {

constexpr uint64_t slow_turns = 64;  ///< of work between two looks at what is dear to know
constexpr std::chrono::milliseconds slow_interval{500};
constexpr std::chrono::microseconds held_look{1'000'000};

}  // namespace

void task::begin_counters() {
  for (size_t i = 0; i < with_.identities.size(); ++i) {
    const step_accounting& restored = with_.chain->accounting(i);
    node_counters& into = with_.counters->nodes[i];
    into.restored_rejected.store(restored.rejected + restored.late, std::memory_order_relaxed);
    into.restored_late.store(restored.late, std::memory_order_relaxed);
    into.by_rule.begin(restored.by_rule);
  }
  for (const source& each : sources_)
    with_.counters->nodes[each.part.node].restored_in.store(with_.chain->accounting(each.part.node).in,
                                                            std::memory_order_relaxed);
  publish_counters();
}

bool task::reads_at(size_t node) const {
  return std::any_of(sources_.begin(), sources_.end(), [node](const source& each) { return each.part.node == node; });
}

void task::publish_counters() {
  for (size_t i = 0; i < with_.identities.size(); ++i) {
    const operator_chain::row_counts counts = with_.chain->counts(i);
    node_counters& into = with_.counters->nodes[i];
    // A source's own count has the records that it could not decode. One store: a reader never sees a count go back.
    into.in.store(reads_at(i) ? with_.chain->accounting(i).in : counts.in, std::memory_order_release);
    into.out.store(counts.out, std::memory_order_relaxed);
    into.rejected.store(counts.rejected + counts.late, std::memory_order_release);
    into.late.store(counts.late, std::memory_order_release);
    into.watermark.store(with_.chain->watermark_of(i), std::memory_order_relaxed);
    const std::map<std::string, uint64_t>& by_rule = with_.chain->accounting(i).by_rule;
    if (!by_rule.empty()) into.by_rule.publish(by_rule);
  }
  for (const source& each : sources_)
    with_.counters->nodes[each.part.node].bytes.store(each.bytes, std::memory_order_relaxed);
  with_.counters->queued_bytes.store(queued_bytes_, std::memory_order_relaxed);
  if (with_.state) with_.counters->state_bytes.store(with_.state->memory_bytes(), std::memory_order_relaxed);
}

void task::publish_slow_counters() {
  for (const source& each : sources_) {
    const std::optional<uint64_t> lag = each.finished ? 0 : each.part.reader->lag_records();
    with_.counters->nodes[each.part.node].lag_records.store(lag ? static_cast<int64_t>(*lag) : -1, std::memory_order_relaxed);
  }
  if (!with_.state) return;
  for (size_t i = 0; i < with_.identities.size(); ++i) {
    const std::string& step = with_.identities[i].step();
    // A step's tables count once, at its first node here.
    const bool first = std::none_of(with_.identities.begin(), with_.identities.begin() + static_cast<ptrdiff_t>(i),
                                    [&](const proto::NodeSnapshot& other) { return other.step() == step; });
    if (first) with_.counters->nodes[i].state_bytes.store(with_.state->memory_bytes_of(step), std::memory_order_relaxed);
  }
}

void task::add_queued(const input& to, int64_t bytes) {
  std::atomic<uint64_t>& queued = with_.counters->nodes[to.node].queued_bytes;
  queued.store(queued.load(std::memory_order_relaxed) + static_cast<uint64_t>(bytes), std::memory_order_relaxed);
}

bool task::is_held() const {
  for (const exchange_output* each : with_.outputs)
    if (each->full()) return true;
  if (!paused_ && !gate_.closed()) return false;
  return std::any_of(sources_.begin(), sources_.end(), [](const source& each) { return !each.finished; });
}

void task::note_turn(turn& next, std::chrono::nanoseconds began) {
  task_time& time = with_.counters->time;
  if (next.again) {
    if (time.current() != task_time::state::working) time.enter(task_time::state::working, began);
    if (++worked_ % slow_turns == 0) publish_slow_counters();
    return;
  }
  const std::chrono::nanoseconds now = with_.time->monotonic();
  const task_time::state is = is_held() ? task_time::state::held : task_time::state::idle;
  if (time.current() != is) time.enter(is, now);
  // Its sources' lag grows meanwhile.
  if (is == task_time::state::held && !sources_.empty()) next.wait = std::min(next.wait, held_look);
  if (now < look_due_) return;
  look_due_ = now + slow_interval;
  publish_slow_counters();
}

void task::watch_alignment() {
  const epoch_id current = alignment_.current() ? alignment_.current()->epoch : epoch_id();
  if (current == aligning_) return;
  aligning_ = current;
  if (current.value != 0) aligning_since_ = with_.time->monotonic();
}

}  // namespace systole
