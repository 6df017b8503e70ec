#include "connectors/kafka/kafka_record_encoder.h"

#include <algorithm>

#include "base/bytes.h"
#include "connectors/dead_letter_encoder.h"
#include "connectors/kafka/kafka_partition.h"
#include "expr/text/text_output.h"

namespace systole {
namespace {

constexpr size_t rows_at_once = 64;

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

void kafka_record_encoder::part::begin(const batch& rows) {
  if (columns.empty()) return;
  std::vector<column_ptr> shared;
  for (const size_t index : columns) shared.push_back(rows.share(index));
  some = batch(rows.rows(), std::move(shared));
}

void kafka_record_encoder::part::encode(const batch& rows, size_t first, size_t count) {
  bytes.clear();
  ends.clear();
  if (encoder) encoder->encode_some(columns.empty() ? rows : some, first, count, bytes, &ends);
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

void kafka_record_encoder::begin(const batch& rows) {
  rows_ = &rows;
  first_ = count_ = 0;
  for (part* const each : {&value_, &key_, &place_}) each->begin(rows);
}

size_t kafka_record_encoder::next() {
  first_ += count_;
  count_ = std::min(rows_at_once, rows_->rows() - first_);
  if (count_ == 0) {
    for (part* const each : {&value_, &key_, &place_}) each->some = batch();
    return 0;
  }
  for (part* const each : {&value_, &key_, &place_}) each->encode(*rows_, first_, count_);
  if (!settings_.headers.empty()) encode_headers();
  return count_;
}

void kafka_record_encoder::encode_headers() {
  headers_.clear();
  header_ends_.clear();
  for (size_t row = first_; row < first_ + count_; ++row) {
    for (const auto& [name, index] : settings_.headers) {
      const column& values = rows_->at(index);
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

kafka_encoded_record kafka_record_encoder::record(size_t index) const {
  kafka_encoded_record made;
  if (key_.encoder) made.key = key_.text(index);
  if (!settings_.upsert || sign(rows_->kind(first_ + index)) >= 0) made.value = value_.text(index);
  if (!settings_.headers.empty()) {
    const size_t begin = index ? header_ends_[index - 1] : 0;
    made.headers = std::string_view(headers_).substr(begin, header_ends_[index] - begin);
  }
  if (place_.encoder) made.place = kafka_key_hash(place_.text(index));
  else if (key_.encoder) made.place = kafka_key_hash(*made.key);
  return made;
}

}  // namespace systole
