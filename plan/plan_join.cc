#include <algorithm>

#include "plan/diagnostic_codes.h"
#include "expr/quoting.h"
#include "plan/expression_binder.h"
#include "plan/join_condition.h"
#include "plan/plan_context.h"

namespace systole {
namespace {

/// The output columns of a join: what each is a copy of, as an index into left then right columns.
struct join_output {
  std::vector<int> source_of;
  google::protobuf::RepeatedPtrField<proto::NamedExpression> fields;
};

std::optional<join_output> join_fields(step_site& site, const object_view& join, const join_scope& scope, bool left_outer,
                                       bool over_changelog) {
  expression_binder binder(site.context);
  stream changes;
  changes.changelog = over_changelog;
  join_output output;
  bool ok = true;
  for (const yaml_node::entry& entry : join.get("fields")->entries) {
    expression_ptr bound = binder.bind(entry.value, scope.both(left_outer));
    std::optional<field> column = bound ? binder.column(entry.value, entry.key, *bound) : std::nullopt;
    if (!column || !binder.check_deterministic(entry.value, *bound, changes)) {
      ok = false;
      continue;
    }
    proto::NamedExpression* named = output.fields.Add();
    named->set_name(entry.key);
    *named->mutable_value() = binder.message(entry.value);
    site.made.out.columns.fields.push_back(*column);
    output.source_of.push_back(bound->as_column());
  }
  return ok ? std::optional(std::move(output)) : std::nullopt;
}

/// The output's name of a column (an index as in source_of), or of one that equals it; empty when there is none.
std::string output_name(const schema& output, const std::vector<int>& source_of, const std::vector<int>& equals) {
  for (int column : equals)
    for (size_t i = 0; i < source_of.size(); ++i)
      if (source_of[i] == column) return output.fields[i].name;
  return {};
}

/// Sets the join's upsert key from those of its inputs (see docs/decisions on changelog planning): when the right
/// keys cover the right input's upsert key, a left row matches one right row at most, so that the left key is the result's.
void infer_key(const stream& left, const stream& right, const join_equalities& keys, const std::vector<int>& source_of,
               bool left_outer, stream& out) {
  const int left_columns = static_cast<int>(left.columns.fields.size());
  auto covered = [](const stream& side, const std::vector<int>& columns) {
    return side.upsert_key && std::all_of(side.upsert_key->begin(), side.upsert_key->end(), [&](const std::string& name) {
             return std::find(columns.begin(), columns.end(), side.columns.find(name)) != columns.end();
           });
  };
  std::vector<int> wanted;
  auto want = [&](const stream& side, int shift) {
    for (const std::string& name : *side.upsert_key) wanted.push_back(side.columns.find(name) + shift);
  };
  if (left.upsert_key && covered(right, keys.right_column)) {
    want(left, 0);
  } else if (!left_outer && right.upsert_key && covered(left, keys.left_column)) {
    want(right, left_columns);
  } else if (left.upsert_key && right.upsert_key) {
    want(left, 0);
    want(right, left_columns);
  } else {
    out.no_key_reason = "an input of the join has no upsert key: " +
                        (left.upsert_key ? right.no_key_reason : left.no_key_reason);
    return;
  }
  std::vector<std::string> names;
  for (int column : wanted) {
    std::vector<int> equals{column};
    for (size_t k = 0; k < keys.left_column.size(); ++k) {
      if (keys.left_column[k] < 0 || keys.right_column[k] < 0) continue;
      if (column == keys.right_column[k] + left_columns) equals.push_back(keys.left_column[k]);
      if (column == keys.left_column[k] && !left_outer) equals.push_back(keys.right_column[k] + left_columns);
    }
    std::string name = output_name(out.columns, source_of, equals);
    if (name.empty()) {
      const bool is_left = column < left_columns;
      const std::string& missing =
          is_left ? left.columns.fields[static_cast<size_t>(column)].name
                  : right.columns.fields[static_cast<size_t>(column - left_columns)].name;
      out.no_key_reason = "the column `" + missing + "` of its key is not among the join's fields";
      return;
    }
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  out.upsert_key = std::move(names);
}

template <class Message>
void fill_keys(Message& message, const expression_binder& binder, const yaml_node& on, const join_equalities& keys) {
  for (const std::string& sql : keys.left) *message.add_left_keys() = binder.message(on, sql);
  for (const std::string& sql : keys.right) *message.add_right_keys() = binder.message(on, sql);
  if (!keys.residual.empty()) *message.mutable_residual() = binder.message(on, keys.residual);
}

class join_planner {
 public:
  join_planner(step_site& site)
      : site_(site),
        join_(site.step.object("join")),
        problems_(site.context.problems),
        binder_(site.context),
        left_(*site.inputs[0]),
        right_(*site.inputs[1]),
        left_outer_(join_.text("type") == "left"),
        scope_{site.aliases[0], site.aliases[1], &left_.columns, &right_.columns} {}

  void with_table() {
    if (join_.has("within") || join_.has("ttl")) {
      const std::string_view key = join_.has("within") ? "within" : "ttl";
      problems_.error(codes::excluded_key, join_.at(key), "`" + std::string(key) + "` has no meaning in a join with a table");
      return;
    }
    if (join_.text("onMissing") == "reject" && left_outer_) {
      problems_.error(codes::excluded_key, join_.at("onMissing"), "`onMissing: reject` needs `type: inner`",
                      "a left join keeps rows without match");
      return;
    }
    if (!right_.upsert_key) {
      problems_.error(codes::needs_primary_key, join_.at("table"), "a join needs the table's key",
                      "give the table a primaryKey: [...]");
      return;
    }
    const bool reemits = join_.text("onRefresh") == "reemit";
    if (reemits && !right_.refreshed) {
      problems_.error(codes::excluded_key, join_.at("onRefresh"), "`onRefresh: reemit` has no meaning for a table that is not refreshed",
                      "give the table `refresh`, or leave it out");
      return;
    }
    // What was emitted is taken back by the stream's key, whatever the table holds by then.
    const bool keeps_results = right_.refreshed && (left_.changelog || reemits);
    if (keeps_results && !left_.upsert_key) {
      problems_.error(codes::needs_primary_key, join_.at(reemits ? "onRefresh" : "table"),
                      reemits ? "`onRefresh: reemit` needs a stream with an upsert key, by which results are replaced"
                              : "the join of a changelog with a table that is refreshed needs the stream's upsert key",
                      left_.no_key_reason.empty() ? "deduplicate by a key before" : "the stream has none: " + left_.no_key_reason);
      return;
    }
    const bool changelog = left_.changelog || reemits;
    auto keys = split_join_condition(site_.context, *join_.get("on"), scope_);
    if (!keys) return;
    for (const std::string& name : *right_.upsert_key) {
      const int column = right_.columns.find(name);
      if (std::find(keys->right_column.begin(), keys->right_column.end(), column) != keys->right_column.end()) continue;
      binder_.report(*join_.get("on"), 0, codes::join_condition,
                     "`on` must give the table's whole key: " + scope_.right_alias + "." + name + " is missing");
      return;
    }
    auto output = join_fields(site_, join_, scope_, left_outer_, changelog);
    if (!output) return;
    proto::TableJoin& message = *site_.made.node.mutable_table_join();
    message.set_stream_alias(scope_.left_alias);
    message.set_table_alias(scope_.right_alias);
    for (const std::string& sql : keys->left) *message.add_stream_keys() = binder_.message(*join_.get("on"), sql);
    for (const std::string& sql : keys->right) *message.add_table_keys() = binder_.message(*join_.get("on"), sql);
    if (!keys->residual.empty()) *message.mutable_residual() = binder_.message(*join_.get("on"), keys->residual);
    message.set_left_outer(left_outer_);
    message.set_reject_missing(join_.text("onMissing") == "reject");
    message.set_table_changes(right_.refreshed);
    message.set_keeps_results(keeps_results);
    message.set_reemit(reemits);
    *message.mutable_fields() = output->fields;
    *message.mutable_stream_schema() = schema_message(left_.columns);
    *message.mutable_table_schema() = schema_message(right_.columns);
    if (changelog && left_.upsert_key)
      for (const std::string& name : *left_.upsert_key) message.add_upsert_key()->set_sql(quote_name(name));
    stream& out = site_.made.out;
    out.changelog = changelog;
    std::vector<int> left_source = output->source_of;
    for (int& column : left_source)
      if (column >= static_cast<int>(left_.columns.fields.size())) column = -1;
    carry_properties(left_, left_source, out);
    const bool has_key = left_.upsert_key.has_value();
    out.upsert_key.reset();
    infer_key(left_, right_, *keys, output->source_of, left_outer_, out);
    if (!has_key) out.no_key_reason = left_.no_key_reason;
    out.poisoned = false;
  }

  void interval() {
    if (left_outer_) {
      problems_.error(codes::not_in_this_build, join_.at("type"), "an outer join with `within` is not in this build",
                      "use type: inner");
      return;
    }
    for (size_t side = 0; side < 2; ++side) {
      const stream& input = *site_.inputs[side];
      if (input.changelog) {
        problems_.error(codes::needs_append, join_.at("within"),
                        "a join with `within` needs append-only inputs, `" + site_.aliases[side] + "` is a changelog",
                        "leave `within` out (and limit the state by ttl), or join before the step that makes it one");
        return;
      }
      if (!input.has_event_time) {
        problems_.error(codes::needs_event_time, join_.at("within"),
                        "a join with `within` needs event time, `" + site_.aliases[side] + "` has none",
                        "give the source a watermark: {column: ...}");
        return;
      }
    }
    auto keys = split_join_condition(site_.context, *join_.get("on"), scope_);
    auto interval = split_join_interval(site_.context, *join_.get("within"), scope_);
    auto output = join_fields(site_, join_, scope_, false, false);
    if (!keys || !interval || !output) return;
    warn_of_other_times(*interval);
    const yaml_node& within = *join_.get("within");
    proto::IntervalJoin& message = *site_.made.node.mutable_interval_join();
    message.set_left_alias(scope_.left_alias);
    message.set_right_alias(scope_.right_alias);
    fill_keys(message, binder_, *join_.get("on"), *keys);
    message.set_lower_us(interval->lower_us);
    message.set_upper_us(interval->upper_us);
    *message.mutable_left_time() = binder_.message(within, interval->left_time);
    *message.mutable_right_time() = binder_.message(within, interval->right_time);
    *message.mutable_fields() = output->fields;
    *message.mutable_left_schema() = schema_message(left_.columns);
    *message.mutable_right_schema() = schema_message(right_.columns);
    stream& out = site_.made.out;
    out.has_event_time = true;
    out.bounded = left_.bounded && right_.bounded;
    const int left_columns = static_cast<int>(left_.columns.fields.size());
    // The larger of both times: known where the bounds say which it is.
    if (interval->lower_us >= 0 && interval->right_column >= 0)
      out.event_time = output_name(out.columns, output->source_of, {interval->right_column + left_columns});
    else if (interval->upper_us <= 0 && interval->left_column >= 0)
      out.event_time = output_name(out.columns, output->source_of, {interval->left_column});
    infer_key(left_, right_, *keys, output->source_of, false, out);
    out.poisoned = false;
  }

  void regular() {
    auto keys = split_join_condition(site_.context, *join_.get("on"), scope_);
    auto output = join_fields(site_, join_, scope_, left_outer_, left_.changelog || right_.changelog || left_outer_);
    if (!keys || !output) return;
    proto::RegularJoin& message = *site_.made.node.mutable_regular_join();
    message.set_left_alias(scope_.left_alias);
    message.set_right_alias(scope_.right_alias);
    fill_keys(message, binder_, *join_.get("on"), *keys);
    message.set_left_outer(left_outer_);
    message.set_ttl_us(join_.duration_us("ttl"));
    *message.mutable_fields() = output->fields;
    *message.mutable_left_schema() = schema_message(left_.columns);
    *message.mutable_right_schema() = schema_message(right_.columns);
    stream& out = site_.made.out;
    out.changelog = left_.changelog || right_.changelog || left_outer_;
    out.bounded = left_.bounded && right_.bounded;
    out.has_event_time = left_.has_event_time && right_.has_event_time;
    infer_key(left_, right_, *keys, output->source_of, left_outer_, out);
    if (!out.bounded && message.ttl_us() == 0)
      problems_.warning(codes::growing_state, join_.at(),
                        "this join keeps every row of both inputs for ever",
                        "add within: ... (append-only inputs with event time) or ttl: 30d");
    out.poisoned = false;
  }

 private:
  void warn_of_other_times(const join_interval& interval) {
    auto differs = [](const stream& input, int column) {
      return column < 0 || input.event_time != input.columns.fields[static_cast<size_t>(column)].name;
    };
    if (differs(left_, interval.left_column) || differs(right_, interval.right_column))
      problems_.warning(codes::other_time_column, join_.at("within"),
                        "`within` compares times that are not the inputs' event times",
                        "rows are late, and forgotten, by event time: the two should not differ by much");
  }

  step_site& site_;
  object_view join_;
  diagnostics& problems_;
  expression_binder binder_;
  const stream& left_;
  const stream& right_;
  bool left_outer_;
  join_scope scope_;
};

}  // namespace

void plan_join(step_site& site, bool table_join) {
  site.made.out.poisoned = true;
  object_view join = site.step.object("join");
  diagnostics& problems = site.context.problems;
  const std::string type = join.text("type");
  if (type != "inner" && type != "left") {
    problems.error(codes::not_in_this_build, join.get("type")->at, "`type: " + type + "` is not in this build", "inner or left");
    return;
  }
  if (site.aliases[0] == site.aliases[1]) {
    problems.error(codes::duplicate_name, join.at(), "both inputs are called `" + site.aliases[0] + "`",
                   "inputs: {a: ..., b: ...}");
    return;
  }
  if (table_join) {
    join_planner(site).with_table();
    return;
  }
  for (std::string_view key : {"onMissing", "onRefresh"}) {
    if (!join.has(key)) continue;
    problems.error(codes::excluded_key, join.at(key), "`" + std::string(key) + "` is for a join with a table",
                   "name the table: table: {alias: table}");
    return;
  }
  if (join.has("within")) join_planner(site).interval();
  else join_planner(site).regular();
}

}  // namespace systole
