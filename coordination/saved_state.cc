#include "coordination/saved_state.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "coordination/deployment.h"

namespace systole {
namespace {

struct saved_step {
  std::map<std::string, proto::TableDescriptor> tables;  ///< by name
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
      for (const proto::TableDescriptor& table : node.tables()) step.tables.emplace(table.name(), table);
      step.has_positions = step.has_positions || !node.source_positions().empty();
      step.has_committable = step.has_committable || !node.committable().empty();
    }
  }
  return steps;
}

std::string joined(const std::vector<std::string>& words) {
  std::string made;
  for (const std::string& each : words) made += (made.empty() ? "" : ", ") + each;
  return made;
}

std::string told_of(const proto::TableDescriptor& table) {
  return "version " + std::to_string(table.layout_version()) + ", " + table.layout() + ", " + table.fingerprint();
}

bool same_table(const proto::TableDescriptor& a, const proto::TableDescriptor& b) {
  return a.layout_version() == b.layout_version() && a.layout() == b.layout() && a.fingerprint() == b.fingerprint() &&
         a.ordered() == b.ordered() && a.timers() == b.timers();
}

/// Why a step's saved tables do not fit those of today; empty where they do. A table that only one side has is fine as
/// long as another is shared: operators have some only where their settings need them.
std::string misfit(const saved_step& before, const std::vector<proto::TableDescriptor>& now) {
  std::string why;
  bool shared = before.tables.empty() || now.empty();
  for (const proto::TableDescriptor& table : now) {
    const auto old = before.tables.find(table.name());
    if (old == before.tables.end()) continue;
    shared = true;
    if (same_table(old->second, table)) continue;
    why += (why.empty() ? "table " : "; table ") + table.name() + " was " + told_of(old->second) + ", is " +
           told_of(table);
  }
  return shared ? why : "it was another kind of step";
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
  std::vector<std::string> misfits;
  for (const incompatible_step& each : incompatible) misfits.push_back(each.step + " (" + each.why + ")");
  add("incompatible", joined(misfits));
  return told;
}

std::optional<failure> refusal_of(const saved_state_comparison& compared, bool allow_drop_state) {
  std::string advice;
  if (!compared.dropped.empty() && !allow_drop_state)
    advice += "; to go on without what is dropped give --drop-state, after a rename give the step renamedFrom";
  if (!compared.incompatible.empty())
    advice += "; to give up what an incompatible step has saved, rename the step and give --drop-state: it starts empty";
  if (advice.empty()) return std::nullopt;
  return fail(error_code::incompatible, "the saved state does not fit the manifest: " + compared.summary() + advice);
}

saved_state_comparison compare_with_saved(const proto::PhysicalPlan& plan, const proto::CheckpointMetadata& saved,
                                          const planned_tables& tables) {
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
    if (known && is_stateful(node)) stateful.insert(old);
    if (!seen.insert(node.step()).second) continue;
    const auto now = tables.find(node.step());
    std::string why = known && now != tables.end() ? misfit(before.at(old), now->second) : "";
    if (!why.empty()) made.incompatible.push_back({node.step(), std::move(why)});
    else (known ? made.kept : made.added).push_back(node.step());
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
      case proto::Sink::KAFKA:
        if (node.sink().at_least_once())
          tell("topic " + node.sink().kafka().topic() + " gets later rows again (at least once)");
        else if (!node.sink().kafka().upsert())
          refuse("topic " + node.sink().kafka().topic() + " is appended to; it cannot go back");
        else if (to.value == 0)
          refuse("topic " + node.sink().kafka().topic() +
                 " has records of this run; give a run from the start another topic, sink name and --state");
        else tell("topic " + node.sink().kafka().topic() + " converges by key when the replay has caught up");
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
