#include "connectors/kafka/kafka_record_batch.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "connectors/plan_types.h"
#include "expr/time/time_range.h"
#include "formats/utf8_check.h"

namespace systole {
namespace {

constexpr std::string_view malformed = "22P02", invalid_character = "22021", not_null_violation = "23502";

bool is_text_part(proto::SourceColumn::KafkaPart part) {
  return part == proto::SourceColumn::KEY || part == proto::SourceColumn::HEADER;
}

}  // namespace

kafka_record_batch::kafka_record_batch(const proto::Source& source, size_t capacity)
    : topic_(source.kafka().topic()),
      capacity_(capacity),
      columns_(static_cast<size_t>(source.columns_size())),
      json_(source.decoder().format() == proto::Decoder::JSON),
      keep_raw_(source.needs_raw()),
      lines_(json_) {
  for (int i = 0; i < source.columns_size(); ++i) {
    const proto::SourceColumn& column = source.columns(i);
    if (column.kafka() == proto::SourceColumn::VALUE) continue;
    beside_.push_back({.column = static_cast<size_t>(i),
                       .part = column.kafka(),
                       .type = column_type(column.field().type()),
                       .not_null = column.field().not_null(),
                       .name = column.field().name(),
                       .header = column.path_size() > 0 ? column.path(0) : std::string()});
    texts_of_.push_back(text_columns_);
    if (is_text_part(column.kafka())) ++text_columns_;
    wants_tombstones_ |= column.kafka() == proto::SourceColumn::TOMBSTONE;
    wants_time_ |= column.kafka() == proto::SourceColumn::TIMESTAMP;
  }
}

result<std::unique_ptr<kafka_record_batch>> kafka_record_batch::make(const proto::Source& source, size_t capacity) {
  std::unique_ptr<kafka_record_batch> made(new kafka_record_batch(source, capacity));
  proto::Source values = source;
  values.clear_columns();
  for (const proto::SourceColumn& column : source.columns())
    if (column.kafka() == proto::SourceColumn::VALUE) *values.add_columns() = column;
  values.mutable_decoder()->set_header(false);
  values.mutable_decoder()->set_quoted_newlines(false);
  SYSTOLE_ASSIGN(made->decoder_, make_decoder(values, capacity));
  return made;
}

void kafka_record_batch::keep_beside(const kafka_record& record, entry& made) {
  // Producers may send what is beyond all times.
  made.has_timestamp = wants_time_ && record.timestamp_ms >= 0 && record.timestamp_ms < timestamp_end / 1000;
  made.timestamp_us = made.has_timestamp ? record.timestamp_ms * 1000 : 0;
  if (text_columns_ == 0) return;
  for (const beside& each : beside_) {
    if (!is_text_part(each.part)) continue;
    std::optional<std::string_view> bytes;
    if (each.part == proto::SourceColumn::HEADER) bytes = record.header(each.header);
    else if (record.has_key) bytes = record.key;
    texts_.push_back({beside_bytes_.size(), bytes ? bytes->size() : 0, !bytes});
    if (bytes) beside_bytes_ += *bytes;
  }
}

void kafka_record_batch::reject(const entry& about, std::string_view raw, std::string_view reason,
                                std::string_view sqlstate) {
  reject_raws_.emplace_back(raw);
  rejects_.push_back({.reason = std::string(reason),
                      .sqlstate = std::string(sqlstate),
                      .offset = static_cast<uint64_t>(about.offset),
                      .raw = reject_raws_.back()});
}

result<void> kafka_record_batch::add(const kafka_record& record, const kafka_block& block, uint32_t partition) {
  assert(added_ < capacity_);
  if (added_++ == 0) reject_raws_.clear();
  partition_ = partition;
  entry made{.offset = record.offset, .tombstone = !record.has_value};
  std::string_view value = record.value;
  bytes_ += value.size();
  if (made.tombstone) {
    if (!wants_tombstones_) {
      ++tombstones_;
      return {};
    }
    value = "{}";
  }
  if (value.size() > limits::record_bytes) {
    reject(made, value.substr(0, limits::record_bytes), "longer than limits::record_bytes (16 MiB)", "54000");
    return {};
  }
  if (!json_) {
    if (value.ends_with('\n')) value.remove_suffix(1);
    if (std::memchr(value.data(), '\n', value.size())) {
      reject(made, value, "a line break in a CSV record", malformed);
      return {};
    }
  }
  if (lines_.must_end(record, value, block)) SYSTOLE_TRY(decode_lines());
  keep_beside(record, made);
  made.line = lines_.add(record, value, block);
  entries_.push_back(made);
  return {};
}

result<void> kafka_record_batch::decode_lines() {
  size_t at = 0;
  while (at < lines_.size() && decoder_->pending_records() < capacity_) {
    SYSTOLE_ASSIGN(const size_t used, decoder_->decode(lines_.span(at), capacity_ - decoder_->pending_records()));
    if (used == 0) return fail(error_code::internal, "the records of " + topic_ + " cannot be decoded");
    at += used;
  }
  lines_.end();
  return {};
}

std::vector<uint32_t> kafka_record_batch::match(decoded_records& decoded) {
  std::vector<uint32_t> rows(decoded.rows);
  size_t at = 0;
  const auto find = [&](uint64_t begin) {
    while (entries_[at].line.begin != begin) ++at;
    return at;
  };
  std::vector<bool> seen;
  const bool some_are_blank = decoded.records != entries_.size();
  if (some_are_blank) seen.resize(entries_.size());
  for (size_t row = 0; row < decoded.rows; ++row) {
    rows[row] = static_cast<uint32_t>(find(decoded.offsets[row]));
    decoded.offsets[row] = static_cast<uint64_t>(entries_[at].offset);
    if (keep_raw_) decoded.raws[row].remove_prefix(entries_[at].line.gap);
    if (some_are_blank) seen[at] = true;
  }
  at = 0;
  for (rejected_record& each : decoded.rejects) {
    const entry& from = entries_[find(each.offset)];
    each.offset = static_cast<uint64_t>(from.offset);
    each.raw.remove_prefix(from.line.gap);
    if (some_are_blank) seen[at] = true;
  }
  if (some_are_blank)
    for (size_t i = 0; i < seen.size(); ++i)
      if (!seen[i]) reject(entries_[i], {}, "an empty record", malformed);
  return rows;
}

column_ptr kafka_record_batch::build(const beside& what, size_t at, const std::vector<uint32_t>& rows) const {
  column_builder builder(what.type, rows.size());
  for (const uint32_t row : rows) {
    const entry& from = entries_[row];
    switch (what.part) {
      case proto::SourceColumn::KEY:
      case proto::SourceColumn::HEADER: {
        const text_range& text = texts_[row * text_columns_ + texts_of_[at]];
        const std::string_view bytes(beside_bytes_.data() + text.begin, text.size);
        if (text.is_null) builder.append_null();
        else builder.append_text_copy(bytes);
        break;
      }
      case proto::SourceColumn::TIMESTAMP:
        if (from.has_timestamp) builder.append<int64_t>(from.timestamp_us);
        else builder.append_null();
        break;
      case proto::SourceColumn::PARTITION:
        if (what.type.is(type_id::int32)) builder.append<int32_t>(static_cast<int32_t>(partition_));
        else builder.append<int64_t>(partition_);
        break;
      case proto::SourceColumn::OFFSET: builder.append<int64_t>(from.offset); break;
      case proto::SourceColumn::TOMBSTONE: builder.append<uint8_t>(from.tombstone ? 1 : 0); break;
      default: builder.append_text_copy(topic_); break;
    }
  }
  return builder.finish();
}

void kafka_record_batch::reject_nulls(decoded_records& decoded, const std::vector<column_ptr>& made,
                                      const std::vector<uint32_t>& rows, std::vector<uint32_t>& kept) {
  const auto raw = [&](size_t row) { return keep_raw_ ? decoded.raws[row] : std::string_view(); };
  for (uint32_t row = 0; row < rows.size(); ++row) {
    bool good = true;
    for (size_t i = 0; i < beside_.size() && good; ++i) {
      const bool is_null = made[i]->is_null(row);
      if (is_null && beside_[i].not_null) {
        reject(entries_[rows[row]], raw(row), "null in a not null field: " + beside_[i].name, not_null_violation);
        good = false;
      } else if (!is_null && beside_[i].type.is(type_id::text) && is_text_part(beside_[i].part) &&
                 !is_text(made[i]->text(row))) {
        reject(entries_[rows[row]], raw(row), "invalid UTF-8: " + beside_[i].name, invalid_character);
        good = false;
      }
    }
    if (good) kept.push_back(row);
  }
}

result<kafka_record_batch::taken> kafka_record_batch::take() {
  if (!lines_.empty()) SYSTOLE_TRY(decode_lines());
  taken made;
  made.decoded = decoder_->take();
  decoded_records& decoded = made.decoded;
  lines_.restore();
  const std::vector<uint32_t> rows = match(decoded);
  if (!beside_.empty()) {
    std::vector<column_ptr> own;
    for (size_t i = 0; i < beside_.size(); ++i) own.push_back(build(beside_[i], i, rows));
    std::vector<uint32_t> kept;
    const bool may_reject = std::any_of(beside_.begin(), beside_.end(), [](const beside& each) {
      return each.not_null || (is_text_part(each.part) && each.type.is(type_id::text));
    });
    if (may_reject) reject_nulls(decoded, own, rows, kept);
    if (may_reject && kept.size() != rows.size()) {
      for (column_ptr& each : decoded.columns) each = gather(*each, kept);
      for (column_ptr& each : own) each = gather(*each, kept);
      for (size_t i = 0; i < kept.size(); ++i) decoded.offsets[i] = decoded.offsets[kept[i]];
      decoded.offsets.resize(kept.size());
      if (keep_raw_) {
        for (size_t i = 0; i < kept.size(); ++i) decoded.raws[i] = decoded.raws[kept[i]];
        decoded.raws.resize(kept.size());
      }
      decoded.rows = kept.size();
    }
    std::vector<column_ptr> all(columns_);
    for (size_t i = 0; i < beside_.size(); ++i) all[beside_[i].column] = std::move(own[i]);
    size_t next = 0;
    for (column_ptr& each : all)
      if (!each) each = std::move(decoded.columns[next++]);
    decoded.columns = std::move(all);
  }
  decoded.rejects.insert(decoded.rejects.end(), std::make_move_iterator(rejects_.begin()),
                         std::make_move_iterator(rejects_.end()));
  decoded.records = added_;
  made.tombstones = tombstones_;
  made.bytes = bytes_;
  added_ = tombstones_ = 0;
  bytes_ = 0;
  entries_.clear();
  texts_.clear();
  beside_bytes_.clear();
  rejects_.clear();
  return made;
}

}  // namespace systole
