#include "coordination/plan_difference.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <map>
#include <utility>

namespace systole {
namespace {

/// What a plan says of a step, without the numbers that depend on the rest of the plan.
std::map<std::string, std::string> steps_as_text(const proto::PhysicalPlan& plan) {
  std::map<uint32_t, const proto::Node*> by_id;
  for (const proto::Node& node : plan.nodes()) by_id[node.id()] = &node;
  std::map<std::string, std::string> made;
  for (const proto::Node& node : plan.nodes()) {
    proto::Node plain = node;
    plain.clear_id();
    plain.clear_stage();
    std::string text;
    for (proto::Edge& input : *plain.mutable_inputs()) {
      const auto from = by_id.find(input.from());
      if (from != by_id.end()) text += from->second->step() + "/" + from->second->role() + "\n";
      input.clear_from();
      input.clear_exchange();  // forward or hash: by the parallelism of both
    }
    {
      google::protobuf::io::StringOutputStream to(&text);
      google::protobuf::io::CodedOutputStream coded(&to);
      coded.SetSerializationDeterministic(true);
      plain.SerializeToCodedStream(&coded);
    }
    made[node.step()] += std::to_string(text.size()) + ":" + text;
  }
  return made;
}

}  // namespace

const char* name_of(step_difference::kind what) {
  switch (what) {
    case step_difference::kind::same: return "same";
    case step_difference::kind::changed: return "changed";
    case step_difference::kind::added: return "added";
    case step_difference::kind::removed: return "removed";
  }
  return "unknown";
}

std::vector<step_difference> compare_plans(const proto::PhysicalPlan& before, const proto::PhysicalPlan& after) {
  using kind = step_difference::kind;
  const std::map<std::string, std::string> old = steps_as_text(before), now = steps_as_text(after);
  std::vector<step_difference> made;
  const auto add = [&made](const std::string& step, kind what) {
    const bool told = std::any_of(made.begin(), made.end(), [&](const auto& each) { return each.step == step; });
    if (!told) made.push_back({step, what});
  };
  for (const proto::Node& node : after.nodes()) {
    const auto found = old.find(node.step());
    if (found == old.end()) add(node.step(), kind::added);
    else add(node.step(), found->second == now.at(node.step()) ? kind::same : kind::changed);
  }
  for (const proto::Node& node : before.nodes())
    if (!now.contains(node.step())) add(node.step(), kind::removed);
  return made;
}

}  // namespace systole
