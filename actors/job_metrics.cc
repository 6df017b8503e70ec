#include "actors/job_metrics.h"

#include <unistd.h>

#include <cstdio>

namespace systole {

void read_checkpoints(job_control_metrics& into, const proto::PhysicalPlan& plan, const checkpoint_counters& counters) {
  constexpr auto relaxed = std::memory_order_relaxed;
  into.checkpoints_completed = counters.completed.load(relaxed);
  into.checkpoints_failed = counters.failed.load(relaxed);
  into.checkpoint_duration = counters.duration.read();
  into.last_checkpoint_us = counters.last_completed_us.load(relaxed);
  if (into.last_checkpoint_us == 0) into.last_checkpoint_us = counters.restored_us.load(relaxed);
  into.last_checkpoint_bytes = counters.last_bytes.load(relaxed);
  size_t sink = 0;
  for (const proto::Node& node : plan.nodes()) {
    if (!node.has_sink() || sink >= counters.sinks.size()) continue;
    const checkpoint_counters::sink& counted = counters.sinks[sink++];
    into.sinks.push_back({node.step(), counted.commit.read(), counted.errors.load(relaxed)});
  }
}

uint64_t resident_memory_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (!file) return 0;
  unsigned long long all = 0, resident = 0;
  const int got = std::fscanf(file, "%llu %llu", &all, &resident);
  std::fclose(file);
  return got == 2 ? resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace systole
