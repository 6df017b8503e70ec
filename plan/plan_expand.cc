#include <algorithm>

#include "plan/diagnostic_codes.h"
#include "expr/quoting.h"
#include "plan/expression_binder.h"
#include "plan/plan_context.h"
#include "plan/sql_tokens.h"

namespace systole {
namespace {

std::vector<std::string> names_of(const yaml_node& map) {
  std::vector<std::string> names;
  for (const yaml_node::entry& entry : map.entries) names.push_back(entry.key);
  return names;
}

void expand_branches(step_site& site, const object_descriptor& descriptor) {
  const stream& input = *site.inputs[0];
  diagnostics& problems = site.context.problems;
  expression_binder binder(site.context);
  stream& out = site.made.out;
  proto::Expand& message = *site.made.node.mutable_expand();
  bool ok = true;
  const yaml_node* first = nullptr;
  std::vector<std::vector<data_type>> types;  // by branch, then column
  for (const yaml_node& item : site.operation->items) {
    object_view branch(&item, descriptor);
    proto::Expand::Branch* made = message.add_branches();
    if (const yaml_node* when = branch.get("when")) {
      expression_ptr bound = binder.bind_condition(*when, scope_of(input.columns), "`when`");
      if (!bound || !binder.check_deterministic(*when, *bound, input)) ok = false;
      *made->mutable_when() = binder.message(*when);
    }
    const yaml_node& fields = *branch.get("fields");
    if (!first) {
      first = &fields;
      for (const yaml_node::entry& entry : fields.entries) out.columns.fields.push_back({entry.key, {type_id::null}, false});
    }
    for (const yaml_node::entry& entry : fields.entries)
      if (out.columns.find(entry.key) < 0) {
        problems.error(codes::unknown_column, entry.at, "the first branch has no column `" + entry.key + "`",
                       "all branches have the same columns", nearest_names(entry.key, names_of(*first)));
        ok = false;
      }
    std::vector<data_type>& row = types.emplace_back();
    for (field& column : out.columns.fields) {
      const yaml_node* scalar = fields.find(column.name);
      proto::NamedExpression* named = made->add_fields();
      named->set_name(column.name);
      row.push_back({type_id::null});
      if (!scalar) {
        problems.error(codes::missing_key, fields.at, "this branch has no column `" + column.name + "`",
                       "all branches have the same columns; NULL is a value");
        ok = false;
        continue;
      }
      expression_ptr bound = binder.bind(*scalar, scope_of(input.columns));
      if (!bound || !binder.check_deterministic(*scalar, *bound, input)) {
        ok = false;
        continue;
      }
      *named->mutable_value() = binder.message(*scalar);
      row.back() = bound->type();
      column.nullable = column.nullable || bound->nullable();
      std::optional<data_type> common = wider_type(column.type, bound->type());
      if (!common) {
        binder.report(*scalar, 0, codes::column_type,
                      "`" + column.name + "` is " + to_string(column.type) + " in a branch before and " +
                          to_string(bound->type()) + " here",
                      "cast one of them: (...)::" + to_string(column.type));
        ok = false;
        continue;
      }
      column.type = *common;
    }
  }
  for (size_t c = 0; ok && c < out.columns.fields.size(); ++c) {
    const field& column = out.columns.fields[c];
    if (column.type.is(type_id::null) || column.type.is(type_id::timestamp)) {
      binder.report(*first->find(column.name), 0, codes::column_type,
                    column.type.is(type_id::null) ? "the type of `" + column.name + "` is unknown"
                                                  : "`" + column.name + "` is a TIMESTAMP without zone, which no column can be",
                    column.type.is(type_id::null) ? "give it one: NULL::text" : "append AT TIME ZONE 'UTC'");
      ok = false;
    }
    for (size_t b = 0; b < types.size(); ++b) {
      if (types[b][c] == column.type) continue;
      proto::Expression* value = message.mutable_branches(static_cast<int>(b))->mutable_fields(static_cast<int>(c))->mutable_value();
      value->set_sql(cast_sql(value->sql(), column.type));
    }
  }
  out.has_event_time = input.has_event_time;
  out.bounded = input.bounded;
  out.no_key_reason = "a row may match several branches";
  out.poisoned = !ok;
}

void expand_series(step_site& site, const object_view& expand) {
  const stream& input = *site.inputs[0];
  expression_binder binder(site.context);
  object_view series = expand.object("generateSeries");
  stream& out = site.made.out;
  proto::Expand& message = *site.made.node.mutable_expand();
  const yaml_node& from_node = *series.get("from");
  const yaml_node& to_node = *series.get("to");
  expression_ptr from = binder.bind(from_node, scope_of(input.columns));
  expression_ptr to = binder.bind(to_node, scope_of(input.columns));
  if (!from || !to || !binder.check_deterministic(from_node, *from, input) || !binder.check_deterministic(to_node, *to, input))
    return;
  std::optional<data_type> type = wider_type(from->type(), to->type());
  const bool known = type && (type->is(type_id::date) || type->is(type_id::timestamptz) || type->is_number());
  if (!known) {
    binder.report(from_node, 0, codes::wrong_type,
                  "a series is of numbers, dates or times, not from " + to_string(from->type()) + " to " + to_string(to->type()));
    return;
  }
  *message.mutable_series_from() = binder.message(from_node, from->type() == *type ? from_node.text : cast_sql(from_node.text, *type));
  *message.mutable_series_to() = binder.message(to_node, to->type() == *type ? to_node.text : cast_sql(to_node.text, *type));
  if (const yaml_node* step_node = series.get("step")) {
    expression_ptr step = binder.bind(*step_node, scope_of(input.columns));
    if (!step || !binder.check_deterministic(*step_node, *step, input)) return;
    const bool interval = step->type().is(type_id::interval);
    const bool whole = step->type().is(type_id::int32) || step->type().is(type_id::int64);
    const bool fits = type->is_number() ? step->type().is_number() : type->is(type_id::date) ? interval || whole : interval;
    if (!fits) {
      binder.report(*step_node, 0, codes::wrong_type, "a step of " + to_string(step->type()) + " does not fit " + to_string(*type),
                    type->is_number() ? "" : "INTERVAL '1 day'");
      return;
    }
    *message.mutable_series_step() = binder.message(*step_node);
  } else if (type->is(type_id::timestamptz)) {
    site.context.problems.error(codes::missing_key, series.at(), "a series of times needs `step`", "INTERVAL '1 hour'");
    return;
  } else {
    message.mutable_series_step()->set_sql(series.text("step"));
  }
  message.set_series_column(series.text("as"));
  if (input.columns.find(message.series_column()) >= 0) {
    site.context.problems.error(codes::duplicate_column, series.at("as"),
                                "the input has a column `" + message.series_column() + "` already", "name it by `as`");
    return;
  }
  stream with_series = input;
  with_series.columns.fields.push_back({message.series_column(), *type, false});
  if (with_series.upsert_key) with_series.upsert_key->push_back(message.series_column());
  std::vector<int> source_of;
  bool ok = true;
  if (const yaml_node* fields = expand.get("fields")) {
    for (const yaml_node::entry& entry : fields->entries) {
      expression_ptr bound = binder.bind(entry.value, scope_of(with_series.columns));
      std::optional<field> column = bound ? binder.column(entry.value, entry.key, *bound) : std::nullopt;
      if (!column || !binder.check_deterministic(entry.value, *bound, input)) {
        ok = false;
        continue;
      }
      proto::NamedExpression* named = message.add_series_fields();
      named->set_name(entry.key);
      *named->mutable_value() = binder.message(entry.value);
      out.columns.fields.push_back(*column);
      source_of.push_back(bound->as_column());
    }
  } else {
    for (size_t i = 0; i < with_series.columns.fields.size(); ++i) {
      const field& column = with_series.columns.fields[i];
      proto::NamedExpression* named = message.add_series_fields();
      named->set_name(column.name);
      named->mutable_value()->set_sql(quote_name(column.name));
      out.columns.fields.push_back(column);
      source_of.push_back(static_cast<int>(i));
    }
  }
  if (!ok) return;
  carry_properties(with_series, source_of, out);
  out.poisoned = false;
}

}  // namespace

void plan_expand(step_site& site) {
  site.made.out.changelog = site.inputs[0]->changelog;
  site.made.out.poisoned = true;
  const value_shape& shape = site.step.descriptor().find("expand")->shape;
  if (site.operation->is_sequence()) expand_branches(site, *shape.alternatives[0]->element->object);
  else expand_series(site, object_view(site.operation, *shape.alternatives[1]->object));
}

}  // namespace systole
