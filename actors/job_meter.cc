#include "actors/job_meter.h"

#include <algorithm>

namespace systole {
namespace {

constexpr auto relaxed = std::memory_order_relaxed, acquire = std::memory_order_acquire;

/// True where some node of another step takes the node's rows.
bool leaves_step(const proto::PhysicalPlan& plan, const proto::Node& node) {
  for (const proto::Node& other : plan.nodes())
    for (const proto::Edge& edge : other.inputs())
      if (edge.from() == node.id() && other.step() != node.step()) return true;
  return node.has_sink();
}

bool enters_step(const proto::PhysicalPlan& plan, const proto::Node& node) {
  if (node.inputs_size() == 0) return true;
  return std::any_of(node.inputs().begin(), node.inputs().end(), [&](const proto::Edge& edge) {
    const proto::Node* from = find_node(plan, edge.from());
    return !from || from->step() != node.step();
  });
}

void add(std::map<std::string, uint64_t>& to, const std::map<std::string, uint64_t>& more) {
  for (const auto& [rule, count] : more) to[rule] += count;
}

}  // namespace

void job_meter::begin(const proto::PhysicalPlan& plan, const deployment& whole,
                      std::vector<std::shared_ptr<task_counters>> tasks) {
  end();
  const std::lock_guard lock(mutex_);
  steps_.clear();
  std::map<std::string, size_t> step_index;
  for (const proto::Node& node : plan.nodes()) {
    const auto [at, is_new] = step_index.emplace(node.step(), steps_.size());
    if (is_new) steps_.push_back({.step = node.step()});
    step_metrics& step = steps_[at->second];
    step.is_source = step.is_source || node.has_source();
    step.is_sink = step.is_sink || node.has_sink();
    for (const proto::Rule& rule : node.validate().rules())
      (node.validate().flag() ? step.flagged_by_rule : step.rejected_by_rule)[rule.id()] = 0;
    if (node.has_source()) step.rejected_by_rule["decode"] = 0;
  }
  for (size_t t = 0; t < whole.tasks.size() && t < tasks.size(); ++t) {
    if (!tasks[t]) continue;
    const planned_task& planned = whole.tasks[t];
    placed_task placed{std::move(tasks[t]), planned.subtask, {}};
    for (size_t i = 0; i < planned.nodes.size(); ++i) {
      const proto::Node& node = *find_node(plan, planned.nodes[i]);
      const size_t step = step_index.at(node.step());
      if (std::find(placed.steps.begin(), placed.steps.end(), step) == placed.steps.end()) placed.steps.push_back(step);
      const bool has_channels = std::any_of(planned.inputs.begin(), planned.inputs.end(),
                                            [&](const planned_input& each) { return each.node == node.id(); });
      steps_[step].has_channels = steps_[step].has_channels || has_channels;
      nodes_.push_back({step, tasks_.size(), i, enters_step(plan, node), leaves_step(plan, node), node.validate().flag(),
                        node.has_source(), node.has_sink(), has_channels});
    }
    tasks_.push_back(std::move(placed));
  }
}

void job_meter::end() {
  const std::lock_guard lock(mutex_);
  const job_metrics last = sum();
  for (const step_metrics& each : last.steps) add_counts(kept_[each.step], each);
  for (const auto& [key, spent] : time_of_subtasks()) {
    kept_times_[key].busy += spent.busy;
    kept_times_[key].held += spent.held;
  }
  kept_alignment_ += last.alignment;
  tasks_.clear();
  nodes_.clear();
}

job_metrics job_meter::read() const {
  const std::lock_guard lock(mutex_);
  job_metrics made = sum();
  times spent = kept_times_;
  for (const auto& [key, now] : time_of_subtasks()) {
    spent[key].busy += now.busy;
    spent[key].held += now.held;
  }
  for (step_metrics& each : made.steps) {
    if (const auto kept = kept_.find(each.step); kept != kept_.end()) add_counts(each, kept->second);
    for (auto at = spent.lower_bound({each.step, 0}); at != spent.end() && at->first.first == each.step; ++at) {
      each.busy += at->second.busy;
      each.busy_max = std::max(each.busy_max, at->second.busy);
      each.backpressured += at->second.held;
      each.backpressured_max = std::max(each.backpressured_max, at->second.held);
    }
  }
  made.alignment += kept_alignment_;
  return made;
}

/// Of the tasks that run; without times.
job_metrics job_meter::sum() const {
  job_metrics made{job_, steps_, {}};
  for (const placed_task& each : tasks_) made.alignment += each.counters->alignment.read();
  std::vector<timestamp_us> lowest(steps_.size(), watermark_end);
  std::map<std::pair<size_t, size_t>, std::pair<uint64_t, uint64_t>> of_subtask;  // (step, task): queue, state
  for (const placed_node& each : nodes_) {
    const node_counters& counted = tasks_[each.task].counters->nodes[each.index];
    step_metrics& step = made.steps[each.step];
    // A count is never below what it was restored with, but two are not read at one moment.
    const auto since = [](uint64_t now, uint64_t restored) { return now - std::min(now, restored); };
    const uint64_t late = since(counted.late.load(acquire), counted.restored_late.load(relaxed));
    const uint64_t rejected = since(counted.rejected.load(acquire), counted.restored_rejected.load(relaxed));
    if (each.is_entry) step.in += since(counted.in.load(acquire), counted.restored_in.load(relaxed));
    if (each.is_exit) step.out += counted.out.load(relaxed);
    step.late += late;
    step.rejected += rejected - std::min(late, rejected);
    counted.by_rule.add_to(each.flags ? step.flagged_by_rule : step.rejected_by_rule);
    // A subtask without one has had no row yet, and may never get one: followed files go to subtasks by their names.
    if (const timestamp_us at = counted.watermark.load(relaxed); at != watermark_none)
      lowest[each.step] = std::min(lowest[each.step], at);
    auto& [queue, state] = of_subtask[{each.step, each.task}];
    if (each.has_channels) queue += counted.queued_bytes.load(relaxed);
    state += counted.state_bytes.load(relaxed);
    if (each.is_source) {
      if (const int64_t lag = counted.lag_records.load(relaxed); lag >= 0) {
        step.lag_records = step.lag_records.value_or(0) + static_cast<uint64_t>(lag);
        step.lag_records_max = std::max(step.lag_records_max, static_cast<uint64_t>(lag));
      }
    }
    if (!each.is_sink) continue;
    step.committed += counted.committed.load(relaxed);
    step.sink_errors += counted.errors.load(relaxed);
    step.latency += counted.latency.read();
  }
  for (const auto& [key, bytes] : of_subtask) {
    step_metrics& step = made.steps[key.first];
    step.queue_bytes += bytes.first;
    step.queue_bytes_max = std::max(step.queue_bytes_max, bytes.first);
    step.state_bytes += bytes.second;
    step.state_bytes_max = std::max(step.state_bytes_max, bytes.second);
  }
  for (size_t i = 0; i < made.steps.size(); ++i) {
    made.steps[i].rejected_by_rule.erase("late");  // has a metric of its own
    if (lowest[i] < watermark_end - 1) made.steps[i].watermark = lowest[i];
  }
  return made;
}

job_meter::times job_meter::time_of_subtasks() const {
  times made;
  const std::chrono::nanoseconds now = time_.monotonic();
  for (const placed_task& each : tasks_) {
    const task_time::reading spent = each.counters->time.read(now);
    for (const size_t step : each.steps) {
      subtask_time& to = made[{steps_[step].step, each.subtask}];
      to.busy += spent.working;
      to.held += spent.held;
    }
  }
  return made;
}

void job_meter::add_counts(step_metrics& to, const step_metrics& more) {
  to.in += more.in;
  to.out += more.out;
  to.rejected += more.rejected;
  to.late += more.late;
  add(to.rejected_by_rule, more.rejected_by_rule);
  add(to.flagged_by_rule, more.flagged_by_rule);
  to.committed += more.committed;
  to.sink_errors += more.sink_errors;
  to.latency += more.latency;
}

}  // namespace systole
