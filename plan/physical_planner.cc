#include "plan/physical_planner.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "expr/quoting.h"
#include "plan/expression_binder.h"
#include "plan/expression_walk.h"
#include "plan/join_condition.h"
#include "plan/sql_tokens.h"

namespace systole {
namespace {

using exchange = proto::Edge::Exchange;

/// How one node is laid out.
struct placed {
  uint32_t parallelism = 1;
  size_t stage = 0;                            ///< before numbering; see stage_of
  std::vector<std::string> partitioned_by;     ///< columns of its output; empty: unknown
  std::vector<exchange> exchanges;             ///< per input
  std::vector<std::vector<std::string>> keys;  ///< per input: hash keys over the from-node's output
};

class layout {
 public:
  layout(const logical_plan& logical, uint32_t parallelism) : logical_(logical), parallelism_(parallelism) {}

  std::vector<placed> run() {
    nodes_.resize(logical_.nodes.size());
    for (size_t i = 0; i < nodes_.size(); ++i) {
      placed& node = nodes_[i];
      const size_t inputs = logical_.nodes[i].inputs.size();
      node.exchanges.assign(inputs, proto::Edge::FORWARD);
      node.keys.resize(inputs);
      if (parallelism_ == 1) continue;  // one stage: 0
      place(i);
    }
    for (size_t i = 0; i < nodes_.size(); ++i) nodes_[i].stage = parallelism_ == 1 ? 0 : root(nodes_[i].stage);
    return std::move(nodes_);
  }

 private:
  size_t new_stage() {
    parents_.push_back(parents_.size());
    return parents_.size() - 1;
  }
  size_t root(size_t stage) const {
    while (parents_[stage] != stage) stage = parents_[stage];
    return stage;
  }

  /// True when stage `to` can be reached from stage `from` through exchanges among the nodes placed so far.
  bool reaches(size_t from, size_t to) const {
    std::set<size_t> reached{root(from)};
    for (size_t i = 0; i < nodes_.size(); ++i)
      for (size_t k = 0; k < logical_.nodes[i].inputs.size(); ++k) {
        const size_t source = logical_.nodes[i].inputs[k];
        if (!placed_.contains(i) || root(nodes_[i].stage) == root(nodes_[source].stage)) continue;
        if (reached.contains(root(nodes_[source].stage))) reached.insert(root(nodes_[i].stage));
      }
    return reached.contains(root(to));
  }

  /// Joins node `i` to the stage of input `k`. The other inputs must not come from behind that stage: a task would wait
  /// for itself.
  bool can_chain(size_t i, size_t k) const {
    const logical_node& node = logical_.nodes[i];
    for (size_t other = 0; other < node.inputs.size(); ++other)
      if (other != k && reaches(nodes_[node.inputs[k]].stage, nodes_[node.inputs[other]].stage) &&
          root(nodes_[node.inputs[other]].stage) != root(nodes_[node.inputs[k]].stage))
        return false;
    return true;
  }
  void chain(size_t i, size_t k) {
    const placed& input = nodes_[logical_.nodes[i].inputs[k]];
    nodes_[i].exchanges[k] = proto::Edge::FORWARD;
    nodes_[i].stage = root(input.stage);
    nodes_[i].parallelism = input.parallelism;
  }

  void place(size_t i) {
    const logical_node& node = logical_.nodes[i];
    if (node.inputs.empty()) place_source(i);
    else if (node.is_sink) place_sink(i);
    else if (node.node.has_deduplicate()) place_keyed(i, sql_of(node.node.deduplicate().key()));
    else if (node.node.has_aggregate()) place_keyed(i, sql_of(node.node.aggregate().key_by()));
    else if (node.node.has_window()) place_keyed(i, sql_of(node.node.window().key_by()));
    else if (node.node.has_over()) place_keyed(i, sql_of(node.node.over().partition_by()));
    else if (node.node.has_interval_join()) place_join(i, node.node.interval_join());
    else if (node.node.has_regular_join()) place_join(i, node.node.regular_join());
    else if (node.node.has_union_()) place_union(i);
    else place_row_step(i);
    placed_.insert(i);
    carry_partitioning(i);
  }

  void place_source(size_t i) {
    const logical_node& node = logical_.nodes[i];
    nodes_[i].stage = new_stage();
    const proto::Source& source = node.node.source();
    // One after another, one simulation, and small tables are read by one subtask.
    const bool single = node.is_table || !node.node.has_source() || source.order() == "byName" ||
                        source.kind() == proto::Source::GENERATOR;
    nodes_[i].parallelism = single ? 1 : parallelism_;
  }

  void place_row_step(size_t i) {
    const logical_node& node = logical_.nodes[i];
    if (node.node.has_table_join() && node.node.table_join().keeps_results()) place_keyed(i, sql_of(node.node.table_join().upsert_key()));
    else chain(i, 0);
    if (node.node.has_table_join() && root(nodes_[node.inputs[1]].stage) != root(nodes_[node.inputs[0]].stage))
      nodes_[i].exchanges[1] = proto::Edge::BROADCAST;
  }

  void gather(size_t i) {
    const placed& input = nodes_[logical_.nodes[i].inputs[0]];
    if (input.parallelism == 1) {
      chain(i, 0);
      return;
    }
    nodes_[i].exchanges[0] = proto::Edge::GATHER;
    nodes_[i].stage = new_stage();
    nodes_[i].parallelism = 1;
  }

  void hash(size_t i, std::vector<std::string> keys) {
    nodes_[i].exchanges[0] = proto::Edge::HASH;
    nodes_[i].keys[0] = std::move(keys);
    nodes_[i].stage = new_stage();
    nodes_[i].parallelism = parallelism_;
  }

  bool is_partitioned(size_t node, const std::vector<std::string>& keys) const {
    const std::vector<std::string> columns = columns_of(keys);
    return nodes_[node].parallelism == parallelism_ && !columns.empty() && columns == nodes_[node].partitioned_by;
  }

  void place_keyed(size_t i, std::vector<std::string> keys) {
    if (keys.empty()) gather(i);
    else if (is_partitioned(logical_.nodes[i].inputs[0], keys)) chain(i, 0);
    else hash(i, std::move(keys));
  }

  void place_sink(size_t i) {
    const logical_node& node = logical_.nodes[i];
    const proto::Sink& sink = node.node.sink();
    if (sink.kind() == proto::Sink::TABLE_FILE || sink.kind() == proto::Sink::CONSOLE ||
        sink.kind() == proto::Sink::METRICS) {
      gather(i);
      return;
    }
    const placed& input = nodes_[node.inputs[0]];
    const std::set<std::string> key(sink.key().begin(), sink.key().end());
    const bool together = input.parallelism == 1 || key.empty() ||
                          (!input.partitioned_by.empty() &&
                           std::all_of(input.partitioned_by.begin(), input.partitioned_by.end(),
                                       [&](const std::string& name) { return key.contains(name); }));
    if (together) {
      chain(i, 0);
      return;
    }
    std::vector<std::string> keys;
    for (const std::string& name : sink.key()) keys.push_back(quote_name(name));
    hash(i, std::move(keys));
  }

  template <class Message>
  void place_join(size_t i, const Message& message) {
    const logical_node& node = logical_.nodes[i];
    std::vector<std::string> left, right;
    for (const proto::Expression& key : message.left_keys()) left.push_back(without_qualifier(key.sql(), message.left_alias()));
    for (const proto::Expression& key : message.right_keys()) right.push_back(without_qualifier(key.sql(), message.right_alias()));
    placed& made = nodes_[i];
    const bool left_ready = is_partitioned(node.inputs[0], left) && can_chain(i, 0);
    const bool right_ready = is_partitioned(node.inputs[1], right) && can_chain(i, 1);
    const bool same_stage = root(nodes_[node.inputs[0]].stage) == root(nodes_[node.inputs[1]].stage);
    made.exchanges = {proto::Edge::HASH, proto::Edge::HASH};
    made.keys = {left, right};
    if (left_ready) {
      chain(i, 0);
      made.keys[0].clear();
      if (right_ready && same_stage) {
        made.exchanges[1] = proto::Edge::FORWARD;
        made.keys[1].clear();
      } else if (same_stage) {
        // A task cannot send to its own stage: both sides are sent to a new one.
        made.exchanges = {proto::Edge::HASH, proto::Edge::HASH};
        made.keys = {left, right};
        made.stage = new_stage();
      }
    } else if (right_ready && !same_stage) {
      chain(i, 1);
      made.keys[1].clear();
    } else {
      made.stage = new_stage();
    }
    made.parallelism = parallelism_;
  }

  void place_union(size_t i) {
    const logical_node& node = logical_.nodes[i];
    const uint32_t parallelism = nodes_[node.inputs[0]].parallelism;
    bool mergeable = true;
    for (size_t a : node.inputs) {
      if (nodes_[a].parallelism != parallelism) mergeable = false;
      for (size_t b : node.inputs)
        if (root(nodes_[a].stage) != root(nodes_[b].stage) && reaches(nodes_[a].stage, nodes_[b].stage)) mergeable = false;
    }
    if (mergeable) {
      for (size_t input : node.inputs) parents_[root(nodes_[input].stage)] = root(nodes_[node.inputs[0]].stage);
      nodes_[i].stage = root(nodes_[node.inputs[0]].stage);
      nodes_[i].parallelism = parallelism;
      return;
    }
    nodes_[i].stage = new_stage();
    nodes_[i].parallelism = parallelism_;
    for (exchange& e : nodes_[i].exchanges) e = proto::Edge::REBALANCE;
  }

  /// The columns that keys are, or nothing where one is an expression.
  static std::vector<std::string> columns_of(const std::vector<std::string>& keys) {
    std::vector<std::string> columns;
    for (const std::string& sql : keys) {
      auto column = bare_column(sql);
      if (!column) return {};
      columns.push_back(column->second);
    }
    return columns;
  }
  template <class List>
  static std::vector<std::string> sql_of(const List& list) {
    std::vector<std::string> keys;
    for (const auto& item : list) {
      if constexpr (requires { item.sql(); }) keys.push_back(item.sql());
      else keys.push_back(item.value().sql());
    }
    return keys;
  }

  /// Renames the partitioning columns through the node's own output; forgets them where one is lost.
  void carry_partitioning(size_t i) {
    const logical_node& node = logical_.nodes[i];
    placed& made = nodes_[i];
    if (node.inputs.empty() || made.parallelism == 1 || node.node.has_union_()) return;
    std::vector<std::string> before = made.exchanges[0] == proto::Edge::HASH ? columns_of(made.keys[0])
                                      : made.exchanges[0] == proto::Edge::FORWARD ? nodes_[node.inputs[0]].partitioned_by
                                                                                  : std::vector<std::string>();
    proto::Node scratch = node.node;
    const google::protobuf::RepeatedPtrField<proto::NamedExpression>* fields = output_fields(scratch);
    std::vector<std::pair<std::string, std::string>> renamed_keys;
    if (node.node.has_aggregate() || node.node.has_window()) {
      const auto& group_keys = node.node.has_aggregate() ? node.node.aggregate().key_by() : node.node.window().key_by();
      for (std::string& name : before)
        for (const proto::NamedExpression& key : group_keys) {
          auto column = bare_column(key.value().sql());
          if (column && column->second == name) {
            name = key.name();
            break;
          }
        }
      fields = node.node.has_aggregate() ? &node.node.aggregate().fields() : &node.node.window().fields();
    }
    std::string alias;
    if (node.node.has_interval_join()) alias = node.node.interval_join().left_alias();
    if (node.node.has_regular_join()) alias = node.node.regular_join().left_alias();
    if (node.node.has_table_join()) alias = node.node.table_join().stream_alias();
    if (node.node.has_expand() && node.node.expand().branches_size() > 0) return;
    if (fields) {
      for (std::string& name : before) {
        auto kept = std::find_if(fields->begin(), fields->end(), [&](const proto::NamedExpression& named) {
          auto column = bare_column(named.value().sql());
          return column && column->second == name && (column->first.empty() || column->first == alias);
        });
        if (kept == fields->end()) return;
        name = kept->name();
      }
    } else if (node.node.has_validate()) {
      for (const proto::Rule& rule : node.node.validate().rules())
        for (const proto::NamedExpression& repair : rule.repairs())
          if (std::find(before.begin(), before.end(), repair.name()) != before.end()) return;
    }
    made.partitioned_by = std::move(before);
  }

  const logical_plan& logical_;
  uint32_t parallelism_;
  std::vector<placed> nodes_;
  std::set<size_t> placed_;
  std::vector<size_t> parents_;
};

/// Whether a consumer, given only +U for a change of the row with this key, still ends with the right rows.
bool needs_no_retraction(const logical_plan& plan, const std::vector<std::vector<size_t>>& consumers, size_t i,
                         const std::vector<std::string>& key) {
  if (consumers[i].empty()) return false;
  for (size_t c : consumers[i]) {
    const logical_node& consumer = plan.nodes[c];
    if (consumer.is_sink) {
      const proto::Sink& sink = consumer.node.sink();
      const bool by_key = std::set<std::string>(sink.key().begin(), sink.key().end()) ==
                          std::set<std::string>(key.begin(), key.end());
      const bool keyed = by_key && !key.empty() && (sink.kind() == proto::Sink::SQLITE || sink.kind() == proto::Sink::POSTGRES ||
                                             sink.kind() == proto::Sink::TABLE_FILE || sink.kind() == proto::Sink::METRICS);
      if (!keyed && sink.kind() != proto::Sink::BLACKHOLE) return false;
      continue;
    }
    if (consumer.node.has_table_join() && consumer.node.table_join().keeps_results()) continue;  // knows what it emitted per key
    if (!consumer.node.has_project()) return false;
    std::vector<std::string> renamed;
    for (const std::string& name : key)
      for (const proto::NamedExpression& named : consumer.node.project().fields()) {
        auto column = bare_column(named.value().sql());
        if (!column || column->second != name) continue;
        renamed.push_back(named.name());
        break;
      }
    if (renamed.size() != key.size() || !needs_no_retraction(plan, consumers, c, renamed)) return false;
  }
  return true;
}

bool may_omit_update_before(const logical_plan& plan, const std::vector<std::vector<size_t>>& consumers, size_t i) {
  const logical_node& node = plan.nodes[i];
  const bool makes_updates = node.node.has_aggregate() || node.node.has_deduplicate() || node.node.has_window();
  return makes_updates && node.out.changelog && node.out.upsert_key && !node.out.upsert_key->empty() &&
         needs_no_retraction(plan, consumers, i, *node.out.upsert_key);
}

}  // namespace

void make_physical_plan(const logical_plan& logical, uint32_t parallelism, proto::PhysicalPlan& plan,
                        std::map<uint32_t, node_notes>& notes) {
  const std::vector<placed> placement = layout(logical, parallelism).run();
  std::vector<std::vector<size_t>> consumers(logical.nodes.size());
  for (size_t i = 0; i < logical.nodes.size(); ++i)
    for (size_t input : logical.nodes[i].inputs) consumers[input].push_back(i);
  std::map<size_t, uint32_t> stage_numbers;
  for (size_t i = 0; i < logical.nodes.size(); ++i) {
    const logical_node& from = logical.nodes[i];
    const placed& where = placement[i];
    auto [stage, fresh] = stage_numbers.emplace(where.stage, static_cast<uint32_t>(stage_numbers.size() + 1));
    if (fresh) {
      plan.add_stages()->set_id(stage->second);
      plan.mutable_stages()->rbegin()->set_parallelism(where.parallelism);
    }
    const auto id = static_cast<uint32_t>(i + 1);
    plan.mutable_stages(static_cast<int>(stage->second - 1))->add_nodes(id);
    proto::Node* node = plan.add_nodes();
    *node = from.node;
    node->set_id(id);
    node->set_stage(stage->second);
    *node->mutable_output() = schema_message(from.out.columns);
    node->set_output_changelog(from.out.changelog && !from.is_sink);
    node->set_omit_update_before(may_omit_update_before(logical, consumers, i));
    for (size_t k = 0; k < from.inputs.size(); ++k) {
      const stream& input = logical.nodes[from.inputs[k]].out;
      proto::Edge* edge = node->add_inputs();
      edge->set_from(static_cast<uint32_t>(from.inputs[k] + 1));
      edge->set_exchange(where.exchanges[k]);
      for (const std::string& key : where.keys[k]) edge->add_keys()->set_sql(key);
      edge->set_changelog(input.changelog);
      if (input.upsert_key)
        for (const std::string& name : *input.upsert_key) edge->add_upsert_key(name);
    }
    notes[id] = {from.out.has_event_time, from.out.event_time, from.out.upsert_key,
                 where.partitioned_by,    from.out.bounded,    from.replayable};
  }
  if (logical.dead_letter) plan.mutable_errors()->set_dead_letter_node(static_cast<uint32_t>(*logical.dead_letter + 1));
}

}  // namespace systole
