#include "coordination/restored_nodes.h"

#include <algorithm>

namespace systole {

std::vector<restored_node> restored_nodes(const proto::CheckpointMetadata& metadata, const proto::Node& node) {
  std::vector<restored_node> found;
  for (const std::string* name : {&node.step(), &node.renamed_from()}) {
    if (name->empty()) continue;
    for (const proto::TaskSnapshot& task : metadata.tasks())
      for (const proto::NodeSnapshot& each : task.nodes())
        if (each.step() == *name && each.role() == node.role()) found.push_back({task.subtask(), &each, &task});
    if (!found.empty()) break;
  }
  std::sort(found.begin(), found.end(),
            [](const restored_node& a, const restored_node& b) { return a.subtask < b.subtask; });
  return found;
}

std::vector<proto::TableDescriptor> restored_step_tables(const proto::CheckpointMetadata& metadata,
                                                         const proto::Node& node) {
  std::vector<proto::TableDescriptor> found;
  for (const std::string* name : {&node.step(), &node.renamed_from()}) {
    if (name->empty()) continue;
    bool is_there = false;
    for (const proto::TaskSnapshot& task : metadata.tasks())
      for (const proto::NodeSnapshot& each : task.nodes()) {
        if (each.step() != *name) continue;
        is_there = true;
        for (const proto::TableDescriptor& table : each.tables())
          if (std::none_of(found.begin(), found.end(), [&](const auto& known) { return known.name() == table.name(); }))
            found.push_back(table);
      }
    if (is_there) break;
  }
  return found;
}

std::vector<proto::KeyedStateHandle> restored_handles(const proto::CheckpointMetadata& metadata,
                                                      const proto::PhysicalPlan& plan, const planned_task& task) {
  const key_group_range mine = key_groups_of_subtask(task.subtask, task.parallelism, plan.max_parallelism());
  std::vector<proto::KeyedStateHandle> handles;
  for (const proto::TaskSnapshot& old : metadata.tasks()) {
    if (!old.has_keyed_state()) continue;
    const bool overlaps =
        old.keyed_state().first_key_group() <= mine.last && old.keyed_state().last_key_group() >= mine.first;
    const bool wanted =
        overlaps && std::any_of(old.nodes().begin(), old.nodes().end(), [&](const auto& was) {
          return std::any_of(task.nodes.begin(), task.nodes.end(), [&](uint32_t id) {
            const proto::Node* node = find_node(plan, id);
            return was.step() == node->step() || (!node->renamed_from().empty() && was.step() == node->renamed_from());
          });
        });
    if (wanted) handles.push_back(old.keyed_state());
  }
  return handles;
}

std::vector<size_t> inherited(const std::vector<restored_node>& old, uint32_t subtask, uint32_t parallelism) {
  std::vector<size_t> mine;
  for (size_t i = 0; i < old.size(); ++i)
    if (old[i].subtask % parallelism == subtask) mine.push_back(i);
  return mine;
}

}  // namespace systole
