#include "actors/restored_states.h"

#include <map>
#include <set>
#include <string>

#include "data/key_encoding.h"

namespace systole {
namespace {

/// The names that the task's stateful steps had in the checkpoint, with those of today. A step's former name counts where
/// the checkpoint does not know the new one.
std::map<std::string, std::string> saved_names(const proto::CheckpointMetadata& metadata, const proto::PhysicalPlan& plan,
                                               const planned_task& task) {
  std::set<std::string> known;
  for (const proto::TaskSnapshot& old : metadata.tasks())
    for (const proto::NodeSnapshot& node : old.nodes()) known.insert(node.step());
  std::map<std::string, std::string> names;
  for (const uint32_t id : task.nodes) {
    const proto::Node& node = *find_node(plan, id);
    if (!is_stateful(node)) continue;
    names.emplace(known.contains(node.step()) || node.renamed_from().empty() ? node.step() : node.renamed_from(), node.step());
  }
  return names;
}

}  // namespace

std::vector<restored_state> restored_states(const proto::CheckpointMetadata& metadata, const proto::PhysicalPlan& plan,
                                            const planned_task& task) {
  const std::map<std::string, std::string> names = saved_names(metadata, plan, task);
  const key_group_range mine = key_groups_of_subtask(task.subtask, task.parallelism, plan.max_parallelism());
  std::vector<restored_state> found;
  for (const proto::TaskSnapshot& old : metadata.tasks()) {
    if (old.keyed_state().first_key_group() > mine.last || old.keyed_state().last_key_group() < mine.first) continue;
    restored_state taken;
    for (const proto::NodeSnapshot& node : old.nodes()) {
      const auto name = names.find(node.step());
      for (const proto::TableDescriptor& table : node.tables()) {
        if (name == names.end()) {
          taken.has_others = true;
        } else {
          taken.tables.push_back({table, name->second});
        }
      }
    }
    if (taken.tables.empty()) continue;
    taken.handle = old.keyed_state();
    found.push_back(std::move(taken));
  }
  return found;
}

}  // namespace systole
