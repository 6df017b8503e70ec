#include "plan/plan_kafka_source.h"

#include <algorithm>
#include <charconv>

#include "expr/text/text_input.h"
#include "plan/diagnostic_codes.h"
#include "plan/expression_binder.h"
#include "plan/plan_connection.h"

namespace systole {
namespace {

/// A part of the record and the types that a column of it may have.
struct record_part {
  const char* name;
  proto::SourceColumn::KafkaPart part;
  std::vector<type_id> types;
  bool may_be_null;
};
const std::vector<record_part>& record_parts() {
  static const std::vector<record_part> made{
      {"key", proto::SourceColumn::KEY, {type_id::text, type_id::bytea}, true},
      {"headers", proto::SourceColumn::HEADER, {type_id::text, type_id::bytea}, true},
      {"timestamp", proto::SourceColumn::TIMESTAMP, {type_id::timestamptz}, true},
      {"partition", proto::SourceColumn::PARTITION, {type_id::int32, type_id::int64}, false},
      {"offset", proto::SourceColumn::OFFSET, {type_id::int64}, false},
      {"topic", proto::SourceColumn::TOPIC, {type_id::text}, false},
      {"tombstone", proto::SourceColumn::TOMBSTONE, {type_id::boolean}, false},
  };
  return made;
}

constexpr const char* broker_time_column = "kafka.timestamp";

bool read_timestamp(plan_context& context, const yaml_node& written, int64_t& micros) {
  if (!read_timestamptz(written.text, micros)) return true;
  context.problems.error(codes::wrong_scalar, written.at, "`timestamp` wants a point in time", "2026-01-31T08:00:00Z");
  return false;
}

bool read_offsets(plan_context& context, const yaml_node& written, proto::KafkaSource& into) {
  bool ok = true;
  for (const yaml_node::entry& entry : written.entries) {
    uint32_t partition = 0;
    const char* const end = entry.key.data() + entry.key.size();
    const auto read = std::from_chars(entry.key.data(), end, partition);
    int64_t offset = 0;
    const std::string& text = entry.value.text;
    const auto value = std::from_chars(text.data(), text.data() + text.size(), offset);
    if (read.ec == std::errc() && read.ptr == end && value.ec == std::errc()) {
      (*into.mutable_start_offsets())[partition] = offset;
      continue;
    }
    context.problems.error(codes::bad_name, entry.at, "`" + entry.key + "` is not a partition's number", "offsets: {0: 5, 1: 0}");
    ok = false;
  }
  return ok;
}

bool read_start(plan_context& context, const object_view& kafka, proto::KafkaSource& into) {
  const yaml_node* written = kafka.get("startingOffsets");
  into.set_start(proto::KafkaSource::EARLIEST);
  if (!written) return !kafka.node()->find("startingOffsets");
  if (written->is_scalar()) {
    if (written->text == "latest") into.set_start(proto::KafkaSource::LATEST);
    return true;
  }
  const object_view start = kafka.object("startingOffsets");
  if (const yaml_node* time = start.get("timestamp")) {
    into.set_start(proto::KafkaSource::TIMESTAMP);
    int64_t micros = 0;
    if (!read_timestamp(context, *time, micros)) return false;
    into.set_start_timestamp_us(micros);
    return true;
  }
  into.set_start(proto::KafkaSource::OFFSETS);
  return start.has("offsets") && read_offsets(context, *start.get("offsets"), into);
}

/// The characters and lengths that a broker takes.
bool is_topic_name(const std::string& name) {
  if (name.empty() || name.size() > 249 || name == "." || name == "..") return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == std::string::npos;
}

}  // namespace

void fill_kafka_source(plan_context& context, const object_view& source, logical_node& made, proto::Source& message) {
  const object_view kafka = source.object("kafka");
  message.set_kind(proto::Source::KAFKA);
  proto::KafkaSource& into = *message.mutable_kafka();
  bool ok = find_connection(context, kafka, "kafka", *message.mutable_connection());
  into.set_topic(kafka.text("topic"));
  if (kafka.has("topic") && !is_topic_name(into.topic())) {
    context.problems.error(codes::bad_name, kafka.get("topic")->at, "`" + into.topic() + "` is not a topic's name",
                           "letters, digits, ., _ and -, at most 249");
    ok = false;
  }
  ok &= read_start(context, kafka, into);
  into.set_discovery_interval_us(kafka.duration_us("discoveryInterval"));
  into.set_bounded(kafka.boolean("bounded"));
  made.out.bounded = into.bounded();
  if (!ok) made.out.poisoned = true;
}

void mark_kafka_columns(plan_context& context, const std::vector<source_position>& written_at, logical_node& made,
                        proto::Source& message) {
  for (int i = 0; i < message.columns_size(); ++i) {
    proto::SourceColumn& column = *message.mutable_columns(i);
    const source_position at = written_at[static_cast<size_t>(i)];
    if (column.path_size() < 2 || column.path(0) != "kafka") continue;
    const std::string name = column.path(1);
    std::string known;
    const record_part* found = nullptr;
    for (const record_part& each : record_parts()) {
      known += (known.empty() ? "kafka." : ", kafka.") + std::string(each.name) +
               (each.part == proto::SourceColumn::HEADER ? ".NAME" : "");
      if (name == each.name) found = &each;
    }
    const std::string what = "the column `" + column.field().name() + "`";
    const int length = found && found->part == proto::SourceColumn::HEADER ? 3 : 2;
    std::string path;
    for (const std::string& part : column.path()) path += (path.empty() ? "" : ".") + part;
    if (!found || column.path_size() != length) {
      context.problems.error(codes::unknown_name, at, what + ": there is no `" + path + "` beside a record's value",
                             known + "; quote a header's name that has dots: kafka.headers.\"a.b\"");
      made.out.poisoned = true;
      continue;
    }
    const data_type type = type_of(column.field().type());
    bool fits = false;
    std::string types;
    for (type_id each : found->types) {
      fits |= type.is(each);
      types += (types.empty() ? "" : " or ") + to_string(data_type{each});
    }
    if (!fits) {
      context.problems.error(codes::wrong_type, at, what + ": `" + path + "` is " + types + ", not " + to_string(type));
      made.out.poisoned = true;
      continue;
    }
    if (found->part == proto::SourceColumn::TOMBSTONE && message.decoder().format() != proto::Decoder::JSON) {
      context.problems.error(codes::excluded_key, at, "`kafka.tombstone` needs format: {json: {}}",
                             "a CSV record without values is none");
      made.out.poisoned = true;
      continue;
    }
    column.set_kafka(found->part);
    if (length == 3) column.mutable_path()->DeleteSubrange(0, 2);
  }
}

bool takes_broker_time(const yaml_node& written, proto::Source& message) {
  if (message.kind() != proto::Source::KAFKA || written.text != broker_time_column) return false;
  proto::SourceColumn* column = message.add_columns();
  column->mutable_field()->set_name(broker_time_column);
  *column->mutable_field()->mutable_type() = type_message(data_type{type_id::timestamptz});
  column->set_checked_only(true);
  column->set_kafka(proto::SourceColumn::TIMESTAMP);
  message.mutable_ingestion_time()->set_sql("\"" + std::string(broker_time_column) + "\"");
  return true;
}

}  // namespace systole
