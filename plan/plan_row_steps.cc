// Steps that look at one row at a time: filter, project, validate.
#include <algorithm>
#include <set>

#include "plan/diagnostic_codes.h"
#include "expr/quoting.h"
#include "plan/expression_binder.h"
#include "plan/plan_context.h"
#include "plan/sql_tokens.h"

namespace systole {
namespace {

std::vector<std::string> names_of(const schema& columns) {
  std::vector<std::string> names;
  for (const field& f : columns.fields) names.push_back(f.name);
  return names;
}

/// Where the condition is TRUE, columns of its `x IS NOT NULL` terms are not null.
void refine_not_null(std::string_view condition, schema& columns) {
  for (const std::string& term : split_conjunction(condition)) {
    std::vector<sql_token> tokens = scan_sql(term);
    std::erase_if(tokens, [&](const sql_token& t) { return t.in(term) == "(" || t.in(term) == ")"; });
    if (tokens.size() != 4) continue;
    auto is = [&](size_t i, std::string_view word) { return name_at(term, tokens[i].offset) == word; };
    if (!is(1, "is") || !is(2, "not") || !is(3, "null")) continue;
    const int index = columns.find(name_at(term, tokens[0].offset));
    if (index >= 0) columns.fields[static_cast<size_t>(index)].nullable = false;
  }
}

/// One output column of a project.
struct chosen_column {
  std::string name;
  const yaml_node* scalar = nullptr;  ///< null: the input's column of that name
};

std::optional<std::vector<chosen_column>> chosen_columns(step_site& site, const object_view& project) {
  const schema& input = site.inputs[0]->columns;
  diagnostics& problems = site.context.problems;
  std::vector<chosen_column> chosen;
  if (const yaml_node* fields = project.get("fields")) {
    for (std::string_view key : {"add", "drop"}) {
      if (!project.has(key)) continue;
      problems.error(codes::excluded_key, project.at(key), "`" + std::string(key) + "` has no meaning beside `fields`",
                     "fields lists all columns of the output");
      return std::nullopt;
    }
    for (const yaml_node::entry& entry : fields->entries) chosen.push_back({entry.key, &entry.value});
    return chosen;
  }
  if (!project.has("add") && !project.has("drop")) {
    problems.error(codes::missing_key, project.at(), "project needs `fields`, `add` or `drop`");
    return std::nullopt;
  }
  std::set<std::string> dropped;
  if (const yaml_node* drop = project.get("drop")) {
    for (const yaml_node& name : drop->items) {
      dropped.insert(name.text);
      if (input.find(name.text) >= 0) continue;
      problems.error(codes::unknown_column, name.at, "no column `" + name.text + "` to drop", {},
                     nearest_names(name.text, names_of(input)));
      return std::nullopt;
    }
  }
  for (const field& f : input.fields)
    if (!dropped.contains(f.name)) chosen.push_back({f.name, nullptr});
  if (const yaml_node* add = project.get("add")) {
    for (const yaml_node::entry& entry : add->entries) {
      auto same = std::find_if(chosen.begin(), chosen.end(), [&](const chosen_column& c) { return c.name == entry.key; });
      if (same != chosen.end()) same->scalar = &entry.value;
      else chosen.push_back({entry.key, &entry.value});
    }
  }
  if (chosen.empty()) {
    problems.error(codes::empty, project.at(), "no column is left");
    return std::nullopt;
  }
  return chosen;
}

}  // namespace

void plan_filter(step_site& site) {
  const stream& input = *site.inputs[0];
  expression_binder binder(site.context);
  const yaml_node& scalar = *site.operation;
  expression_ptr bound = binder.bind_condition(scalar, scope_of(input.columns), "a filter");
  site.made.out = input;
  if (!bound || !binder.check_deterministic(scalar, *bound, input)) {
    site.made.out.poisoned = true;
    return;
  }
  *site.made.node.mutable_filter()->mutable_predicate() = binder.message(scalar);
  refine_not_null(scalar.text, site.made.out.columns);
}

void plan_project(step_site& site) {
  const stream& input = *site.inputs[0];
  object_view project = site.step.object("project");
  stream& out = site.made.out;
  out.changelog = input.changelog;
  out.poisoned = true;
  auto chosen = chosen_columns(site, project);
  if (!chosen) return;
  expression_binder binder(site.context);
  proto::Project& message = *site.made.node.mutable_project();
  std::vector<int> source_of;
  bool ok = true;
  for (const chosen_column& column : *chosen) {
    proto::NamedExpression* field_message = message.add_fields();
    field_message->set_name(column.name);
    if (!column.scalar) {
      const int index = input.columns.find(column.name);
      field_message->mutable_value()->set_sql(quote_name(column.name));
      out.columns.fields.push_back(input.columns.fields[static_cast<size_t>(index)]);
      source_of.push_back(index);
      continue;
    }
    expression_ptr bound = binder.bind(*column.scalar, scope_of(input.columns));
    std::optional<field> made = bound ? binder.column(*column.scalar, column.name, *bound) : std::nullopt;
    if (!made || !binder.check_deterministic(*column.scalar, *bound, input)) {
      ok = false;
      continue;
    }
    *field_message->mutable_value() = binder.message(*column.scalar);
    out.columns.fields.push_back(*made);
    source_of.push_back(bound->as_column());
  }
  if (!ok) return;
  out.poisoned = false;
  carry_properties(input, source_of, out);
}

void plan_validate(step_site& site) {
  const stream& input = *site.inputs[0];
  object_view validate = site.step.object("validate");
  object_view on_violation = validate.object("onViolation");
  object_view flag = validate.has("flag") ? validate.object("flag") : on_violation.object("flag");
  diagnostics& problems = site.context.problems;
  expression_binder binder(site.context);
  proto::Validate& message = *site.made.node.mutable_validate();
  stream& out = site.made.out;
  out = input;
  bool ok = true;
  if (validate.has("flag") && validate.has("onViolation")) {
    problems.error(codes::excluded_key, validate.at("flag"), "`flag` and `onViolation` are both given", "keep one of them");
    ok = false;
  }
  message.set_flag(flag.node() != nullptr);
  std::set<std::string> ids, repaired;
  const object_descriptor& rule_descriptor = *validate.descriptor().find("rules")->shape.element->object;
  for (const yaml_node& item : validate.get("rules")->items) {
    object_view rule(&item, rule_descriptor);
    proto::Rule* made = message.add_rules();
    made->set_id(rule.text("id"));
    if (!ids.insert(made->id()).second) {
      problems.error(codes::duplicate_name, rule.get("id")->at, "two rules are called `" + made->id() + "`");
      ok = false;
    }
    const yaml_node& check = *rule.get("check");
    expression_ptr bound = binder.bind_condition(check, scope_of(out.columns), "a check");
    if (!bound || !binder.check_deterministic(check, *bound, input)) ok = false;
    *made->mutable_check() = binder.message(check);
    if (const yaml_node* reason = rule.get("message")) {
      expression_ptr text = binder.bind(*reason, scope_of(out.columns), data_type{type_id::text});
      if (!text || !binder.check_deterministic(*reason, *text, input)) ok = false;
      *made->mutable_message() = binder.message(*reason);
    }
    if (const yaml_node* repair = rule.get("repair")) {
      if (!message.flag()) {
        problems.error(codes::excluded_key, rule.at("repair"), "a rejected row is not repaired",
                       "use onViolation: {flag: {column: NAME}}");
        ok = false;
      }
      schema after = out.columns;
      for (const yaml_node::entry& entry : repair->entries) {
        const int index = out.columns.find(entry.key);
        if (index < 0) {
          problems.error(codes::unknown_column, entry.at, "no column `" + entry.key + "` to repair", {},
                         nearest_names(entry.key, names_of(out.columns)));
          ok = false;
          continue;
        }
        field& column = after.fields[static_cast<size_t>(index)];
        expression_ptr value = binder.bind(entry.value, scope_of(out.columns), column.type);
        if (!value || !binder.check_deterministic(entry.value, *value, input)) {
          ok = false;
          continue;
        }
        column.nullable = column.nullable || value->nullable();
        repaired.insert(entry.key);
        proto::NamedExpression* named = made->add_repairs();
        named->set_name(entry.key);
        *named->mutable_value() = binder.message(entry.value);
      }
      out.columns = std::move(after);
    }
    if (!message.flag()) refine_not_null(check.text, out.columns);
  }
  if (message.flag()) {
    message.set_flag_column(flag.text("column"));
    message.set_separator(flag.text("separator"));
    message.set_none(flag.text("none"));
    if (input.columns.find(message.flag_column()) >= 0) {
      problems.error(codes::duplicate_column, flag.at("column"), "the input has a column `" + message.flag_column() + "` already");
      ok = false;
    }
    out.columns.fields.push_back({message.flag_column(), {type_id::text}, false});
  }
  if (repaired.contains(out.event_time)) out.event_time.clear();
  if (out.upsert_key)
    for (const std::string& name : *out.upsert_key)
      if (repaired.contains(name)) {
        out.upsert_key.reset();
        out.no_key_reason = "the column `" + name + "` of its key is repaired";
        break;
      }
  out.poisoned = !ok;
}

}  // namespace systole
