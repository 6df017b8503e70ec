#include "coordination/placement.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

namespace systole {
namespace {

constexpr size_t nobody = static_cast<size_t>(-1);

/// Takes slots one by one: from the node with the smallest part of its slots taken, there from such a worker.
class slot_taker {
 public:
  explicit slot_taker(const std::vector<placing_worker>& workers) : workers_(workers), taken_(workers.size(), 0) {
    for (const placing_worker& each : workers) {
      node_used_[each.node] += each.used;
      node_slots_[each.node] += each.slots;
    }
  }
  bool full(size_t worker) const { return workers_[worker].used + taken_[worker] >= workers_[worker].slots; }
  void take(size_t worker) {
    ++taken_[worker];
    ++node_used_[workers_[worker].node];
    ++node_taken_[workers_[worker].node];
  }
  size_t next() const {
    size_t best = nobody;
    for (size_t i = 0; i < workers_.size(); ++i)
      if (!full(i) && (best == nobody || load(i) < load(best))) best = i;
    return best;
  }
  const std::vector<uint32_t>& taken() const { return taken_; }

 private:
  /// This job's slots on the node, then how full the node is, then the same of the worker; the name decides ties.
  std::tuple<uint32_t, double, uint32_t, double, const std::string&> load(size_t worker) const {
    const placing_worker& it = workers_[worker];
    const auto of_node = node_taken_.find(it.node);
    return {of_node == node_taken_.end() ? 0 : of_node->second,
            static_cast<double>(node_used_.at(it.node)) / node_slots_.at(it.node), taken_[worker],
            static_cast<double>(it.used + taken_[worker]) / it.slots, it.name};
  }

  const std::vector<placing_worker>& workers_;
  std::vector<uint32_t> taken_;
  std::map<std::string, uint32_t> node_used_, node_slots_, node_taken_;
};

/// How many slots a warm worker may get before others: its even share.
uint32_t even_share(uint32_t needed, const std::vector<placing_worker>& workers) {
  size_t usable = 0;
  for (const placing_worker& each : workers) usable += each.used < each.slots;
  return usable == 0 ? 0 : static_cast<uint32_t>((needed + usable - 1) / usable);
}

}  // namespace

std::string missing_slots::told() const {
  return "needs " + std::to_string(needed) + (needed == 1 ? " slot; " : " slots; ") + std::to_string(free) +
         (free == 1 ? " is" : " are") + " free on " + std::to_string(workers) + (workers == 1 ? " worker" : " workers");
}

std::vector<placed_task> tasks_to_place(const deployment& whole) {
  // Stages that a forward exchange joins have the lower one's group.
  std::map<uint32_t, uint32_t> group_of;
  for (const planned_task& task : whole.tasks) group_of.emplace(task.stage, task.stage);
  const auto root = [&](uint32_t stage) {
    while (group_of[stage] != stage) stage = group_of[stage];
    return stage;
  };
  for (const planned_task& task : whole.tasks)
    for (const planned_output& output : task.outputs) {
      if (output.edge == nullptr || output.exchange != proto::Edge::FORWARD) continue;
      for (const uint32_t channel : output.channels) {
        const uint32_t a = root(task.stage), b = root(whole.tasks[whole.channels[channel].to_task].stage);
        group_of[std::max(a, b)] = std::min(a, b);
      }
    }
  std::vector<placed_task> made;
  for (const planned_task& task : whole.tasks) made.push_back({root(task.stage), task.subtask, {}});
  return made;
}

std::variant<placement, missing_slots> place_tasks(const std::vector<placed_task>& tasks,
                                                   const std::vector<placing_worker>& workers) {
  std::map<uint32_t, std::map<uint32_t, std::vector<size_t>>> groups;  // group -> subtask -> tasks
  for (size_t i = 0; i < tasks.size(); ++i) groups[tasks[i].group][tasks[i].subtask].push_back(i);
  uint32_t needed = 0;
  for (const auto& [group, subtasks] : groups) needed = std::max(needed, static_cast<uint32_t>(subtasks.size()));
  missing_slots room{needed, 0, workers.size()};
  for (const placing_worker& each : workers) room.free += each.slots - std::min(each.used, each.slots);
  if (room.free < needed) return room;

  std::map<std::string, size_t> by_name;
  for (size_t i = 0; i < workers.size(); ++i) by_name.emplace(workers[i].name, i);
  const auto warm_worker = [&](const std::vector<size_t>& these) {
    for (const size_t task : these)
      if (const auto found = by_name.find(tasks[task].warm_on); found != by_name.end()) return found->second;
    return nobody;
  };

  // Slots: as many for a warm worker as its widest group has state there, within its even share.
  slot_taker slots(workers);
  const uint32_t share = even_share(needed, workers);
  std::vector<uint32_t> warm(workers.size(), 0);
  for (const auto& [group, subtasks] : groups) {
    std::vector<uint32_t> here(workers.size(), 0);
    for (const auto& [subtask, these] : subtasks)
      if (const size_t worker = warm_worker(these); worker != nobody) ++here[worker];
    for (size_t i = 0; i < workers.size(); ++i) warm[i] = std::max(warm[i], here[i]);
  }
  uint32_t left = needed;
  for (size_t i = 0; i < workers.size(); ++i)
    for (uint32_t n = 0; n < std::min(warm[i], share) && left > 0 && !slots.full(i); ++n, --left) slots.take(i);
  for (; left > 0; --left) slots.take(slots.next());

  // Subtasks: the widest groups first, so that narrow ones fill up what is uneven.
  std::vector<uint32_t> order;
  for (const auto& [group, subtasks] : groups) order.push_back(group);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return groups[a].size() > groups[b].size(); });
  placement made{std::vector<size_t>(tasks.size(), nobody), slots.taken()};
  std::vector<size_t> load(workers.size(), 0);
  for (const uint32_t group : order) {
    std::vector<uint32_t> free = slots.taken();
    const auto put = [&](const std::vector<size_t>& these, size_t worker) {
      --free[worker];
      load[worker] += these.size();
      for (const size_t task : these) made.worker_of_task[task] = worker;
    };
    std::vector<const std::vector<size_t>*> cold;
    for (const auto& [subtask, these] : groups[group]) {
      const size_t worker = warm_worker(these);
      if (worker != nobody && free[worker] > 0) put(these, worker);
      else cold.push_back(&these);
    }
    for (const auto* these : cold) {
      size_t best = nobody;
      for (size_t i = 0; i < workers.size(); ++i) {
        // Per slot, so that a worker with more slots gets more.
        const auto less = [&](size_t a, size_t b) {
          return std::tuple(load[a] * slots.taken()[b], workers[a].name) <
                 std::tuple(load[b] * slots.taken()[a], workers[b].name);
        };
        if (free[i] > 0 && (best == nobody || less(i, best))) best = i;
      }
      put(*these, best);
    }
  }
  return made;
}

}  // namespace systole
