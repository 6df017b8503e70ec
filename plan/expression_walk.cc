#include "plan/expression_walk.h"

#include "expr/quoting.h"
#include "plan/sql_tokens.h"

namespace systole {
namespace {

using visitor = std::function<void(const proto::Expression&, int)>;
using named_expressions = google::protobuf::RepeatedPtrField<proto::NamedExpression>;
using expressions = google::protobuf::RepeatedPtrField<proto::Expression>;

void visit_one(const proto::Expression& expression, int input, const visitor& visit) {
  if (!expression.sql().empty()) visit(expression, input);
}
void visit_all(const expressions& list, int input, const visitor& visit) {
  for (const proto::Expression& expression : list) visit_one(expression, input, visit);
}
void visit_named(const named_expressions& list, int input, const visitor& visit) {
  for (const proto::NamedExpression& named : list) visit_one(named.value(), input, visit);
}
template <class Message>
void visit_order(const Message& message, const visitor& visit) {
  for (const proto::OrderBy& order : message.order_by()) visit_one(order.value(), 0, visit);
}
template <class Message>
void visit_group(const Message& message, const visitor& visit) {
  visit_named(message.key_by(), 0, visit);
  for (const proto::AggregateCall& call : message.calls()) {
    visit_one(call.argument(), 0, visit);
    visit_one(call.filter(), 0, visit);
  }
  visit_named(message.fields(), made_columns, visit);
}
template <class Message>
void visit_join(const Message& message, const visitor& visit) {
  visit_all(message.left_keys(), 0, visit);
  visit_all(message.right_keys(), 1, visit);
  visit_one(message.residual(), both_inputs, visit);
  visit_named(message.fields(), both_inputs, visit);
}

}  // namespace

void for_each_expression(const proto::Node& node, const visitor& visit) {
  switch (node.operation_case()) {
    case proto::Node::kFilter: visit_one(node.filter().predicate(), 0, visit); break;
    case proto::Node::kProject: visit_named(node.project().fields(), 0, visit); break;
    case proto::Node::kValidate:
      for (const proto::Rule& rule : node.validate().rules()) {
        visit_one(rule.check(), 0, visit);
        visit_one(rule.message(), 0, visit);
        visit_named(rule.repairs(), 0, visit);
      }
      break;
    case proto::Node::kExpand:
      for (const proto::Expand::Branch& branch : node.expand().branches()) {
        visit_one(branch.when(), 0, visit);
        visit_named(branch.fields(), 0, visit);
      }
      visit_one(node.expand().series_from(), 0, visit);
      visit_one(node.expand().series_to(), 0, visit);
      visit_one(node.expand().series_step(), 0, visit);
      visit_named(node.expand().series_fields(), 0, visit);
      break;
    case proto::Node::kDeduplicate:
      visit_all(node.deduplicate().key(), 0, visit);
      visit_order(node.deduplicate(), visit);
      break;
    case proto::Node::kAggregate: visit_group(node.aggregate(), visit); break;
    case proto::Node::kWindow: visit_group(node.window(), visit); break;
    case proto::Node::kIntervalJoin:
      visit_join(node.interval_join(), visit);
      visit_one(node.interval_join().left_time(), 0, visit);
      visit_one(node.interval_join().right_time(), 1, visit);
      break;
    case proto::Node::kRegularJoin: visit_join(node.regular_join(), visit); break;
    case proto::Node::kTableJoin:
      visit_all(node.table_join().stream_keys(), 0, visit);
      visit_all(node.table_join().table_keys(), 1, visit);
      visit_one(node.table_join().residual(), both_inputs, visit);
      visit_named(node.table_join().fields(), both_inputs, visit);
      for (const proto::Expression& key : node.table_join().upsert_key()) visit_one(key, 0, visit);
      break;
    case proto::Node::kOver:
      visit_all(node.over().partition_by(), 0, visit);
      visit_order(node.over(), visit);
      for (const proto::OverCall& call : node.over().calls()) {
        visit_one(call.argument(), 0, visit);
        visit_one(call.default_value(), 0, visit);
      }
      visit_named(node.over().fields(), 0, visit);
      break;
    case proto::Node::kSource:
      visit_one(node.source().ingestion_time(), made_columns, visit);
      visit_one(node.source().predicate(), made_columns, visit);
      break;
    case proto::Node::kSink: case proto::Node::kUnion: case proto::Node::OPERATION_NOT_SET: break;
  }
}

named_expressions* output_fields(proto::Node& node) {
  switch (node.operation_case()) {
    case proto::Node::kProject: return node.mutable_project()->mutable_fields();
    case proto::Node::kExpand:
      return node.expand().branches_size() == 0 ? node.mutable_expand()->mutable_series_fields() : nullptr;
    case proto::Node::kIntervalJoin: return node.mutable_interval_join()->mutable_fields();
    case proto::Node::kRegularJoin: return node.mutable_regular_join()->mutable_fields();
    case proto::Node::kTableJoin: return node.mutable_table_join()->mutable_fields();
    case proto::Node::kOver: return node.mutable_over()->mutable_fields();
    default: return nullptr;
  }
}

std::optional<std::pair<std::string, std::string>> bare_column(std::string_view sql) {
  std::vector<sql_token> tokens = scan_sql(sql);
  auto is_name = [&](size_t i) {
    if (tokens[i].what == sql_token::kind::quoted_name) return true;
    if (tokens[i].what != sql_token::kind::word) return false;
    // A reserved word without quotes (true, current_date) is not a column.
    std::string name = name_at(sql, tokens[i].offset);
    return quote_name(name) == name || name.find_first_of("$") != std::string::npos;
  };
  if (tokens.size() == 1 && is_name(0)) return std::pair(std::string(), name_at(sql, tokens[0].offset));
  if (tokens.size() == 3 && tokens[1].in(sql) == "." && is_name(0) &&
      (is_name(2) || tokens[2].what == sql_token::kind::word))
    return std::pair(name_at(sql, tokens[0].offset), name_at(sql, tokens[2].offset));
  return std::nullopt;
}

}  // namespace systole
