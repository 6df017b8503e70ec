#include "plan/optimizer.h"

#include <algorithm>
#include <map>

#include "expr/quoting.h"
#include "plan/cannot_fail.h"
#include "plan/diagnostic.h"
#include "plan/diagnostic_codes.h"
#include "plan/expression_binder.h"
#include "plan/expression_walk.h"
#include "plan/sql_tokens.h"

namespace systole {
namespace {

using column_set = std::set<std::string>;

struct aliases {
  std::string left, right;
};
aliases aliases_of(const proto::Node& node) {
  switch (node.operation_case()) {
    case proto::Node::kIntervalJoin: return {node.interval_join().left_alias(), node.interval_join().right_alias()};
    case proto::Node::kRegularJoin: return {node.regular_join().left_alias(), node.regular_join().right_alias()};
    case proto::Node::kTableJoin: return {node.table_join().stream_alias(), node.table_join().table_alias()};
    default: return {};
  }
}

bool passes_columns_through(const proto::Node& node) {
  return node.has_filter() || node.has_deduplicate() || node.has_validate() || node.has_union_();
}

/// Leaves out nodes that no sink needs, in the same order.
void drop_unneeded(logical_plan& plan) {
  std::vector<bool> needed(plan.nodes.size());
  for (size_t i = plan.nodes.size(); i-- > 0;) {
    if (plan.nodes[i].is_sink && plan.nodes[i].out.enabled) needed[i] = true;
    if (needed[i])
      for (size_t input : plan.nodes[i].inputs) needed[input] = true;
  }
  std::vector<size_t> moved(plan.nodes.size());
  std::vector<logical_node> kept;
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    if (!needed[i]) continue;
    moved[i] = kept.size();
    kept.push_back(std::move(plan.nodes[i]));
    for (size_t& input : kept.back().inputs) input = moved[input];
  }
  if (plan.dead_letter) plan.dead_letter = moved[*plan.dead_letter];
  plan.nodes = std::move(kept);
}

std::vector<std::vector<size_t>> consumers_of(const logical_plan& plan) {
  std::vector<std::vector<size_t>> consumers(plan.nodes.size());
  for (size_t i = 0; i < plan.nodes.size(); ++i)
    for (size_t input : plan.nodes[i].inputs) consumers[input].push_back(i);
  return consumers;
}

/// Moves filters into the source where nothing else reads it and no row can make them fail.
void push_filters(logical_plan& plan) {
  auto consumers = consumers_of(plan);
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    logical_node& filter = plan.nodes[i];
    if (!filter.node.has_filter() || filter.inputs.empty()) continue;
    const size_t from = filter.inputs[0];
    logical_node& source = plan.nodes[from];
    if (!source.node.has_source() || consumers[from].size() != 1 || !cannot_fail(filter.node.filter().predicate().sql())) continue;
    proto::Expression& predicate = *source.node.mutable_source()->mutable_predicate();
    if (predicate.sql().empty()) predicate = filter.node.filter().predicate();
    else predicate.set_sql("(" + predicate.sql() + ") AND (" + filter.node.filter().predicate().sql() + ")");
    source.out.columns = filter.out.columns;  // what IS NOT NULL says of them
    for (size_t consumer : consumers[i]) {
      for (size_t& input : plan.nodes[consumer].inputs)
        if (input == i) input = from;
    }
    consumers[from] = consumers[i];
    consumers[i].clear();
    filter.inputs.clear();
    filter.node.clear_operation();
  }
  drop_unneeded(plan);
}

std::vector<column_set> live_columns(const logical_plan& plan) {
  std::vector<column_set> live(plan.nodes.size());
  for (size_t i = plan.nodes.size(); i-- > 0;) {
    const logical_node& node = plan.nodes[i];
    for (size_t k = 0; k < node.inputs.size(); ++k) live[node.inputs[k]].merge(columns_needed(plan, node, k, live[i]));
  }
  return live;
}

/// Removes copies of columns that nothing reads; computed columns stay, for they may reject a row.
void drop_dead_fields(logical_plan& plan, const std::vector<column_set>& live) {
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    logical_node& node = plan.nodes[i];
    auto* fields = output_fields(node.node);
    if (!fields) continue;
    for (int f = fields->size(); f-- > 0;) {
      const proto::NamedExpression& named = fields->Get(f);
      if (live[i].contains(named.name()) || !bare_column(named.value().sql()) || fields->size() == 1) continue;
      if (node.node.has_over() || node.node.has_expand()) {
        // A call's column is computed, though its name is bare.
        const auto bare = bare_column(named.value().sql());
        if (plan.nodes[node.inputs[0]].out.columns.find(bare->second) < 0) continue;
      }
      auto& columns = node.out.columns.fields;
      columns.erase(std::find_if(columns.begin(), columns.end(), [&](const field& c) { return c.name == named.name(); }));
      fields->DeleteSubrange(f, 1);
    }
  }
}

void restrict_source(logical_node& node, const column_set& live) {
  proto::Source& source = *node.node.mutable_source();
  column_set wanted = live;
  for (const std::string& name : node.reads_always) wanted.insert(name);
  auto read = [&](const proto::Expression& expression) {
    for (const auto& [qualifier, name] : referenced_columns(expression.sql())) wanted.insert(name);
  };
  if (source.needs_ingestion_time()) read(source.ingestion_time());
  else source.clear_ingestion_time();
  read(source.predicate());
  auto is_wanted = [&](const proto::SourceColumn& column) { return wanted.contains(column.field().name()); };
  if (std::none_of(source.columns().begin(), source.columns().end(), is_wanted)) {
    // A row needs a column: the cheapest to decode.
    const proto::SourceColumn* cheapest = &source.columns(0);
    for (const proto::SourceColumn& column : source.columns())
      if (!type_of(column.field().type()).is_text_like() && !column.checked_only()) {
        cheapest = &column;
        break;
      }
    wanted.insert(cheapest->field().name());
  }
  schema kept;
  for (int c = source.columns_size(); c-- > 0;) {
    if (is_wanted(source.columns(c))) continue;
    if (node.strict) source.mutable_columns(c)->set_checked_only(true);
    else source.mutable_columns()->DeleteSubrange(c, 1);
  }
  for (const field& column : node.out.columns.fields)
    if (wanted.contains(column.name)) kept.fields.push_back(column);
  node.out.columns = std::move(kept);
}

/// Recomputes what follows from the inputs' columns.
void derive(const logical_plan& plan, logical_node& node) {
    if (node.inputs.empty()) return;
    const stream& first = plan.nodes[node.inputs[0]].out;
    if (node.is_sink) {
      node.out.columns = first.columns;
    } else if (node.node.has_union_()) {
      schema kept;
      for (const field& column : node.out.columns.fields) {
        const bool everywhere = std::all_of(node.inputs.begin(), node.inputs.end(), [&](size_t input) {
          return plan.nodes[input].out.columns.find(column.name) >= 0;
        });
        if (everywhere) kept.fields.push_back(column);
      }
      node.out.columns = std::move(kept);
    } else if (passes_columns_through(node.node)) {
      schema kept;
      for (const field& column : node.out.columns.fields)
        if (first.columns.find(column.name) >= 0 || (node.node.has_validate() && column.name == node.node.validate().flag_column()))
          kept.fields.push_back(column);
      node.out.columns = std::move(kept);
    }
    auto fill = [&](auto& message) {
      *message.mutable_left_schema() = schema_message(first.columns);
      *message.mutable_right_schema() = schema_message(plan.nodes[node.inputs[1]].out.columns);
    };
    if (node.node.has_interval_join()) fill(*node.node.mutable_interval_join());
    if (node.node.has_regular_join()) fill(*node.node.mutable_regular_join());
    if (node.node.has_table_join()) {
      *node.node.mutable_table_join()->mutable_stream_schema() = schema_message(first.columns);
      *node.node.mutable_table_join()->mutable_table_schema() = schema_message(plan.nodes[node.inputs[1]].out.columns);
    }
    if (node.out.upsert_key)
      for (const std::string& name : *node.out.upsert_key)
        if (node.out.columns.find(name) < 0) {
          node.out.upsert_key.reset();
          break;
        }
    if (node.out.columns.find(node.out.event_time) < 0) node.out.event_time.clear();
  }

void derive(logical_plan& plan) {
  for (logical_node& node : plan.nodes) derive(plan, node);
}

/// Removes copies of columns that the source no longer gives, and derives each node's columns.
void drop_missing_fields(logical_plan& plan) {
  for (logical_node& node : plan.nodes) {
    if (auto* fields = output_fields(node.node); fields && !node.inputs.empty()) {
      const aliases names = aliases_of(node.node);
      std::set<std::string> own{node.node.expand().series_column()};
      for (const proto::OverCall& call : node.node.over().calls()) own.insert(call.name());
      for (int f = fields->size(); f-- > 0;) {
        const auto bare = bare_column(fields->Get(f).value().sql());
        if (!bare || own.contains(bare->second)) continue;
        bool found = false;
        for (size_t k = 0; k < node.inputs.size(); ++k) {
          const bool meant = bare->first.empty() || bare->first == (k == 0 ? names.left : names.right);
          found = found || (meant && plan.nodes[node.inputs[k]].out.columns.find(bare->second) >= 0);
        }
        if (found) continue;
        auto& columns = node.out.columns.fields;
        columns.erase(std::find_if(columns.begin(), columns.end(),
                                   [&](const field& c) { return c.name == fields->Get(f).name(); }));
        fields->DeleteSubrange(f, 1);
      }
    }
    derive(plan, node);
  }
}

/// A project step of `step` that gives `columns` of `from`, cast where the type differs.
logical_node make_projection(const logical_node& from, size_t from_index, const std::string& step, const std::string& role,
                             const schema& columns) {
  logical_node made;
  made.node.set_step(step);
  made.node.set_role(role);
  made.inputs = {from_index};
  made.out.changelog = from.out.changelog;
  std::vector<int> source_of;
  for (const field& column : columns.fields) {
    proto::NamedExpression* named = made.node.mutable_project()->add_fields();
    named->set_name(column.name);
    const int index = from.out.columns.find(column.name);
    const field& source = from.out.columns.fields[static_cast<size_t>(index)];
    const std::string sql = quote_name(column.name);
    named->mutable_value()->set_sql(source.type == column.type ? sql : cast_sql(sql, column.type));
    made.out.columns.fields.push_back({column.name, column.type, source.nullable});
    source_of.push_back(source.type == column.type ? index : -1);
  }
  carry_properties(from.out, source_of, made.out);
  return made;
}

bool keeps_rows(const proto::Node& node) {
  return node.has_interval_join() || node.has_regular_join() || node.has_over() ||
         (node.has_deduplicate() && (node.deduplicate().keep_last() || node.deduplicate().order_by_size() > 0));
}
bool is_keyed(const proto::Node& node) {
  return keeps_rows(node) || node.has_deduplicate() || node.has_aggregate() || node.has_window();
}

/// Inserts projections: where a union's inputs differ in shape, and (optimised) before rows are kept or sent.
void insert_projections(logical_plan& plan, bool optimise, bool exchanges) {
  const std::vector<column_set> live = live_columns(plan);
  logical_plan made;
  std::vector<size_t> moved(plan.nodes.size());
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    logical_node node = plan.nodes[i];
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      const size_t from = moved[node.inputs[k]];
      node.inputs[k] = from;
      const schema& given = made.nodes[from].out.columns;
      const std::string suffix = plan.nodes[i].inputs.size() > 1 ? std::to_string(k) : std::string();
      auto insert = [&](const std::string& role, const schema& columns) {
        made.nodes.push_back(make_projection(made.nodes[from], from, node.node.step(), role, columns));
        node.inputs[k] = made.nodes.size() - 1;
      };
      if (node.node.has_union_()) {
        const bool same = std::equal(given.fields.begin(), given.fields.end(), node.out.columns.fields.begin(),
                                     node.out.columns.fields.end(), [](const field& a, const field& b) {
                                       return a.name == b.name && a.type == b.type;
                                     });
        if (!same) insert("arrange" + suffix, node.out.columns);
        continue;
      }
      if (!optimise || !(keeps_rows(node.node) || (exchanges && is_keyed(node.node)))) continue;
      column_set needed = columns_needed(plan, plan.nodes[i], k, live[i]);
      schema kept;
      for (const field& column : given.fields)
        if (needed.contains(column.name)) kept.fields.push_back(column);
      if (kept.fields.empty()) kept.fields.push_back(given.fields[0]);
      if (kept.fields.size() < given.fields.size()) insert("columns" + suffix, kept);
    }
    moved[i] = made.nodes.size();
    made.nodes.push_back(std::move(node));
  }
  if (plan.dead_letter) made.dead_letter = moved[*plan.dead_letter];
  plan = std::move(made);
}

/// Tells the sources what hidden columns their rows need.
void mark_source_needs(logical_plan& plan) {
  std::vector<bool> position(plan.nodes.size()), arrival(plan.nodes.size());
  for (size_t i = plan.nodes.size(); i-- > 0;) {
    logical_node& node = plan.nodes[i];
    const bool orders_ties = node.node.has_over() || (node.node.has_deduplicate() && keeps_rows(node.node));
    bool reads_position = orders_ties, reads_arrival = false;
    if (!node.node.has_source()) {
      for_each_expression(node.node, [&](const proto::Expression& expression, int) {
        if (expression.sql().find("ingestion_time") != std::string::npos) reads_arrival = true;
        if (expression.sql().find("source_position") != std::string::npos) reads_position = true;
      });
    }
    for (size_t input : node.inputs) {
      if (position[i] || reads_position) position[input] = true;
      if (arrival[i] || reads_arrival) arrival[input] = true;
    }
    if (!node.node.has_source()) continue;
    proto::Source& source = *node.node.mutable_source();
    source.set_needs_raw(plan.dead_letter.has_value());
    source.set_needs_position(position[i] || plan.dead_letter.has_value());
    source.set_needs_ingestion_time(arrival[i]);
  }
}

}  // namespace

std::set<std::string> columns_needed(const logical_plan& plan, const logical_node& node, size_t input,
                                     const std::set<std::string>& live) {
  const schema& columns = plan.nodes[node.inputs[input]].out.columns;
  column_set needed;
  if (node.is_sink) {
    for (const field& column : columns.fields) needed.insert(column.name);
    return needed;
  }
  auto add = [&](const std::string& name) {
    if (columns.find(name) >= 0) needed.insert(name);
  };
  if (passes_columns_through(node.node))
    for (const std::string& name : live) add(name);
  const aliases names = aliases_of(node.node);
  const std::string& alias = input == 0 ? names.left : names.right;
  for_each_expression(node.node, [&](const proto::Expression& expression, int of) {
    if (of == made_columns || (of >= 0 && of != static_cast<int>(input))) return;
    for (const auto& [qualifier, name] : referenced_columns(expression.sql()))
      if (qualifier.empty() || qualifier == alias) add(name);
  });
  // A copy of a column that nothing reads is not a reader of it.
  proto::Node scratch;
  if (output_fields(const_cast<proto::Node&>(node.node))) {
    scratch = node.node;
    auto* fields = output_fields(scratch);
    for (int f = fields->size(); f-- > 0;) {
      const bool dead = !live.contains(fields->Get(f).name()) && bare_column(fields->Get(f).value().sql());
      if (dead) fields->DeleteSubrange(f, 1);
    }
    needed.clear();
    for_each_expression(scratch, [&](const proto::Expression& expression, int of) {
      if (of == made_columns || (of >= 0 && of != static_cast<int>(input))) return;
      for (const auto& [qualifier, name] : referenced_columns(expression.sql()))
        if (qualifier.empty() || qualifier == alias) add(name);
    });
  }
  return needed;
}

void warn_of_clock(const logical_plan& plan, diagnostics& problems) {
  logical_plan copy = plan;
  drop_unneeded(copy);
  mark_source_needs(copy);
  for (const logical_node& node : copy.nodes)
    if (node.node.has_source() && node.node.source().needs_ingestion_time() && !node.replayable)
      problems.warning(codes::not_replayable, node.at,
                       "the time of arrival of `" + node.node.step() + "` is the clock's: a second run differs",
                       "give the source an ingestionTime: an expression over its columns and param()");
}

void prepare_plan(logical_plan& plan, bool optimise, bool exchanges) {
  drop_unneeded(plan);
  if (optimise) push_filters(plan);
  mark_source_needs(plan);
  const std::vector<column_set> live = live_columns(plan);
  for (size_t i = 0; i < plan.nodes.size(); ++i)
    if (plan.nodes[i].node.has_source()) restrict_source(plan.nodes[i], live[i]);
  if (optimise) drop_dead_fields(plan, live);
  drop_missing_fields(plan);
  insert_projections(plan, optimise, exchanges);
  derive(plan);
}

}  // namespace systole
