#include "coordination/saved_state.h"

#include <algorithm>
#include <map>
#include <set>

namespace systole {
namespace {

struct saved_step {
  std::set<std::string> tables;
  bool has_positions = false;
  bool has_committable = false;

  bool holds_something() const { return !tables.empty() || has_positions || has_committable; }
  std::string holds() const {
    std::string told;
    const auto add = [&told](const std::string& what) { told += (told.empty() ? "" : ", ") + what; };
    if (!tables.empty()) add(std::to_string(tables.size()) + (tables.size() == 1 ? " state table" : " state tables"));
    if (has_positions) add("how far it was read");
    if (has_committable) add("rows to publish");
    return told;
  }
};

std::map<std::string, saved_step> saved_steps(const proto::CheckpointMetadata& saved) {
  std::map<std::string, saved_step> steps;
  for (const proto::TaskSnapshot& task : saved.tasks()) {
    for (const proto::NodeSnapshot& node : task.nodes()) {
      saved_step& step = steps[node.step()];
      for (const proto::TableDescriptor& table : node.tables()) step.tables.insert(table.name());
      step.has_positions = step.has_positions || !node.source_positions().empty();
      step.has_committable = step.has_committable || !node.committable().empty();
    }
  }
  return steps;
}

bool may_hold_tables(const proto::Node& node) {
  switch (node.operation_case()) {
    case proto::Node::kDeduplicate:
    case proto::Node::kAggregate:
    case proto::Node::kWindow:
    case proto::Node::kIntervalJoin:
    case proto::Node::kRegularJoin:
    case proto::Node::kTableJoin:
    case proto::Node::kOver: return true;
    default: return false;
  }
}

std::string joined(const std::vector<std::string>& words) {
  std::string made;
  for (const std::string& each : words) made += (made.empty() ? "" : ", ") + each;
  return made;
}

}  // namespace

std::string saved_state_comparison::summary() const {
  std::string told;
  const auto add = [&told](const char* what, const std::string& steps) {
    if (!steps.empty()) told += (told.empty() ? "" : "; ") + std::string(what) + ": " + steps;
  };
  std::vector<std::string> gone;
  for (const dropped_step& each : dropped) gone.push_back(each.step + " (" + each.holds + ")");
  add("kept", joined(kept));
  add("new", joined(added));
  add("dropped", joined(gone));
  return told;
}

saved_state_comparison compare_with_saved(const proto::PhysicalPlan& plan, const proto::CheckpointMetadata& saved) {
  const std::map<std::string, saved_step> before = saved_steps(saved);
  saved_state_comparison made;
  std::set<std::string> seen;       // steps of the plan
  std::set<std::string> continued;  // saved steps that go on under some name
  std::set<std::string> stateful;   // saved steps whose tables still have an owner
  for (const proto::Node& node : plan.nodes()) {
    std::string old = node.step();
    if (!before.contains(old) && !node.renamed_from().empty()) old = node.renamed_from();
    const bool known = before.contains(old);
    if (known) continued.insert(old);
    if (known && may_hold_tables(node)) stateful.insert(old);
    if (seen.insert(node.step()).second) (known ? made.kept : made.added).push_back(node.step());
  }
  for (const auto& [step, held] : before) {
    saved_step lost = held;
    if (continued.contains(step)) {
      lost.has_positions = lost.has_committable = false;
      if (stateful.contains(step)) lost.tables.clear();
    }
    if (lost.holds_something()) made.dropped.push_back({step, lost.holds()});
  }
  return made;
}

rewind_effects effects_of_rewind(const proto::PhysicalPlan& plan, epoch_id from, epoch_id to) {
  rewind_effects made;
  const std::string epoch = std::to_string(to.value);
  if (from.value <= to.value) return made;  // nothing later was published
  for (const proto::Node& node : plan.nodes()) {
    if (!node.has_sink()) continue;
    const std::string sink = "sink " + node.step() + ": ";
    const auto tell = [&](const std::string& what) { made.effects.push_back(sink + what); };
    const auto refuse = [&](const std::string& why) { made.refusals.push_back(sink + why); };
    switch (node.sink().kind()) {
      case proto::Sink::FILES:
      case proto::Sink::DEAD_LETTER_FILES:
        if (to.value == 0)
          refuse("a run from the start does not add to the files in " + node.sink().path() +
                 "; give it another folder and another --state");
        else tell("files in " + node.sink().path() + " with rows of later checkpoints are moved aside");
        break;
      case proto::Sink::SQLITE:
        if (node.sink().key().empty())
          refuse("table " + node.sink().table() +
                 " is appended to, and its rows cannot be told apart; it cannot go back");
        else if (to.value == 0)
          refuse("table " + node.sink().table() +
                 " has rows of this run; give a run from the start another table and another --state");
        else tell("table " + node.sink().table() + " converges when the replay has caught up");
        break;
      case proto::Sink::TABLE_FILE:
        tell(node.sink().path() + " is written anew, and is right when the replay has caught up");
        break;
      case proto::Sink::CONSOLE: tell("shows later rows again"); break;
      default: tell("counts from checkpoint " + epoch + " on again"); break;
    }
  }
  return made;
}

}  // namespace systole
