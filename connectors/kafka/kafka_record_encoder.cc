#include "connectors/kafka/kafka_record_encoder.h"

#include "base/bytes.h"
#include "connectors/dead_letter_encoder.h"
#include "connectors/kafka/kafka_partition.h"
#include "expr/text/text_output.h"

namespace systole {
namespace {

/// A value's text as PostgreSQL writes it.
void append_cell(std::string& out, const column& values, size_t row) {
  switch (values.type().id) {
    case type_id::text: out += values.text(row); return;
    case type_id::bytea: append_bytea_text(out, values.text(row)); return;
    case type_id::boolean: append_text(out, values.values<uint8_t>()[row] != 0); return;
    case type_id::int32: append_text(out, values.values<int32_t>()[row]); return;
    case type_id::int64: append_text(out, values.values<int64_t>()[row]); return;
    case type_id::float64: append_text(out, values.values<double>()[row]); return;
    case type_id::numeric: append_text(out, decimal{values.values<int128>()[row], values.scale(row)}); return;
    case type_id::date: append_date_text(out, values.values<int32_t>()[row]); return;
    case type_id::timestamp: append_timestamp_text(out, values.values<int64_t>()[row]); return;
    case type_id::timestamptz: append_timestamptz_text(out, values.values<int64_t>()[row]); return;
    case type_id::interval: append_interval_text(out, values.values<interval_value>()[row]); return;
    case type_id::null: return;
  }
}

schema columns_at(const schema& all, const std::vector<size_t>& indexes) {
  schema made;
  for (const size_t index : indexes) made.fields.push_back(all.fields[index]);
  return made;
}

}  // namespace

void append_kafka_header(std::string& out, std::string_view name, std::string_view value) {
  append_bytes(out, name);
  append_fixed(out, uint8_t{1});
  append_bytes(out, value);
}

void append_kafka_null_header(std::string& out, std::string_view name) {
  append_bytes(out, name);
  append_fixed(out, uint8_t{0});
}

void kafka_record_encoder::part::encode(const batch& rows) {
  bytes.clear();
  ends.clear();
  if (!encoder) return;
  if (columns.empty()) return encoder->encode(rows, bytes, &ends);
  std::vector<column_ptr> some;
  for (const size_t index : columns) some.push_back(rows.share(index));
  encoder->encode(batch(rows.rows(), std::move(some)), bytes, &ends);
}

result<std::unique_ptr<kafka_record_encoder>> kafka_record_encoder::make(const kafka_record_settings& settings) {
  std::unique_ptr<kafka_record_encoder> made(new kafka_record_encoder(settings));
  const bool dead_letter = settings.format == "deadLetter";
  const std::string format = dead_letter ? "json" : settings.format;
  if (dead_letter) {
    SYSTOLE_TRY(check_dead_letter_columns(settings.columns));
    made->value_.encoder = make_dead_letter_encoder();
  } else {
    SYSTOLE_ASSIGN(made->value_.encoder, make_encoder(format, settings.columns));
  }
  for (const auto& [into, indexes] : {std::pair(&made->key_, &settings.key), std::pair(&made->place_, &settings.partition_by)}) {
    if (indexes->empty()) continue;
    into->columns = *indexes;
    SYSTOLE_ASSIGN(into->encoder, make_encoder(format, columns_at(settings.columns, *indexes)));
  }
  return made;
}

void kafka_record_encoder::encode_headers(const batch& rows) {
  headers_.clear();
  header_ends_.clear();
  for (size_t row = 0; row < rows.rows(); ++row) {
    for (const auto& [name, index] : settings_.headers) {
      const column& values = rows.at(index);
      if (values.is_null(row)) {
        append_kafka_null_header(headers_, name);
        continue;
      }
      text_.clear();
      append_cell(text_, values, row);
      append_kafka_header(headers_, name, text_);
    }
    header_ends_.push_back(headers_.size());
  }
}

batch kafka_record_encoder::encode(const batch& rows) {
  const size_t count = rows.rows();
  value_.encode(rows);
  key_.encode(rows);
  place_.encode(rows);
  column_builder keys({type_id::bytea}, count), values({type_id::bytea}, count), headers({type_id::bytea}, count),
      places({type_id::int32}, count);
  if (!settings_.headers.empty()) encode_headers(rows);
  const part* const by = place_.encoder ? &place_ : key_.encoder ? &key_ : nullptr;
  for (size_t row = 0; row < count; ++row) {
    if (key_.encoder) keys.append_text_reference(key_.text(row));
    else keys.append_null();
    if (settings_.upsert && sign(rows.kind(row)) < 0) values.append_null();
    else values.append_text_reference(value_.text(row));
    if (settings_.headers.empty()) {
      headers.append_null();
    } else {
      const size_t begin = row ? header_ends_[row - 1] : 0;
      headers.append_text_reference(std::string_view(headers_).substr(begin, header_ends_[row] - begin));
    }
    if (by) places.append<int32_t>(kafka_key_hash(by->text(row)));
    else places.append_null();
  }
  return batch(count, {keys.finish(), values.finish(), headers.finish(), places.finish()});
}

}  // namespace systole
