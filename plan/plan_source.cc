#include <algorithm>
#include <filesystem>

#include "base/ascii.h"
#include "plan/diagnostic_codes.h"
#include "plan/expression_binder.h"
#include "plan/plan_context.h"
#include "plan/plan_kafka_source.h"
#include "plan/plan_postgresql.h"
#include "plan/sql_tokens.h"

namespace systole {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

const std::vector<std::string>& type_names() {
  static const std::vector<std::string> names{"boolean", "int", "integer", "bigint", "double precision", "numeric", "text",
                                              "bytea",   "date", "timestamptz", "interval"};
  return names;
}

/// `a.b."c.d"` in parts; empty when it is not a path.
std::vector<std::string> path_parts(std::string_view path) {
  std::vector<std::string> parts;
  while (true) {
    std::string part;
    if (path.starts_with('"')) {
      const size_t close = path.find('"', 1);
      if (close == std::string_view::npos) return {};
      part = path.substr(1, close - 1);
      path.remove_prefix(close + 1);
    } else {
      const size_t end = std::min(path.find('.'), path.size());
      part = path.substr(0, end);
      path.remove_prefix(end);
    }
    if (part.empty()) return {};
    parts.push_back(std::move(part));
    if (path.empty()) return parts;
    if (path.front() != '.') return {};
    path.remove_prefix(1);
  }
}

/// Splits `text not null from a.b` and reads it; false after an error.
bool read_column(plan_context& context, const std::string& name, const yaml_node& written, record_schema& made) {
  std::string_view rest = trimmed(written.text);
  const std::string folded = ascii::lower(rest);
  std::vector<std::string> path{name};
  if (const size_t from = folded.find(" from "); from != std::string::npos) {
    path = path_parts(trimmed(rest.substr(from + 6)));
    if (path.empty()) {
      context.problems.error(codes::wrong_scalar, position_within(written, from + 6, context.text_of(written.at.file)),
                             "the path of `" + name + "` is not one", "names joined by dots: vitals.heart_rate");
      return false;
    }
    rest = trimmed(rest.substr(0, from));
  }
  bool nullable = true;
  if (ascii::lower(rest).ends_with(" not null")) {
    nullable = false;
    rest = trimmed(rest.substr(0, rest.size() - 9));
  }
  auto type = parse_type(rest);
  const bool storable = type && !type->is(type_id::timestamp) && !type->is(type_id::null);
  if (!storable) {
    std::string hint = "column: type [not null] [from path]";
    if (ascii::lower(rest).starts_with("timestamp")) hint = "times have a zone here: timestamptz (none in the data means UTC)";
    context.problems.error(codes::unknown_type, written.at, "`" + std::string(rest) + "` is not a column's type", hint,
                           nearest_names(ascii::lower(rest), type_names()));
    return false;
  }
  made.columns.fields.push_back({name, *type, nullable});
  made.paths.push_back(std::move(path));
  made.at.push_back(written.at);
  return true;
}

void fill_json(const object_view& json, proto::Decoder& decoder) {
  decoder.set_format(proto::Decoder::JSON);
  decoder.set_unknown_fields_reject(json.text("unknownFields") == "reject");
  decoder.set_strict_types(json.boolean("strictTypes"));
  decoder.set_lenient_json(json.boolean("lenient"));
}

void fill_decoder(plan_context& context, const object_view& source, proto::Source& made, bool& poisoned) {
  proto::Decoder& decoder = *made.mutable_decoder();
  if (made.kind() == proto::Source::GENERATOR) {
    // The simulator's events are NDJSON, decoded as a file's lines are.
    object_view json = source.object("format").object("json");
    if (source.has("format") && source.object("format").alternative() != "json") {
      context.problems.error(codes::excluded_key, source.at("format"), "the simulator's events are JSON", "leave `format` out");
      poisoned = true;
    }
    fill_json(json, decoder);
    return;
  }
  const bool kafka = made.kind() == proto::Source::KAFKA;
  if (!source.has("format")) {
    if (!source.node()->find("format"))
      context.problems.error(codes::missing_key, source.at(), kafka ? "a topic needs `format`" : "files need `format`", "format: {json: {}} or {csv: {}}");
    poisoned = true;
    return;
  }
  object_view format = source.object("format");
  if (format.alternative() == "json") {
    fill_json(format.object("json"), decoder);
    return;
  }
  object_view csv = format.object("csv");
  decoder.set_format(proto::Decoder::CSV);
  decoder.set_unknown_fields_reject(csv.text("unknownFields") == "reject");
  decoder.set_strict_types(csv.boolean("strictTypes"));
  decoder.set_header(csv.boolean("header") && !kafka);
  for (std::string_view key : {"header", "quotedNewlines"}) {
    if (!kafka || !csv.has(key) || !csv.boolean(key)) continue;
    context.problems.error(codes::excluded_key, csv.at(key), "`" + std::string(key) + "` is for files",
                           "a Kafka record is one CSV record, its values in the schema's order");
    poisoned = true;
  }
  for (std::string_view key : {"delimiter", "quote"}) {
    std::string character = csv.text(key);
    if (character.size() != 1 || character == "\n" || character == "\r") {
      context.problems.error(codes::wrong_scalar, csv.get(key)->at, "`" + std::string(key) + "` wants one ASCII character");
      poisoned = true;
    }
    (key == "quote" ? decoder.mutable_quote() : decoder.mutable_delimiter())->assign(character);
  }
  if (decoder.quote() == decoder.delimiter()) {
    context.problems.error(codes::excluded_key, csv.at("delimiter"), "`delimiter` and `quote` are the same");
    poisoned = true;
  }
  for (const std::string& word : csv.texts("nullWords")) decoder.add_null_words(word);
  decoder.set_quoted_newlines(csv.boolean("quotedNewlines"));
  decoder.set_trim(csv.boolean("trim"));
}

void fill_watermark(plan_context& context, const object_view& source, logical_node& made, proto::Source& source_message) {
  if (!source.has("watermark")) return;
  object_view watermark = source.object("watermark");
  const std::string column = watermark.text("column");
  const int index = made.out.columns.find(column);
  if (index < 0) {
    std::vector<std::string> names;
    for (const field& f : made.out.columns.fields) names.push_back(f.name);
    context.problems.error(codes::unknown_column, watermark.get("column")->at, "no column `" + column + "` in the schema", {},
                           nearest_names(column, names));
    made.out.poisoned = true;
    return;
  }
  if (!made.out.columns.fields[static_cast<size_t>(index)].type.is(type_id::timestamptz)) {
    context.problems.error(codes::wrong_type, watermark.get("column")->at,
                           "event time must be TIMESTAMPTZ, `" + column + "` is " +
                               to_string(made.out.columns.fields[static_cast<size_t>(index)].type));
    made.out.poisoned = true;
    return;
  }
  proto::Watermark& message = *source_message.mutable_watermark();
  message.set_column(column);
  message.set_max_out_of_orderness_us(watermark.duration_us("maxOutOfOrderness"));
  message.set_idle_timeout_us(watermark.duration_us("idleTimeout"));
  message.set_advance_when_idle(watermark.boolean("advanceWhenIdle"));
  message.set_max_drift_us(watermark.duration_us("maxDrift"));
  made.out.has_event_time = true;
  made.out.event_time = column;
  made.reads_always.push_back(column);
}

void fill_ingestion_time(plan_context& context, const object_view& source, logical_node& made, proto::Source& message) {
  const yaml_node* written = source.get("ingestionTime");
  made.replayable = written != nullptr;
  if (!written || takes_broker_time(*written, message)) return;
  expression_binder binder(context);
  expression_ptr bound = binder.bind(*written, scope_of(made.out.columns), data_type{type_id::timestamptz});
  if (!bound) {
    made.out.poisoned = true;
    return;
  }
  if (bound->reads_ingestion_time()) {
    binder.report(*written, 0, codes::expression, "the time of arrival cannot be made of itself",
                  "use columns and param(); where it is NULL the clock is taken");
    made.out.poisoned = true;
  }
  *message.mutable_ingestion_time() = binder.message(*written);
}

/// "60", "0.5"
std::string seconds_text(int64_t micros) {
  std::string text = std::to_string(micros / 1'000'000);
  if (micros % 1'000'000 == 0) return text;
  std::string fraction = std::to_string(micros % 1'000'000 + 1'000'000).substr(1);
  while (fraction.back() == '0') fraction.pop_back();
  return text + "." + fraction;
}

void fill_generator(const object_view& generator, proto::Source& message) {
  for (std::string_view key : {"kind", "seed", "count", "rate", "stays", "surge", "dirt", "start", "speed", "hospitals"})
    (*message.mutable_generator())[std::string(key)] = generator.text(key);
  (*message.mutable_generator())["step"] = seconds_text(generator.duration_us("step"));
}

}  // namespace

record_schema read_columns(plan_context& context, const yaml_node& columns) {
  record_schema made;
  for (const yaml_node::entry& entry : columns.entries)
    if (entry.value.invalid || !read_column(context, entry.key, entry.value, made)) made.poisoned = true;
  if (columns.entries.empty()) made.poisoned = true;
  return made;
}

std::string resolve_path(const plan_context& context, const yaml_node* path) {
  if (!path) return {};
  if (path->starts_with_parameter || context.base_directory.empty() || path->text.starts_with('/')) return path->text;
  return (std::filesystem::path(context.base_directory) / path->text).lexically_normal().string();
}

void plan_source(plan_context& context, const object_view& source, bool is_table, uint32_t number, logical_node& made) {
  proto::Source& message = *made.node.mutable_source();
  message.set_number(number);
  made.is_source = !is_table;
  made.is_table = is_table;
  bool poisoned = source.node()->invalid;
  if (!is_table) made.out.enabled = source.boolean("enabled");
  object_view written = source.object("schema");
  record_schema found;
  if (const yaml_node* reference = written.get("ref")) {
    auto known = context.schemas.find(reference->text);
    if (known == context.schemas.end()) {
      std::vector<std::string> names;
      for (const auto& [name, value] : context.schemas) names.push_back(name);
      context.problems.error(codes::unknown_name, reference->at, "no schema `" + reference->text + "` in spec.schemas", {},
                             nearest_names(reference->text, names));
      poisoned = true;
    } else {
      found = known->second;
    }
  } else if (const yaml_node* columns = written.get("columns")) {
    found = read_columns(context, *columns);
  }
  made.out.columns = found.columns;
  made.out.poisoned = poisoned || found.poisoned;
  if (made.out.poisoned) return;
  made.strict = written.boolean("strict");

  if (source.has("files")) {
    object_view files = source.object("files");
    message.set_kind(proto::Source::FILES);
    message.set_path(resolve_path(context, files.get("path")));
    if (files.text("order") == "byName") message.set_order("byName");
    message.set_follow(files.boolean("follow"));
    if (is_table && message.follow()) {
      context.problems.error(codes::excluded_key, files.at("follow"), "a table is read to its end", "`follow` is for sources");
      made.out.poisoned = true;
    }
    made.out.bounded = !message.follow();
  } else if (source.has("kafka")) {
    fill_kafka_source(context, source, made, message);
  } else if (source.has("postgresql")) {
    if (!fill_postgresql_table(context, source, message)) made.out.poisoned = true;
    made.out.bounded = true;  // what is refreshed ends with the streams that it is joined to
    made.out.refreshed = is_refreshed(message);
  } else {
    object_view generator = source.object("generator");
    message.set_kind(proto::Source::GENERATOR);
    fill_generator(generator, message);
    made.out.bounded = generator.integer("count") > 0;
  }
  if (message.kind() != proto::Source::POSTGRES) fill_decoder(context, source, message, made.out.poisoned);
  for (size_t i = 0; i < found.columns.fields.size(); ++i) {
    proto::SourceColumn* column = message.add_columns();
    const field& f = found.columns.fields[i];
    column->mutable_field()->set_name(f.name);
    *column->mutable_field()->mutable_type() = type_message(f.type);
    column->mutable_field()->set_not_null(!f.nullable);
    for (const std::string& part : found.paths[i]) column->add_path(part);
  }
  if (message.kind() == proto::Source::KAFKA)
    mark_kafka_columns(context, found.at, made, message);
  made.out.no_key_reason = "a source may give a row again";
  if (is_table) {
    if (source.has("refresh") && message.kind() != proto::Source::POSTGRES) {
      context.problems.error(codes::not_in_this_build, source.at("refresh"), "`refresh` of files is not in this build",
                             "tables of PostgreSQL are refreshed");
      made.out.poisoned = true;
    }
    made.out.no_key_reason = "the table has no primaryKey";
    if (!source.has("primaryKey")) return;
    std::vector<std::string> key = source.texts("primaryKey");
    for (const yaml_node& column : source.get("primaryKey")->items) {
      if (made.out.columns.find(column.text) >= 0) continue;
      std::vector<std::string> names;
      for (const field& f : made.out.columns.fields) names.push_back(f.name);
      context.problems.error(codes::unknown_column, column.at, "no column `" + column.text + "` in the schema", {},
                             nearest_names(column.text, names));
      made.out.poisoned = true;
    }
    made.out.upsert_key = std::move(key);
    return;
  }
  fill_watermark(context, source, made, message);
  fill_ingestion_time(context, source, made, message);
}

}  // namespace systole
