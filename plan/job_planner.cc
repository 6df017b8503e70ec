#include "plan/job_planner.h"

#include <algorithm>
#include <map>
#include <set>

#include "plan/diagnostic_codes.h"
#include "plan/manifest_check.h"
#include "plan/sql_tokens.h"

namespace systole {
namespace {

/// An item of sources, tables, steps or sinks before it is planned.
struct declared {
  const yaml_node* node = nullptr;
  const object_descriptor* descriptor = nullptr;
  std::string name;
  source_position name_at;
  std::vector<std::string> inputs;          ///< names
  std::vector<std::string> aliases;
  std::vector<source_position> inputs_at;
  bool table_join = false;
  bool input_error = false;
  bool enabled = true;
  bool used = false;
  int index = -1;                           ///< in the logical plan, once planned
  enum class visit { none, open, done } state = visit::none;
};

class planner {
 public:
  planner(plan_context& context, const object_view& spec) : context_(context), spec_(spec), problems_(context.problems) {}

  logical_plan run() {
    read_schemas();
    declare("sources", items_);
    const size_t tables = items_.size();
    declare("tables", items_);
    const size_t steps = items_.size();
    declare("steps", items_);
    declare("sinks", sinks_);
    for (size_t i = steps; i < items_.size(); ++i) read_inputs(items_[i]);
    resolve_sinks();
    for (size_t i = 0; i < items_.size(); ++i) plan_item(i, i < tables ? 0 : i < steps ? 1 : 2);
    plan_sinks();
    warn_of_unused(tables, steps);
    leave_out_disabled();
    return std::move(plan_);
  }

 private:
  const object_descriptor& item_descriptor(std::string_view key) const {
    return *spec_.descriptor().find(key)->shape.element->object;
  }

  void read_schemas() {
    // A wrong schema spoils the sources that name it, not the others: so read it even where it is marked.
    const yaml_node* schemas = spec_.node()->find("schemas");
    if (!schemas || !schemas->is_map()) return;
    for (const yaml_node::entry& entry : schemas->entries) {
      record_schema made;
      made.poisoned = true;
      if (!entry.value.invalid) made = read_columns(context_, entry.value);
      context_.schemas[entry.key] = std::move(made);
    }
  }

  void declare(std::string_view key, std::vector<declared>& items) {
    const yaml_node* list = spec_.node()->find(key);
    if (!list || !list->is_sequence()) {
      const bool told = list || is_told_absent(*spec_.node(), spec_.descriptor(), key);
      lacks_a_section_ = lacks_a_section_ || (told && &items == &items_);
      return;
    }
    for (const yaml_node& node : list->items) {
      declared item;
      item.node = &node;
      item.descriptor = &item_descriptor(key);
      const yaml_node* name = node.find("name");
      item.name_at = name ? name->at : node.at;
      if (name && name->is_scalar() && !name->invalid) item.name = name->text;
      if (!item.name.empty()) {
        auto [known, added] = names_.emplace(item.name, items.size());
        if (!added) {
          problems_.error(codes::duplicate_name, item.name_at, "the name `" + item.name + "` is taken",
                          "sources, tables, steps and sinks have different names");
          item.name.clear();
        } else if (&items == &items_) {
          by_name_[item.name] = items.size();
        }
      }
      items.push_back(std::move(item));
    }
  }

  std::vector<std::string> input_names() const {
    std::vector<std::string> names;
    for (const auto& [name, index] : by_name_) names.push_back(name);
    return names;
  }

  void add_input(declared& item, const std::string& alias, const yaml_node& name) {
    if (!name.is_scalar() || name.invalid) {
      item.input_error = true;
      return;
    }
    auto found = by_name_.find(name.text);
    if (found == by_name_.end()) {
      const bool is_sink = names_.contains(name.text);
      if (is_sink) {
        problems_.error(codes::unknown_name, name.at, "`" + name.text + "` is a sink: it has no output");
      } else if (!lacks_a_section_) {
        problems_.error(codes::unknown_name, name.at, "no step, source or table `" + name.text + "`", {},
                        nearest_names(name.text, input_names()));
      }
      item.input_error = true;
    } else {
      items_[found->second].used = true;
    }
    item.inputs.push_back(name.text);
    item.aliases.push_back(alias);
    item.inputs_at.push_back(name.at);
  }

  void read_inputs(declared& item) {
    object_view step(item.node, *item.descriptor);
    const yaml_node* one = step.get("input");
    const yaml_node* several = step.get("inputs");
    const std::string_view operation = step.alternative();
    if (item.node->find("input") && item.node->find("inputs")) {
      problems_.error(codes::excluded_key, step.at("inputs"), "`input` and `inputs` are both given", "keep one of them");
      item.input_error = true;
    }
    if (one) add_input(item, one->text, *one);
    if (several && several->is_sequence())
      for (const yaml_node& name : several->items) add_input(item, name.text, name);
    if (several && several->is_map())
      for (const yaml_node::entry& entry : several->entries) add_input(item, entry.key, entry.value);
    if (!item.node->find("input") && !item.node->find("inputs")) {
      problems_.error(codes::missing_key, item.node->at, "a step needs `input` or `inputs`");
      item.input_error = true;
      return;
    }
    const yaml_node* join = operation == "join" ? step.get("join") : nullptr;
    const yaml_node* table = join ? join->find("table") : nullptr;
    if (table && table->is_map()) {
      item.table_join = true;
      for (const yaml_node::entry& entry : table->entries) add_input(item, entry.key, entry.value);
      if (table->entries.size() > 1) {
        problems_.error(codes::wrong_inputs, table->entries[1].at, "a join has one table", "join the second table in a next step");
        item.input_error = true;
      } else if (!item.input_error) {
        const declared& named = items_[by_name_.at(item.inputs.back())];
        if (named.descriptor != &item_descriptor("tables")) {
          problems_.error(codes::unknown_name, item.inputs_at.back(), "`" + named.name + "` is not in spec.tables",
                          "a join of two streams has both in `inputs`");
          item.input_error = true;
        }
      }
    }
    if (item.input_error || operation.empty()) return;
    const size_t streams = item.inputs.size() - (item.table_join ? 1 : 0);
    const source_position at = step.at(several ? "inputs" : "input");
    if (operation == "join" && streams != (item.table_join ? 1u : 2u)) {
      problems_.error(codes::wrong_inputs, at,
                      item.table_join ? "a join with a table has one input" : "a join of streams has two inputs",
                      item.table_join ? "inputs: {alias: step}" : "inputs: {a: ..., b: ...}");
      item.input_error = true;
    } else if (operation == "union" && streams < 2) {
      problems_.error(codes::wrong_inputs, at, "a union has two or more inputs", "inputs: [a, b]");
      item.input_error = true;
    } else if (operation != "join" && operation != "union" && streams != 1) {
      problems_.error(codes::wrong_inputs, at, "this operation has one input", "bring them together by union or join");
      item.input_error = true;
    }
  }

  void resolve_sinks() {
    const yaml_node* handling = spec_.get("errorHandling");
    const yaml_node* dead_letter = handling ? handling->find("deadLetter") : nullptr;
    if (dead_letter && !dead_letter->invalid) dead_letter_ = dead_letter->text;
    bool found = dead_letter_.empty();
    for (declared& sink : sinks_) {
      object_view view(sink.node, *sink.descriptor);
      sink.enabled = view.boolean("enabled");
      const bool is_dead_letter = !sink.name.empty() && sink.name == dead_letter_;
      found = found || is_dead_letter;
      if (const yaml_node* input = view.get("input")) {
        if (is_dead_letter) {
          problems_.error(codes::dead_letter, view.at("input"), "the dead letter has no input",
                          "rejected records come from all steps");
          sink.input_error = true;
        }
        add_input(sink, input->text, *input);
      } else if (!is_dead_letter && !sink.node->find("input")) {
        problems_.error(codes::missing_key, sink.node->at, "a sink needs `input`",
                        "only the sink that errorHandling.deadLetter names has none");
        sink.input_error = true;
      }
    }
    // Without any sink, and so with `sinks` misspelt or left out, the one message about that is enough.
    if (!found && dead_letter && !sinks_.empty()) {
      std::vector<std::string> names;
      for (const declared& sink : sinks_)
        if (!sink.name.empty()) names.push_back(sink.name);
      problems_.error(codes::dead_letter, dead_letter->at, "no sink `" + dead_letter_ + "`", {},
                      nearest_names(dead_letter_, names));
    }
  }

  /// Plans an item after its inputs; kind 0 source, 1 table, 2 step. Gives its stream.
  void plan_item(size_t index, int kind) {
    declared& item = items_[index];
    if (item.state == declared::visit::done) return;
    item.state = declared::visit::open;
    std::vector<size_t> inputs;
    if (kind == 2) {
      for (size_t i = 0; i < item.inputs.size(); ++i) {
        auto found = by_name_.find(item.inputs[i]);
        if (found == by_name_.end()) continue;
        declared& input = items_[found->second];
        if (input.state == declared::visit::open) {
          problems_.error(codes::cycle, item.inputs_at[i],
                          found->second == index ? "a step cannot be its own input"
                                                 : "the steps form a cycle: `" + input.name + "` needs `" + item.name + "`",
                          "data flows one way; a join or an over step often says what was meant");
          item.input_error = true;
          continue;
        }
        plan_item(found->second, input.descriptor == &item_descriptor("sources") ? 0
                                 : input.descriptor == &item_descriptor("tables") ? 1
                                                                                  : 2);
        inputs.push_back(static_cast<size_t>(items_[found->second].index));
      }
    }
    logical_node made;
    made.node.set_step(item.name);
    made.at = item.name_at;
    made.inputs = inputs;
    object_view view(item.node, *item.descriptor);
    if (kind < 2) plan_source(context_, view, kind == 1, ++sources_, made);
    else plan_step(item, view, made);
    item.state = declared::visit::done;
    item.index = static_cast<int>(plan_.nodes.size());
    plan_.nodes.push_back(std::move(made));
  }

  void refuse_refreshed(const std::string& name, const source_position& at, logical_node& made) {
    problems_.error(codes::not_in_this_build, at, "the table `" + name + "` is refreshed: in this build it can only be joined",
                    "join it by table: {alias: " + name + "}, or leave `refresh` out");
    made.out.poisoned = true;
  }

  void plan_step(const declared& item, const object_view& view, logical_node& made) {
    made.out.poisoned = item.node->invalid || item.input_error;
    std::vector<const stream*> inputs;
    for (size_t input : made.inputs) {
      inputs.push_back(&plan_.nodes[input].out);
      if (inputs.back()->poisoned) made.out.poisoned = true;
    }
    for (size_t i = 0; i < inputs.size() && !made.out.poisoned; ++i)
      if (inputs[i]->refreshed && !(item.table_join && i + 1 == inputs.size())) refuse_refreshed(item.inputs[i], item.inputs_at[i], made);
    if (made.out.poisoned) return;
    if (view.has("renamedFrom")) made.node.set_renamed_from(view.text("renamedFrom"));
    const std::string_view operation = view.alternative();
    step_site site{context_, view, view.get(operation), std::move(inputs), item.aliases, made};
    const bool needs_disabled = std::any_of(site.inputs.begin(), site.inputs.end(), [](const stream* s) { return !s->enabled; });
    if (operation == "filter") plan_filter(site);
    else if (operation == "project") plan_project(site);
    else if (operation == "validate") plan_validate(site);
    else if (operation == "expand") plan_expand(site);
    else if (operation == "deduplicate") plan_deduplicate(site);
    else if (operation == "aggregate") plan_aggregate(site);
    else if (operation == "window") plan_window(site);
    else if (operation == "over") plan_over(site);
    else if (operation == "join") plan_join(site, item.table_join);
    else if (operation == "union") plan_union(site);
    if (operation != "union") made.out.enabled = !needs_disabled;
  }

  void plan_sinks() {
    std::vector<std::pair<declared*, bool>> ordered;
    for (declared& sink : sinks_)
      if (sink.name != dead_letter_ || sink.name.empty()) ordered.emplace_back(&sink, false);
    for (declared& sink : sinks_)
      if (sink.name == dead_letter_ && !sink.name.empty()) ordered.emplace_back(&sink, true);
    for (auto [sink, is_dead_letter] : ordered) {
      if (sink->node->invalid || sink->input_error) continue;
      logical_node made;
      made.node.set_step(sink->name);
      made.at = sink->name_at;
      const stream* input = nullptr;
      if (!is_dead_letter) {
        const size_t index = static_cast<size_t>(items_[by_name_.at(sink->inputs[0])].index);
        made.inputs.push_back(index);
        input = &plan_.nodes[index].out;
        if (input->refreshed) refuse_refreshed(sink->inputs[0], sink->inputs_at[0], made);
        if (input->poisoned || made.out.poisoned) continue;
      }
      plan_sink(context_, object_view(sink->node, *sink->descriptor), input, made);
      if (!sink->enabled) continue;
      if (is_dead_letter) plan_.dead_letter = plan_.nodes.size();
      plan_.nodes.push_back(std::move(made));
    }
  }

  /// Takes disabled sources out of unions, and everything else that needs them out of the plan.
  void leave_out_disabled() {
    auto disabled = [&](size_t input) { return !plan_.nodes[input].out.enabled; };
    for (logical_node& node : plan_.nodes) {
      if (node.node.has_union_()) std::erase_if(node.inputs, disabled);
      else if (std::any_of(node.inputs.begin(), node.inputs.end(), disabled)) node.out.enabled = false;
      if (node.is_sink && !node.out.enabled)
        problems_.warning(codes::left_out, node.at, "the sink `" + node.node.step() + "` is left out: its input is not enabled");
    }
    const bool any = std::any_of(plan_.nodes.begin(), plan_.nodes.end(), [](const logical_node& node) {
      return node.is_sink && node.out.enabled && !node.inputs.empty();
    });
    if (!any && !problems_.has_errors())
      problems_.error(codes::empty, spec_.at("sinks"), "no sink is enabled: the job would do nothing");
  }

  void warn_of_unused(size_t tables, size_t steps) {
    // A misspelt input, or `sinks` itself, leaves steps unused: one complaint is enough.
    if (sinks_.empty()) return;
    auto has_error = [](const declared& item) { return item.input_error; };
    if (std::any_of(items_.begin(), items_.end(), has_error) || std::any_of(sinks_.begin(), sinks_.end(), has_error)) return;
    for (size_t i = 0; i < items_.size(); ++i) {
      const declared& item = items_[i];
      if (item.used || item.name.empty()) continue;
      const std::string what = i < tables ? "source" : i < steps ? "table" : "step";
      problems_.warning(codes::unused_step, item.name_at, "nothing reads the " + what + " `" + item.name + "`: it is left out");
    }
  }

  plan_context& context_;
  const object_view& spec_;
  diagnostics& problems_;
  std::vector<declared> items_;   // sources, tables, steps
  std::vector<declared> sinks_;
  std::map<std::string, size_t, std::less<>> names_;
  std::map<std::string, size_t, std::less<>> by_name_;
  /// `sources`, `tables` or `steps` is misspelt or missing, which has been told: a name that is not there may be in it.
  bool lacks_a_section_ = false;
  std::string dead_letter_;
  uint32_t sources_ = 0;
  logical_plan plan_;
};

}  // namespace

logical_plan plan_job(plan_context& context, const object_view& spec) { return planner(context, spec).run(); }

}  // namespace systole
