#include "plan/explain_settings.h"

#include <algorithm>
#include <cstdio>

#include "data/type.h"
#include "expr/text/text_output.h"
#include "plan/expression_binder.h"
#include "plan/manifest_value.h"
#include "plan/plan_kafka_sink.h"

namespace systole {
namespace {

std::string duration_or_none(int64_t micros, const char* none) { return micros == 0 ? none : format_duration(micros); }
std::string yes_no(bool value) { return value ? "true" : "false"; }

template <class List, class Get>
std::string joined(const List& list, Get get) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + get(item);
  return text;
}
std::string sql_list(const google::protobuf::RepeatedPtrField<proto::Expression>& list) {
  return joined(list, [](const proto::Expression& e) { return e.sql(); });
}
/// One line of SQL whatever the manifest's line breaks.
std::string one_line(const std::string& sql) {
  std::string text;
  for (char c : sql) {
    const bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (blank && (text.empty() || text.back() == ' ')) continue;
    text.push_back(blank ? ' ' : c);
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}
std::string named_list(const google::protobuf::RepeatedPtrField<proto::NamedExpression>& list) {
  return joined(list, [](const proto::NamedExpression& n) {
    std::string sql = one_line(n.value().sql());
    return n.name() == sql ? sql : n.name() + " = " + sql;
  });
}
std::string order_list(const google::protobuf::RepeatedPtrField<proto::OrderBy>& list) {
  std::string text = joined(list, [](const proto::OrderBy& o) {
    return one_line(o.value().sql()) + (o.descending() ? " DESC" : " ASC") + (o.nulls_first() ? " NULLS FIRST" : " NULLS LAST");
  });
  return text.empty() ? "position" : text + ", position";
}
std::string call_list(const google::protobuf::RepeatedPtrField<proto::AggregateCall>& list) {
  return joined(list, [](const proto::AggregateCall& c) {
    return c.name() + " = " + c.function() + "(" + (c.distinct() ? "DISTINCT " : "") +
           (c.argument().sql().empty() ? "*" : one_line(c.argument().sql())) + ")" +
           (c.filter().sql().empty() ? "" : " FILTER (WHERE " + one_line(c.filter().sql()) + ")");
  });
}

void kafka_settings(const proto::Source& source, std::vector<setting>& out) {
  const proto::KafkaSource& kafka = source.kafka();
  out.emplace_back("connection", source.connection().name());
  out.emplace_back("topic", kafka.topic());
  std::string start = "earliest";
  if (kafka.start() == proto::KafkaSource::LATEST) start = "latest";
  if (kafka.start() == proto::KafkaSource::TIMESTAMP) {
    start = "timestamp ";
    append_timestamptz_text(start, kafka.start_timestamp_us());
  }
  if (kafka.start() == proto::KafkaSource::OFFSETS) {
    const std::map<uint32_t, int64_t> sorted(kafka.start_offsets().begin(), kafka.start_offsets().end());
    start = "offsets";
    for (const auto& [partition, offset] : sorted) start += " " + std::to_string(partition) + ":" + std::to_string(offset);
  }
  out.emplace_back("startingOffsets", start);
  out.emplace_back("discoveryInterval", format_duration(kafka.discovery_interval_us()));
  out.emplace_back("bounded", yes_no(kafka.bounded()));
}

void source_settings(const proto::Source& source, const node_notes& notes, std::vector<setting>& out) {
  if (source.kind() == proto::Source::FILES || source.kind() == proto::Source::KAFKA) {
    if (source.kind() == proto::Source::KAFKA) {
      kafka_settings(source, out);
    } else {
      out.emplace_back("path", source.path());
      out.emplace_back("order", source.order().empty() ? "any" : source.order());
      out.emplace_back("follow", yes_no(source.follow()));
    }
    const proto::Decoder& decoder = source.decoder();
    const bool csv = decoder.format() == proto::Decoder::CSV;
    out.emplace_back("format", csv ? "csv" : "json");
    out.emplace_back("unknownFields", decoder.unknown_fields_reject() ? "reject" : "ignore");
    out.emplace_back("strictTypes", yes_no(decoder.strict_types()));
    if (csv) {
      out.emplace_back("header", yes_no(decoder.header()));
      out.emplace_back("delimiter", decoder.delimiter());
      out.emplace_back("quote", decoder.quote());
      out.emplace_back("nullWords", joined(decoder.null_words(), [](const std::string& word) { return word; }));
      out.emplace_back("quotedNewlines", yes_no(decoder.quoted_newlines()));
      out.emplace_back("trim", yes_no(decoder.trim()));
    } else {
      out.emplace_back("lenient", yes_no(decoder.lenient_json()));
    }
  } else if (source.kind() == proto::Source::POSTGRES) {
    out.emplace_back("connection", source.connection().name());
    out.emplace_back("table", source.postgres().table());
    out.emplace_back("refresh.interval", duration_or_none(source.postgres().refresh_interval_us(), "never"));
    out.emplace_back("refresh.notify", source.postgres().notify_channel().empty() ? "none" : source.postgres().notify_channel());
  } else {
    std::vector<setting> sorted(source.generator().begin(), source.generator().end());
    std::sort(sorted.begin(), sorted.end());
    out.insert(out.end(), sorted.begin(), sorted.end());
  }
  if (source.has_watermark()) {
    out.emplace_back("watermark", source.watermark().column() + " - " +
                                      format_duration(source.watermark().max_out_of_orderness_us()));
    out.emplace_back("idleTimeout", duration_or_none(source.watermark().idle_timeout_us(), "never"));
    out.emplace_back("advanceWhenIdle", yes_no(source.watermark().advance_when_idle()));
    if (source.kind() == proto::Source::KAFKA || source.follow())
      out.emplace_back("maxDrift", duration_or_none(source.watermark().max_drift_us(), "none"));
  } else {
    out.emplace_back("watermark", "none");
  }
  if (source.needs_ingestion_time())
    out.emplace_back("ingestionTime", notes.replayable ? one_line(source.ingestion_time().sql()) : "the clock: not replayable");
  if (!source.predicate().sql().empty()) out.emplace_back("filter", one_line(source.predicate().sql()));
  std::string checked = joined(source.columns(), [](const proto::SourceColumn& c) {
    return c.checked_only() && c.kafka() == proto::SourceColumn::VALUE ? c.field().name() : std::string();
  });
  while (checked.starts_with(", ")) checked.erase(0, 2);
  if (!checked.empty()) out.emplace_back("checked only", checked);
  std::string kept;
  for (auto [needed, name] : {std::pair(source.needs_position(), "position"), {source.needs_ingestion_time(), "ingestion time"},
                              {source.needs_raw(), "raw record"}})
    if (needed) kept += (kept.empty() ? "" : ", ") + std::string(name);
  out.emplace_back("kept with rows", kept.empty() ? "nothing" : kept);
  out.emplace_back("bounded", yes_no(notes.bounded));
}

void sink_settings(const proto::Sink& sink, std::vector<setting>& out) {
  if (sink.kind() == proto::Sink::KAFKA) {
    for (setting& each : kafka_sink_settings_told(sink)) out.push_back(std::move(each));
    return;
  }
  if (!sink.path().empty()) out.emplace_back("path", sink.path());
  if (sink.kind() == proto::Sink::POSTGRES) out.emplace_back("connection", sink.connection().name());
  if (!sink.table().empty()) out.emplace_back("table", sink.table());
  if (!sink.write().empty()) out.emplace_back("write", sink.write());
  if (!sink.key().empty()) out.emplace_back("key", joined(sink.key(), [](const std::string& k) { return k; }));
  if (sink.kind() == proto::Sink::POSTGRES) {
    out.emplace_back("createTable", sink.postgres().create_missing() ? "ifMissing" : "never");
    out.emplace_back("deadLetterTable", sink.postgres().dead_letter_table().empty() ? "none" : sink.postgres().dead_letter_table());
  }
  if (!sink.format().empty()) out.emplace_back("format", sink.format());
  if (sink.format() == "csv") out.emplace_back("header", yes_no(sink.header()));
  const bool parts = sink.kind() == proto::Sink::FILES || sink.kind() == proto::Sink::DEAD_LETTER_FILES;
  if (parts) {
    out.emplace_back("roll.interval", format_duration(sink.roll_interval_us()));
    out.emplace_back("roll.size", std::to_string(sink.roll_bytes()));
  }
  if (parts || sink.kind() == proto::Sink::TABLE_FILE)
    out.emplace_back("compression", sink.compression().empty() ? "none" : sink.compression());
  if (sink.interval_us() != 0) out.emplace_back("interval", format_duration(sink.interval_us()));
  std::vector<setting> sorted(sink.options().begin(), sink.options().end());
  std::sort(sorted.begin(), sorted.end());
  out.insert(out.end(), sorted.begin(), sorted.end());
  out.emplace_back("delivery", "exactlyOnce");
}

template <class Message>
void join_settings(const Message& message, std::vector<setting>& out) {
  out.emplace_back(message.left_alias() + " keys", sql_list(message.left_keys()));
  out.emplace_back(message.right_alias() + " keys", sql_list(message.right_keys()));
  if (!message.residual().sql().empty()) out.emplace_back("and", one_line(message.residual().sql()));
}

}  // namespace

std::string operation_name(const proto::Node& node) {
  switch (node.operation_case()) {
    case proto::Node::kSource:
      switch (node.source().kind()) {
        case proto::Source::FILES: return "source files";
        case proto::Source::KAFKA: return "source kafka";
        case proto::Source::POSTGRES: return "source postgresql";
        default: return "source generator";
      }
    case proto::Node::kSink:
      switch (node.sink().kind()) {
        case proto::Sink::FILES: return "sink file";
        case proto::Sink::TABLE_FILE: return "sink file table";
        case proto::Sink::SQLITE: return "sink sqlite";
        case proto::Sink::KAFKA: return "sink kafka";
        case proto::Sink::POSTGRES: return "sink postgresql";
        case proto::Sink::CONSOLE: return "sink console";
        case proto::Sink::METRICS: return "sink metrics";
        case proto::Sink::BLACKHOLE: return "sink blackhole";
        case proto::Sink::COLLECT: return "sink collect";
        case proto::Sink::DEAD_LETTER_FILES: return "dead letter";
        default: return "sink";
      }
    case proto::Node::kFilter: return "filter";
    case proto::Node::kProject: return "project";
    case proto::Node::kValidate: return "validate";
    case proto::Node::kExpand: return "expand";
    case proto::Node::kDeduplicate: return "deduplicate";
    case proto::Node::kAggregate: return "aggregate";
    case proto::Node::kWindow: return "window";
    case proto::Node::kIntervalJoin: return "interval join";
    case proto::Node::kRegularJoin: return "join";
    case proto::Node::kTableJoin: return "table join";
    case proto::Node::kOver: return "over";
    case proto::Node::kUnion: return "union";
    case proto::Node::OPERATION_NOT_SET: break;
  }
  return "nothing";
}

std::vector<setting> node_settings(const proto::Node& node, const node_notes& notes) {
  std::vector<setting> out;
  if (!node.renamed_from().empty()) out.emplace_back("renamedFrom", node.renamed_from());
  switch (node.operation_case()) {
    case proto::Node::kSource: source_settings(node.source(), notes, out); break;
    case proto::Node::kSink: sink_settings(node.sink(), out); break;
    case proto::Node::kFilter: out.emplace_back("predicate", one_line(node.filter().predicate().sql())); break;
    case proto::Node::kProject: out.emplace_back("fields", named_list(node.project().fields())); break;
    case proto::Node::kValidate: {
      const proto::Validate& validate = node.validate();
      out.emplace_back("onViolation", validate.flag() ? "flag " + validate.flag_column() : "reject");
      if (validate.flag()) {
        out.emplace_back("separator", validate.separator());
        out.emplace_back("none", validate.none());
      }
      for (const proto::Rule& rule : validate.rules())
        out.emplace_back("rule " + rule.id(), one_line(rule.check().sql()) +
                                                  (rule.repairs().empty() ? "" : "; repair " + named_list(rule.repairs())));
      break;
    }
    case proto::Node::kExpand:
      for (const proto::Expand::Branch& branch : node.expand().branches())
        out.emplace_back("when " + (branch.when().sql().empty() ? "always" : one_line(branch.when().sql())),
                         named_list(branch.fields()));
      if (node.expand().branches().empty()) {
        out.emplace_back("series " + node.expand().series_column(), one_line(node.expand().series_from().sql()) + " to " +
                                                                        one_line(node.expand().series_to().sql()) + " by " +
                                                                        one_line(node.expand().series_step().sql()));
        out.emplace_back("fields", named_list(node.expand().series_fields()));
      }
      break;
    case proto::Node::kDeduplicate:
      out.emplace_back("key", sql_list(node.deduplicate().key()));
      out.emplace_back("keep", node.deduplicate().keep_last() ? "last" : "first");
      out.emplace_back("orderBy", order_list(node.deduplicate().order_by()));
      out.emplace_back("ttl", duration_or_none(node.deduplicate().ttl_us(), "none") +
                                  (node.deduplicate().ttl_us() == 0              ? ""
                                   : node.deduplicate().processing_time_ttl() ? " of processing time"
                                                                                 : " of event time"));
      break;
    case proto::Node::kAggregate:
      out.emplace_back("keyBy", named_list(node.aggregate().key_by()));
      out.emplace_back("calls", call_list(node.aggregate().calls()));
      out.emplace_back("fields", named_list(node.aggregate().fields()));
      out.emplace_back("emit", node.aggregate().emit_final() ? "final" : "onChange");
      if (!node.aggregate().emit_final()) {
        out.emplace_back("minInterval", duration_or_none(node.aggregate().min_interval_us(), "none"));
        out.emplace_back("coalesce", yes_no(!node.aggregate().emit_each_change()));
      }
      break;
    case proto::Node::kWindow:
      out.emplace_back("keyBy", named_list(node.window().key_by()));
      out.emplace_back("size", format_duration(node.window().size_us()));
      out.emplace_back("slide", format_duration(node.window().slide_us()));
      out.emplace_back("offset", format_duration(node.window().offset_us()));
      out.emplace_back("allowedLateness", format_duration(node.window().allowed_lateness_us()));
      out.emplace_back("onLate", node.window().on_late());
      out.emplace_back("emit", node.window().emit_on_time() ? "onTime" : "final");
      out.emplace_back("calls", call_list(node.window().calls()));
      out.emplace_back("fields", named_list(node.window().fields()));
      break;
    case proto::Node::kIntervalJoin:
      out.emplace_back("type", "inner");
      join_settings(node.interval_join(), out);
      out.emplace_back("within", one_line(node.interval_join().right_time().sql()) + " - " +
                                     one_line(node.interval_join().left_time().sql()) + " from " +
                                     format_duration(node.interval_join().lower_us()) + " to " +
                                     format_duration(node.interval_join().upper_us()));
      out.emplace_back("fields", named_list(node.interval_join().fields()));
      break;
    case proto::Node::kRegularJoin:
      out.emplace_back("type", node.regular_join().left_outer() ? "left" : "inner");
      join_settings(node.regular_join(), out);
      out.emplace_back("ttl", duration_or_none(node.regular_join().ttl_us(), "none"));
      out.emplace_back("fields", named_list(node.regular_join().fields()));
      break;
    case proto::Node::kTableJoin:
      out.emplace_back("type", node.table_join().left_outer() ? "left" : "inner");
      out.emplace_back(node.table_join().stream_alias() + " keys", sql_list(node.table_join().stream_keys()));
      out.emplace_back(node.table_join().table_alias() + " keys", sql_list(node.table_join().table_keys()));
      if (!node.table_join().residual().sql().empty()) out.emplace_back("and", one_line(node.table_join().residual().sql()));
      if (!node.table_join().left_outer())
        out.emplace_back("onMissing", node.table_join().reject_missing() ? "reject" : "drop");
      if (node.table_join().table_changes()) out.emplace_back("onRefresh", node.table_join().reemit() ? "reemit" : "keep");
      out.emplace_back("fields", named_list(node.table_join().fields()));
      break;
    case proto::Node::kOver:
      out.emplace_back("partitionBy", sql_list(node.over().partition_by()));
      out.emplace_back("orderBy", order_list(node.over().order_by()));
      for (const proto::OverCall& call : node.over().calls())
        out.emplace_back("call " + call.name(),
                         call.function() + "(" + one_line(call.argument().sql()) +
                             (call.function() == "lag" || call.function() == "lead"
                                  ? ", " + std::to_string(call.offset()) +
                                        (call.default_value().sql().empty() ? "" : ", " + one_line(call.default_value().sql()))
                                  : "") +
                             ")");
      out.emplace_back("fields", named_list(node.over().fields()));
      break;
    case proto::Node::kUnion: case proto::Node::OPERATION_NOT_SET: break;
  }
  return out;
}

std::vector<setting> job_settings(const proto::PhysicalPlan& plan) {
  std::vector<setting> out;
  out.emplace_back("maxParallelism", std::to_string(plan.max_parallelism()));
  out.emplace_back("checkpoint", std::string(plan.checkpoint().exactly_once() ? "exactlyOnce" : "atLeastOnce") + " every " +
                                     format_duration(plan.checkpoint().interval_us()) + ", timeout " +
                                     format_duration(plan.checkpoint().timeout_us()) + ", retained " +
                                     std::to_string(plan.checkpoint().retained()));
  out.emplace_back("restart", plan.restart().strategy() + (plan.restart().strategy() == "none"
                                                               ? ""
                                                               : ", from " + format_duration(plan.restart().initial_delay_us()) +
                                                                     " to " + format_duration(plan.restart().max_delay_us())));
  std::string ratio = "no limit";
  if (plan.errors().max_reject_ratio() > 0) {
    char text[64];
    std::snprintf(text, sizeof text, "at most %g over ", plan.errors().max_reject_ratio());
    ratio = text + format_duration(plan.errors().over_us());
  }
  out.emplace_back("rejects", ratio);
  std::string dead_letter = "none: rejected records are only counted";
  for (const proto::Node& node : plan.nodes())
    if (node.id() == plan.errors().dead_letter_node()) dead_letter = node.step();
  out.emplace_back("dead letter", dead_letter);
  for (const proto::Parameter& parameter : plan.parameters())
    out.emplace_back("param " + parameter.name(),
                     (parameter.is_null() ? "NULL" : parameter.value()) + " (" + to_string(type_of(parameter.type())) + ")");
  return out;
}

std::string exchange_text(const proto::Edge& edge) {
  switch (edge.exchange()) {
    case proto::Edge::FORWARD: return "forward";
    case proto::Edge::HASH: return "hash (" + sql_list(edge.keys()) + ")";
    case proto::Edge::BROADCAST: return "broadcast";
    case proto::Edge::REBALANCE: return "rebalance";
    case proto::Edge::GATHER: return "gather";
    default: return "?";
  }
}

std::string state_estimate(const proto::Node& node, const proto::PhysicalPlan& plan) {
  auto row = [&](int input) {
    for (const proto::Node& from : plan.nodes())
      if (from.id() == node.inputs(input).from()) return std::to_string(from.output().fields_size()) + "-column row";
    return std::string("row");
  };
  switch (node.operation_case()) {
    case proto::Node::kDeduplicate:
      return (node.deduplicate().keep_last() || node.deduplicate().order_by_size() > 0 ? "a key and a " + row(0) : "a key") +
             std::string(" per distinct key") + (node.deduplicate().ttl_us() == 0 ? ", for ever" : ", until the ttl");
    case proto::Node::kAggregate: return std::to_string(node.aggregate().calls_size()) + " accumulators per key";
    case proto::Node::kWindow:
      return std::to_string(node.window().calls_size()) + " accumulators per key and open window (" +
             std::to_string(node.window().size_us() / node.window().slide_us()) + " per row)";
    case proto::Node::kIntervalJoin: return "a " + row(0) + " and a " + row(1) + " each, until its interval has passed";
    case proto::Node::kRegularJoin:
      return "a " + row(0) + " and a " + row(1) + " each, " + (node.regular_join().ttl_us() == 0 ? "for ever" : "until the ttl");
    case proto::Node::kTableJoin:
      return "the table, in each subtask: a " + row(1) + " each" +
             (node.table_join().keeps_results() ? "; a " + row(0) + " and its result per upsert key, for ever" : "");
    case proto::Node::kOver: return "a " + row(0) + " per row, for ever";
    default: return {};
  }
}

}  // namespace systole
