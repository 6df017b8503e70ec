#include "actors/job_report.h"

#include <algorithm>
#include <array>

#include "operators/chain_snapshot.h"

namespace systole {
namespace {

std::string kind_of(const proto::Node& node) {
  const auto* oneof = proto::Node::descriptor()->FindOneofByName("operation");
  const auto* set = proto::Node::GetReflection()->GetOneofFieldDescriptor(node, oneof);
  return set ? set->name() : "";
}

}  // namespace

result<std::vector<step_report>> report_steps(const proto::PhysicalPlan& plan,
                                              const proto::CheckpointMetadata& metadata) {
  std::vector<step_report> made;
  for (const proto::Node& node : plan.nodes()) {
    step_report report{node.step(), node.role(), kind_of(node), {}};
    for (const proto::TaskSnapshot& task : metadata.tasks())
      for (const proto::NodeSnapshot& each : task.nodes()) {
        if (each.step() != node.step() || each.role() != node.role()) continue;
        SYSTOLE_ASSIGN(const chain_snapshot facts, decode_chain_snapshot(each.operator_state()));
        add(report.counts, facts.accounting);
      }
    made.push_back(std::move(report));
  }
  return made;
}

job_progress progress_meter::read(const deployment& whole, const std::vector<std::shared_ptr<task_counters>>& tasks,
                                  const checkpoint_counters& checkpoints, uint32_t attempt) {
  constexpr auto relaxed = std::memory_order_relaxed;
  const std::chrono::nanoseconds now = time_.monotonic();
  const double seconds = std::max(std::chrono::duration<double>(now - last_).count(), 1e-6);
  job_progress made{.attempt = attempt,
                    .elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - started_),
                    .sources = {},
                    .sinks = {}};
  last_in_.resize(static_cast<size_t>(plan_.nodes_size()), 0);
  timestamp_us lowest = watermark_end;
  for (int n = 0; n < plan_.nodes_size(); ++n) {
    const proto::Node& node = plan_.nodes(n);
    step_progress sum{.step = node.step(), .watermark = watermark_end};
    for (size_t t = 0; t < whole.tasks.size() && t < tasks.size(); ++t) {
      const std::vector<uint32_t>& nodes = whole.tasks[t].nodes;
      const auto at = std::find(nodes.begin(), nodes.end(), node.id());
      if (at == nodes.end() || !tasks[t]) continue;
      const node_counters& counted = tasks[t]->nodes[static_cast<size_t>(at - nodes.begin())];
      sum.in += counted.in.load(relaxed);
      sum.bytes += counted.bytes.load(relaxed);
      sum.rejected += counted.rejected.load(relaxed);
      sum.watermark = std::min(sum.watermark, counted.watermark.load(relaxed));
    }
    made.rejected += sum.rejected;
    uint64_t& before = last_in_[static_cast<size_t>(n)];
    sum.per_second = sum.in >= before ? static_cast<double>(sum.in - before) / seconds : 0;
    before = sum.in;
    if (node.has_source()) made.sources.push_back(sum);
    if (!node.has_sink()) continue;
    if (node.id() != plan_.errors().dead_letter_node()) lowest = std::min(lowest, sum.watermark);
    made.sinks.push_back(std::move(sum));
  }
  last_ = now;
  made.watermark = made.sinks.empty() ? watermark_none : lowest;
  if (lowest != watermark_none && lowest != watermark_end) made.event_time_lag_us = time_.now_us() - lowest;
  for (const auto& each : tasks) {
    if (!each) continue;
    made.state_bytes += each->state_bytes.load(relaxed);
    made.queued_bytes += each->queued_bytes.load(relaxed);
  }
  made.last_epoch = checkpoints.last_epoch.load(relaxed);
  made.checkpoints = checkpoints.completed.load(relaxed);
  made.checkpoint_duration_us = checkpoints.last_duration_us.load(relaxed);
  const int64_t completed = checkpoints.last_completed_us.load(relaxed);
  if (completed != 0) made.checkpoint_age_us = time_.now_us() - completed;
  return made;
}

}  // namespace systole
