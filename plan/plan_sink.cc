#include <algorithm>
#include <set>

#include "plan/diagnostic_codes.h"
#include "plan/expression_binder.h"
#include "plan/plan_context.h"
#include "plan/plan_kafka_sink.h"
#include "plan/plan_postgresql.h"

namespace systole {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return "[" + text + "]";
}

}  // namespace

bool check_key(plan_context& context, const object_view& connector, const stream& input, proto::Sink& message) {
  const yaml_node* written = connector.get("key");
  if (!written) return true;
  std::vector<std::string> names;
  for (const field& f : input.columns.fields) names.push_back(f.name);
  std::set<std::string> key;
  for (const yaml_node& item : written->items) {
    if (input.columns.find(item.text) < 0) {
      context.problems.error(codes::unknown_column, item.at, "no column `" + item.text + "` in the sink's input", {},
                             nearest_names(item.text, names));
      return false;
    }
    if (!key.insert(item.text).second) {
      context.problems.error(codes::duplicate_column, item.at, "`" + item.text + "` is given twice");
      return false;
    }
    message.add_key(item.text);
  }
  if (!input.upsert_key) {
    context.problems.error(codes::not_the_upsert_key, written->at,
                           "the stream has no upsert key, so that two of its rows may have this one",
                           (input.no_key_reason.empty() ? "" : "because " + input.no_key_reason + "; ") +
                               std::string("deduplicate with keep: last, or aggregate, by the key before"));
    return false;
  }
  if (key != std::set<std::string>(input.upsert_key->begin(), input.upsert_key->end())) {
    context.problems.error(codes::not_the_upsert_key, written->at,
                           listed({message.key().begin(), message.key().end()}) + " is not the stream's upsert key " +
                               listed(*input.upsert_key),
                           input.upsert_key->empty() ? "the stream has one row: leave the key out"
                                                     : "write key: " + listed(*input.upsert_key));
    return false;
  }
  return true;
}

bool needs_append(plan_context& context, const object_view& connector, const stream& input, const std::string& instead) {
  if (!input.changelog) return true;
  context.problems.error(codes::changelog_into_append, connector.at(),
                         "this sink only appends, but its input is a changelog: rows change after they were written", instead);
  return false;
}

namespace {

bool fill_format(plan_context& context, const object_view& sink, proto::Sink& message) {
  if (!sink.has("format")) {
    if (!sink.node()->find("format"))
      context.problems.error(codes::missing_key, sink.at(), "a file needs `format`", "format: {json: {}} or {csv: {}}");
    return false;
  }
  object_view format = sink.object("format");
  message.set_format(std::string(format.alternative()));
  message.set_header(format.alternative() == "csv" && format.object("csv").boolean("header"));
  return true;
}

bool fill_file(plan_context& context, const object_view& sink, const stream& input, proto::Sink& message) {
  object_view file = sink.object("file");
  message.set_path(resolve_path(context, file.get("path")));
  message.set_write(file.text("write"));
  if (file.text("compression") != "none") message.set_compression(file.text("compression"));
  if (!fill_format(context, sink, message)) return false;
  if (message.format() == "deadLetter") {
    context.problems.error(codes::dead_letter, sink.at("format"), "the dead letter's format is for the dead letter",
                           "it has no input and is named by errorHandling.deadLetter");
    return false;
  }
  if (message.write() == "table") {
    message.set_kind(proto::Sink::TABLE_FILE);
    message.set_interval_us(file.duration_us("interval"));
    if (file.has("roll")) {
      context.problems.error(codes::excluded_key, file.at("roll"), "`roll` is for write: append", "a table has an `interval`");
      return false;
    }
    return check_key(context, file, input, message);
  }
  message.set_kind(proto::Sink::FILES);
  for (std::string_view key : {"key", "interval"})
    if (file.has(key)) {
      context.problems.error(codes::excluded_key, file.at(key), "`" + std::string(key) + "` is for write: table");
      return false;
    }
  object_view roll = file.object("roll");
  message.set_roll_interval_us(roll.duration_us("interval"));
  message.set_roll_bytes(roll.bytes("size"));
  return needs_append(context, file, input, "use write: table, which keeps the current rows");
}

bool fill_sqlite(plan_context& context, const object_view& sink, const stream& input, proto::Sink& message) {
  object_view sqlite = sink.object("sqlite");
  message.set_kind(proto::Sink::SQLITE);
  message.set_path(resolve_path(context, sqlite.get("path")));
  message.set_table(sqlite.text("table"));
  message.set_write(sqlite.text("write"));
  if (message.write() == "append") {
    if (sqlite.has("key")) {
      context.problems.error(codes::excluded_key, sqlite.at("key"), "`key` is for write: upsert or write: table");
      return false;
    }
    return needs_append(context, sqlite, input, "use write: upsert with the stream's key, or write: table");
  }
  if (message.write() == "upsert" && !sqlite.has("key")) {
    context.problems.error(codes::missing_key, sqlite.at(), "write: upsert needs `key`",
                           input.upsert_key && !input.upsert_key->empty() ? "write key: " + listed(*input.upsert_key)
                                                                           : "or use write: table");
    return false;
  }
  return check_key(context, sqlite, input, message);
}

bool fill_dead_letter(plan_context& context, const object_view& sink, proto::Sink& message) {
  message.set_kind(proto::Sink::DEAD_LETTER_FILES);
  if (!sink.has("file")) {
    context.problems.error(codes::dead_letter, sink.at(), "the dead letter is a `file` or a topic (`kafka`) in this build");
    return false;
  }
  object_view file = sink.object("file");
  if (file.text("write") != "append") {
    context.problems.error(codes::dead_letter, file.get("write")->at, "the dead letter only appends");
    return false;
  }
  message.set_path(resolve_path(context, file.get("path")));
  message.set_write("append");
  if (file.text("compression") != "none") message.set_compression(file.text("compression"));
  object_view roll = file.object("roll");
  message.set_roll_interval_us(roll.duration_us("interval"));
  message.set_roll_bytes(roll.bytes("size"));
  const std::string_view format = sink.has("format") ? sink.object("format").alternative() : "deadLetter";
  if (format == "csv") {
    context.problems.error(codes::dead_letter, sink.at("format"), "the dead letter is written as JSON", "format: {deadLetter: {}}");
    return false;
  }
  message.set_format("json");
  return true;
}

bool fill_metrics(plan_context& context, const object_view& sink, const stream& input, proto::Sink& message) {
  object_view metrics = sink.object("metrics");
  message.set_kind(proto::Sink::METRICS);
  proto::MetricsSink& made = *message.mutable_metrics();
  std::vector<std::string> names;
  for (const field& f : input.columns.fields) names.push_back(f.name);
  const auto column_of = [&](const yaml_node& item) -> const field* {
    const int index = input.columns.find(item.text);
    if (index >= 0) return &input.columns.fields[static_cast<size_t>(index)];
    context.problems.error(codes::unknown_column, item.at, "no column `" + item.text + "` in the sink's input", {},
                           nearest_names(item.text, names));
    return nullptr;
  };
  static const std::set<std::string> taken = {"job_name", "step", "job", "instance", "le", "quantile"};
  std::set<std::string> labels;
  for (const yaml_node& item : metrics.get("labels")->items) {
    if (!column_of(item)) return false;
    if (taken.contains(item.text) || !labels.insert(item.text).second) {
      context.problems.error(codes::duplicate_column, item.at, "the label `" + item.text + "` is there already",
                             "rename the column with a project step");
      return false;
    }
    made.add_labels(item.text);
  }
  for (const yaml_node& item : metrics.get("values")->items) {
    const field* column = column_of(item);
    if (!column) return false;
    const type_id type = column->type.id;
    if (type != type_id::int32 && type != type_id::int64 && type != type_id::float64 && type != type_id::numeric &&
        type != type_id::boolean) {
      context.problems.error(codes::wrong_type, item.at, "`" + item.text + "` is no number", "give numeric columns");
      return false;
    }
    made.add_values(item.text);
  }
  made.set_max_series(static_cast<uint32_t>(metrics.integer("maxSeries")));
  if (!check_key(context, metrics, input, message)) return false;
  if (!input.upsert_key) {
    context.problems.error(codes::not_the_upsert_key, metrics.at(), "gauges are of the current row of each key, and the stream has none",
                           "aggregate, or deduplicate with keep: last");
    return false;
  }
  message.clear_key();
  for (const std::string& name : *input.upsert_key) {
    message.add_key(name);
    if (labels.contains(name)) continue;
    context.problems.error(codes::not_the_upsert_key, metrics.at("labels"),
                           "`" + name + "` is of the stream's key and no label: two rows would be one series",
                           "add it to labels, or aggregate without it");
    return false;
  }
  return true;
}

}  // namespace

void plan_sink(plan_context& context, const object_view& sink, const stream* input, logical_node& made) {
  made.is_sink = true;
  made.out.poisoned = true;
  if (input) {
    made.out.columns = input->columns;
    made.out.changelog = input->changelog;
    made.out.upsert_key = input->upsert_key;
    made.out.has_event_time = input->has_event_time;
    made.out.event_time = input->event_time;
  }
  proto::Sink& message = *made.node.mutable_sink();
  bool ok = true;
  if (sink.has("kafka")) {
    ok = fill_kafka_sink(context, sink, input, message);
  } else if (!input) {
    ok = fill_dead_letter(context, sink, message);
  } else if (sink.has("file")) {
    ok = fill_file(context, sink, *input, message);
  } else if (sink.has("sqlite")) {
    ok = fill_sqlite(context, sink, *input, message);
  } else if (sink.has("postgresql")) {
    ok = fill_postgresql_sink(context, sink, *input, message);
  } else if (sink.has("console")) {
    object_view console = sink.object("console");
    message.set_kind(proto::Sink::CONSOLE);
    message.set_interval_us(console.duration_us("interval"));
    (*message.mutable_options())["rows"] = console.text("rows");
    if (console.has("title")) (*message.mutable_options())["title"] = console.text("title");
    ok = check_key(context, console, *input, message);
    if (ok && !console.has("key") && input->upsert_key)
      for (const std::string& name : *input->upsert_key) message.add_key(name);
  } else if (sink.has("metrics")) {
    ok = fill_metrics(context, sink, *input, message);
  } else if (sink.has("blackhole")) {
    message.set_kind(proto::Sink::BLACKHOLE);
  } else {
    message.set_kind(proto::Sink::COLLECT);
  }
  if (input && !sink.has("file") && !sink.has("kafka") && sink.has("format")) {
    context.problems.error(codes::excluded_key, sink.at("format"), "`format` is for files and topics");
    ok = false;
  }
  if (!sink.has("kafka") && !sink.has("postgresql") && sink.text("delivery") != "exactlyOnce") {
    context.problems.error(codes::excluded_key, sink.at("delivery"), "this sink delivers exactly once, which costs it nothing");
    ok = false;
  }
  made.out.poisoned = !ok;
}

}  // namespace systole
