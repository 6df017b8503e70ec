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

std::vector<size_t> inherited(const std::vector<restored_node>& old, uint32_t subtask, uint32_t parallelism) {
  std::vector<size_t> mine;
  for (size_t i = 0; i < old.size(); ++i)
    if (old[i].subtask % parallelism == subtask) mine.push_back(i);
  return mine;
}

}  // namespace systole
