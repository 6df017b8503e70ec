// Steps that group rows: aggregate and window.
#include <algorithm>

#include "plan/diagnostic_codes.h"
#include "expr/quoting.h"
#include "plan/expression_binder.h"
#include "plan/plan_context.h"
#include "plan/sql_tokens.h"

namespace systole {
namespace {

/// What aggregate and window have in common.
struct grouping {
  schema keys;
  std::vector<aggregate_call> calls;
  std::vector<const yaml_node*> call_scalars;
  std::vector<int> output_source;   ///< per output column: the key that it is a copy of, or -1
  std::vector<std::string> output_window;  ///< per output column: window_start, ... that it is a copy of, or empty
};

using named_expressions = google::protobuf::RepeatedPtrField<proto::NamedExpression>;

bool group_keys(step_site& site, const yaml_node* key_by, grouping& group, named_expressions& made) {
  if (!key_by) return true;
  const stream& input = *site.inputs[0];
  expression_binder binder(site.context);
  bool ok = true;
  auto add = [&](const std::string* name, const yaml_node& scalar) {
    expression_ptr bound = binder.bind(scalar, scope_of(input.columns));
    if (!bound || !binder.check_deterministic(scalar, *bound, input)) {
      ok = false;
      return;
    }
    std::string chosen;
    if (name) {
      chosen = *name;
    } else if (bound->as_column() >= 0) {
      chosen = input.columns.fields[static_cast<size_t>(bound->as_column())].name;
    } else {
      binder.report(scalar, 0, codes::missing_key, "a key that is not a column needs a name",
                    "write keyBy as a mapping: {NAME: " + scalar.text + "}");
      ok = false;
      return;
    }
    if (group.keys.find(chosen) >= 0) {
      binder.report(scalar, 0, codes::duplicate_column, "the key `" + chosen + "` is given twice");
      ok = false;
      return;
    }
    std::optional<field> column = binder.column(scalar, chosen, *bound);
    if (!column) {
      ok = false;
      return;
    }
    group.keys.fields.push_back(*column);
    proto::NamedExpression* named = made.Add();
    named->set_name(chosen);
    *named->mutable_value() = binder.message(scalar);
  };
  for (const yaml_node& item : key_by->items) add(nullptr, item);
  for (const yaml_node::entry& entry : key_by->entries) add(&entry.key, entry.value);
  return ok;
}

/// Splits and binds the output columns; false after an error.
bool group_fields(step_site& site, const yaml_node* fields, bool windowed, grouping& group, named_expressions& made) {
  const stream& input = *site.inputs[0];
  expression_binder binder(site.context);
  schema& output = site.made.out.columns;
  bool ok = true;
  auto add_key = [&](size_t key) {
    const field& f = group.keys.fields[key];
    proto::NamedExpression* named = made.Add();
    named->set_name(f.name);
    named->mutable_value()->set_sql(quote_name(f.name));
    output.fields.push_back(f);
    group.output_source.push_back(static_cast<int>(key));
    group.output_window.emplace_back();
  };
  for (size_t key = 0; key < group.keys.fields.size(); ++key)
    if (!fields || !fields->find(group.keys.fields[key].name)) add_key(key);
  if (!fields) return true;
  expression_scope arguments = scope_of(input.columns);
  arguments.parameters = &site.context.parameters.values();
  arguments.allow_aggregates = true;
  for (const yaml_node::entry& entry : fields->entries) {
    const yaml_node& scalar = entry.value;
    const std::string sql = windowed ? window_calls_as_columns(scalar.text) : scalar.text;
    const size_t known_calls = group.calls.size();
    aggregate_split split = split_aggregates(sql, arguments, group.calls);
    if (!split.errors.empty()) {
      binder.report(scalar, split.errors, true, sql);
      ok = false;
      continue;
    }
    for (size_t c = known_calls; c < group.calls.size(); ++c) group.call_scalars.push_back(&scalar);
    expression_scope scope = scope_of(group.keys);
    for (const aggregate_call& call : group.calls)
      scope.columns.push_back({"", call.name, call.result_type, call.function != "count", static_cast<int>(scope.columns.size())});
    const size_t first_window = scope.columns.size();
    if (windowed)
      for (std::string_view name : {"window_start", "window_end", "window_time"})
        scope.columns.push_back({"", std::string(name), {type_id::timestamptz}, false, static_cast<int>(scope.columns.size())});
    // A column of the input outside of an aggregate function deserves its own message.
    bool misplaced = false;
    for (const auto& [qualifier, name] : referenced_columns(split.outer_sql)) {
      auto known = [&, &wanted = name](const scope_column& c) { return c.name == wanted; };
      if (std::any_of(scope.columns.begin(), scope.columns.end(), known) || input.columns.find(name) < 0) continue;
      const size_t offset = find_name(scalar.text, name);
      binder.report(scalar, offset == std::string::npos ? 0 : offset, codes::misplaced_aggregate,
                    "`" + name + "` is neither in keyBy nor within an aggregate function",
                    "add it to keyBy, or take max(" + name + ")");
      misplaced = true;
    }
    if (misplaced) {
      ok = false;
      continue;
    }
    expression_ptr bound = binder.bind_derived(split.outer_sql, scalar, scope);
    std::optional<field> column = bound ? binder.column(scalar, entry.key, *bound) : std::nullopt;
    if (!column) {
      ok = false;
      continue;
    }
    if (bound->reads_ingestion_time()) {
      binder.report(scalar, 0, codes::not_deterministic, "a group has no time of arrival", "aggregate it: max(ingestion_time())");
      ok = false;
      continue;
    }
    const int copy = bound->as_column();
    const bool is_key = copy >= 0 && static_cast<size_t>(copy) < group.keys.fields.size();
    if (group.keys.find(entry.key) >= 0 && !(is_key && group.keys.fields[static_cast<size_t>(copy)].name == entry.key)) {
      binder.report(scalar, 0, codes::duplicate_column, "`" + entry.key + "` is a key already", "choose another name");
      ok = false;
      continue;
    }
    proto::NamedExpression* named = made.Add();
    named->set_name(entry.key);
    *named->mutable_value() = binder.message(scalar, split.outer_sql);
    output.fields.push_back(*column);
    group.output_source.push_back(is_key ? copy : -1);
    group.output_window.push_back(copy >= 0 && static_cast<size_t>(copy) >= first_window
                                      ? scope.columns[static_cast<size_t>(copy)].name
                                      : std::string());
  }
  return ok;
}

/// Adds the calls to the plan; false when one is not deterministic over a changelog.
bool group_calls(step_site& site, const grouping& group, google::protobuf::RepeatedPtrField<proto::AggregateCall>& made) {
  expression_binder binder(site.context);
  const stream& input = *site.inputs[0];
  bool ok = true;
  for (size_t i = 0; i < group.calls.size(); ++i) {
    const aggregate_call& call = group.calls[i];
    const yaml_node& scalar = *group.call_scalars[i];
    proto::AggregateCall* message = made.Add();
    message->set_name(call.name);
    message->set_function(call.function);
    message->set_distinct(call.distinct);
    if (!call.argument.empty()) *message->mutable_argument() = binder.message(scalar, call.argument);
    if (!call.filter.empty()) *message->mutable_filter() = binder.message(scalar, call.filter);
    for (const std::string& sql : {call.argument, call.filter}) {
      if (sql.empty() || !input.changelog) continue;
      expression_ptr bound = binder.bind_derived(sql, scalar, scope_of(input.columns));
      if (!bound || !binder.check_deterministic(scalar, *bound, input)) ok = false;
    }
  }
  return ok;
}

/// The keys' names in the output, or nothing when one is missing there.
std::optional<std::vector<std::string>> key_in_output(const grouping& group, const schema& output) {
  std::vector<std::string> names;
  for (size_t key = 0; key < group.keys.fields.size(); ++key) {
    auto found = std::find(group.output_source.begin(), group.output_source.end(), static_cast<int>(key));
    if (found == group.output_source.end()) return std::nullopt;
    names.push_back(output.fields[static_cast<size_t>(found - group.output_source.begin())].name);
  }
  return names;
}

}  // namespace

void plan_aggregate(step_site& site) {
  const stream& input = *site.inputs[0];
  object_view aggregate = site.step.object("aggregate");
  object_view emit = aggregate.object("emit");
  stream& out = site.made.out;
  out.poisoned = true;
  proto::Aggregate& message = *site.made.node.mutable_aggregate();
  grouping group;
  const bool keys_ok = group_keys(site, aggregate.get("keyBy"), group, *message.mutable_key_by());
  if (!keys_ok) return;
  if (!group_fields(site, aggregate.get("fields"), false, group, *message.mutable_fields())) return;
  if (!group_calls(site, group, *message.mutable_calls())) return;
  if (out.columns.fields.empty()) {
    site.context.problems.error(codes::empty, aggregate.at(), "the result has no column", "give `keyBy` or `fields`");
    return;
  }
  message.set_emit_final(emit.text("mode") == "final");
  message.set_min_interval_us(emit.duration_us("minInterval"));
  message.set_emit_each_change(!emit.boolean("coalesce"));
  if (message.emit_final() && emit.has("minInterval")) {
    site.context.problems.error(codes::excluded_key, emit.at("minInterval"), "`minInterval` has no meaning with mode: final");
    return;
  }
  if (message.emit_final() && !input.bounded)
    site.context.problems.warning(codes::growing_state, emit.at(), "mode: final gives its results at the end of an input that has none",
                                  "use mode: onChange");
  out.changelog = !message.emit_final();
  out.bounded = input.bounded;
  out.upsert_key = key_in_output(group, out.columns);
  out.poisoned = false;
}

void plan_window(step_site& site) {
  const stream& input = *site.inputs[0];
  object_view window = site.step.object("window");
  diagnostics& problems = site.context.problems;
  stream& out = site.made.out;
  out.poisoned = true;
  if (!input.has_event_time) {
    problems.error(codes::needs_event_time, window.at(), "a window needs event time, its input has none",
                   "give the source a watermark: {column: ...}; a group aggregate's rows have no event time");
    return;
  }
  proto::Window& message = *site.made.node.mutable_window();
  const bool hops = window.has("hopping");
  object_view kind = window.object(hops ? "hopping" : "tumbling");
  message.set_size_us(kind.duration_us("size"));
  message.set_slide_us(hops ? kind.duration_us("slide") : message.size_us());
  message.set_offset_us(kind.duration_us("offset"));
  if (message.size_us() <= 0 || message.slide_us() <= 0) {
    problems.error(codes::out_of_range, kind.at(message.size_us() <= 0 ? "size" : "slide"), "a window is longer than 0s");
    return;
  }
  if (message.size_us() % message.slide_us() != 0) {
    problems.error(codes::out_of_range, kind.at("slide"),
                   "the size (" + format_duration(message.size_us()) + ") is not a multiple of the slide (" +
                       format_duration(message.slide_us()) + ")");
    return;
  }
  constexpr int64_t most_windows_of_a_row = 10'000;
  if (message.size_us() / message.slide_us() > most_windows_of_a_row) {
    problems.error(codes::out_of_range, kind.at("slide"), "a row would be in more than 10000 windows");
    return;
  }
  message.set_allowed_lateness_us(window.duration_us("allowedLateness"));
  message.set_on_late(window.text("onLate"));
  message.set_emit_on_time(window.object("emit").text("mode") == "onTime");
  grouping group;
  if (!group_keys(site, window.get("keyBy"), group, *message.mutable_key_by())) return;
  if (!group_fields(site, window.get("fields"), true, group, *message.mutable_fields())) return;
  if (!group_calls(site, group, *message.mutable_calls())) return;
  out.changelog = message.emit_on_time();
  out.bounded = input.bounded;
  out.has_event_time = true;
  std::optional<std::vector<std::string>> key = key_in_output(group, out.columns);
  std::string window_column;
  for (size_t i = 0; i < group.output_window.size(); ++i) {
    if (group.output_window[i] == "window_time") out.event_time = out.columns.fields[i].name;
    if (!group.output_window[i].empty() && window_column.empty()) window_column = out.columns.fields[i].name;
  }
  if (!key) out.no_key_reason = "a key of the window is not among its fields";
  else if (window_column.empty()) out.no_key_reason = "no field tells the window: add window_start: window_start()";
  else {
    key->push_back(window_column);
    out.upsert_key = std::move(key);
  }
  out.poisoned = false;
}

}  // namespace systole
