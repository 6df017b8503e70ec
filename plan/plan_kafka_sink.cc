#include "plan/plan_kafka_sink.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/limits.h"
#include "plan/diagnostic_codes.h"
#include "plan/expression_binder.h"
#include "plan/plan_connection.h"
#include "plan/plan_postgresql.h"

namespace systole {
namespace {

constexpr size_t longest_topic = 249;

bool check_topic(plan_context& context, const object_view& kafka) {
  const yaml_node* written = kafka.get("topic");
  if (!written) return false;  // reported by the table's check
  const std::string& text = written->text;
  const bool named = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
  if (named && !text.empty() && text.size() <= longest_topic && text != "." && text != "..") return true;
  context.problems.error(codes::bad_name, written->at, "`" + text + "` cannot be a topic's name",
                         "letters, digits, `.`, `_` and `-`, at most 249");
  return false;
}

/// True where the input has the column.
bool check_column(plan_context& context, const schema& columns, const std::string& name, source_position at) {
  if (columns.find(name) >= 0) return true;
  std::vector<std::string> names;
  for (const field& f : columns.fields) names.push_back(f.name);
  context.problems.error(codes::unknown_column, at, "no column `" + name + "` in the sink's input", {},
                         nearest_names(name, names));
  return false;
}

template <class Into>
bool read_columns(plan_context& context, const object_view& kafka, std::string_view key, const schema& columns, Into add) {
  const yaml_node* written = kafka.get(key);
  if (!written) return true;
  bool ok = true;
  std::set<std::string> seen;
  for (const yaml_node& item : written->items) {
    if (!check_column(context, columns, item.text, item.at)) {
      ok = false;
    } else if (!seen.insert(item.text).second) {
      context.problems.error(codes::duplicate_column, item.at, "`" + item.text + "` is given twice");
      ok = false;
    }
    add(item.text);
  }
  return ok;
}

/// A changelog's key is the stream's upsert key, another stream's any columns.
bool fill_key(plan_context& context, const object_view& kafka, const stream& input, proto::Sink& message) {
  proto::KafkaSink& into = *message.mutable_kafka();
  if (!input.changelog)
    return read_columns(context, kafka, "key", input.columns, [&](const std::string& name) { into.add_key(name); });
  if (!kafka.has("key")) {
    context.problems.error(codes::missing_key, kafka.at(), "a changelog needs `key`: a record replaces its key's",
                           input.upsert_key && !input.upsert_key->empty()
                               ? "the stream's upsert key, in brackets"
                               : "deduplicate with keep: last, or aggregate, by the key before");
    return false;
  }
  if (!check_key(context, kafka, input, message)) return false;
  *into.mutable_key() = message.key();
  into.set_upsert(true);
  return true;
}

bool fill_format(plan_context& context, const object_view& sink, bool dead_letter, proto::Sink& message) {
  if (!sink.has("format")) {
    message.set_format("deadLetter");
    if (dead_letter) return true;
    if (!sink.node()->find("format"))
      context.problems.error(codes::missing_key, sink.at(), "a topic needs `format`", "format: {json: {}} or {csv: {}}");
    return false;
  }
  message.set_format(std::string(sink.object("format").alternative()));
  if ((message.format() == "deadLetter") == dead_letter) return true;
  context.problems.error(codes::dead_letter, sink.at("format"),
                         dead_letter ? "the dead letter is written as JSON" : "the dead letter's format is for the dead letter",
                         dead_letter ? "format: {deadLetter: {}}" : "it has no input and is named by errorHandling.deadLetter");
  return false;
}

template <class Names>
std::string listed(const Names& names) {
  std::string made;
  for (const std::string& each : names) made += (made.empty() ? "" : ", ") + each;
  return made;
}

}  // namespace

bool fill_kafka_sink(plan_context& context, const object_view& sink, const stream* input, proto::Sink& message) {
  const object_view kafka = sink.object("kafka");
  proto::KafkaSink& into = *message.mutable_kafka();
  message.set_kind(proto::Sink::KAFKA);
  into.set_topic(kafka.text("topic"));
  into.set_create_if_missing(kafka.text("createTopic") == "ifMissing");
  into.set_partitions(static_cast<uint32_t>(kafka.integer("partitions")));
  into.set_replication_factor(static_cast<uint32_t>(kafka.integer("replicationFactor")));
  message.set_at_least_once(sink.text("delivery") == "atLeastOnce");
  bool ok = find_connection(context, kafka, "kafka", *message.mutable_connection());
  ok &= check_topic(context, kafka);
  ok &= fill_format(context, sink, input == nullptr, message);
  for (std::string_view key : {"partitions", "replicationFactor"})
    if (kafka.has(key) && !into.create_if_missing()) {
      context.problems.error(codes::excluded_key, kafka.at(key), "`" + std::string(key) + "` is for createTopic: ifMissing");
      ok = false;
    }
  if (!input) {
    for (std::string_view key : {"key", "headers", "partitionBy"})
      if (kafka.has(key)) {
        context.problems.error(codes::excluded_key, kafka.at(key), "the dead letter has no `" + std::string(key) + "`");
        ok = false;
      }
    return ok;
  }
  ok &= fill_key(context, kafka, *input, message);
  ok &= read_columns(context, kafka, "partitionBy", input->columns,
                     [&](const std::string& name) { into.add_partition_by(name); });
  for (const std::string& name : into.partition_by())
    if (into.upsert() && std::find(into.key().begin(), into.key().end(), name) == into.key().end()) {
      context.problems.error(codes::excluded_key, kafka.at("partitionBy"),
                             "a changelog's records are placed by columns of their key: `" + name + "` is none",
                             "else a key's changes are in several partitions, without an order");
      ok = false;
    }
  if (const yaml_node* headers = kafka.get("headers"))
    for (const yaml_node::entry& entry : headers->entries) {
      ok &= check_column(context, input->columns, entry.value.text, entry.value.at);
      (*into.mutable_headers())[entry.key] = entry.value.text;
    }
  return ok;
}

void set_transaction_timeouts(proto::PhysicalPlan& plan) {
  constexpr int64_t more_ms = 10'000;
  const int64_t wanted = plan.checkpoint().timeout_us() / 1000 + more_ms;
  for (proto::Node& node : *plan.mutable_nodes())
    if (node.has_sink() && node.sink().kind() == proto::Sink::KAFKA && !node.sink().at_least_once())
      node.mutable_sink()->mutable_kafka()->set_transaction_timeout_ms(
          static_cast<uint32_t>(std::min<int64_t>(wanted, limits::kafka_transaction_ms)));
}

std::vector<std::pair<std::string, std::string>> kafka_sink_settings_told(const proto::Sink& sink) {
  const proto::KafkaSink& kafka = sink.kafka();
  std::vector<std::pair<std::string, std::string>> out;
  out.emplace_back("connection", sink.connection().name());
  out.emplace_back("topic", kafka.topic());
  out.emplace_back("format", sink.format());
  out.emplace_back("key", kafka.key().empty() ? "none" : listed(kafka.key()));
  out.emplace_back("partitionBy", !kafka.partition_by().empty() ? listed(kafka.partition_by())
                                  : kafka.key().empty()         ? "none: records go round"
                                                                : "the key");
  out.emplace_back("writes", kafka.upsert() ? "a key's last row, a tombstone for a retracted one" : "every row");
  const std::map<std::string, std::string> headers(kafka.headers().begin(), kafka.headers().end());
  for (const auto& [name, column] : headers) out.emplace_back("header " + name, column);
  out.emplace_back("createTopic", kafka.create_if_missing() ? "ifMissing, " + std::to_string(kafka.partitions()) + " partitions, replication " +
                                                                  (kafka.replication_factor() == 0 ? std::string("as the cluster's")
                                                                                                   : std::to_string(kafka.replication_factor()))
                                                            : "never");
  if (!sink.at_least_once()) out.emplace_back("transaction time-out", std::to_string(kafka.transaction_timeout_ms()) + " ms");
  out.emplace_back("delivery", sink.at_least_once() ? "atLeastOnce" : "exactlyOnce");
  return out;
}

}  // namespace systole
