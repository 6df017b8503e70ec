#include "operators/join/interval_rows.h"

#include <algorithm>

#include "base/bytes.h"

namespace systole {
namespace {

row_layout stored_layout(const schema& side, const std::vector<int>& columns, int time_column) {
  row_layout layout;
  for (int each : columns)
    if (each != time_column) layout.types.push_back(side.fields[static_cast<size_t>(each)].type);
  return layout;
}

}  // namespace

interval_rows::interval_rows(const schema& side, std::vector<int> columns, int time_column, int64_t retention_us)
    : columns_(std::move(columns)),
      layout_(stored_layout(side, columns_, time_column)),
      retention_us_(retention_us),
      encoder_(layout_) {
  for (int each : columns_) is_time_.push_back(each == time_column);
}

result<void> interval_rows::open(const operator_context& context, const std::string& role,
                                 const std::string& fingerprint) {
  table_descriptor descriptor{.step = context.step, .name = role, .layout_version = row_encoding_version};
  descriptor.layout = "time, sequence -> hidden";
  for (data_type each : layout_.types) descriptor.layout += ", " + to_string(each);
  descriptor.fingerprint = fingerprint;
  SYSTOLE_ASSIGN(table_, context.state->open_map(descriptor));
  if (table_->size() == 0) oldest_ = watermark_end;
  next_sweep_ = std::max(sweep_rows, table_->size() + table_->size() / 2);
  return {};
}

void interval_rows::bind(const batch& rows) {
  std::vector<column_ptr> columns;
  for (size_t i = 0; i < columns_.size(); ++i)
    if (!is_time_[i]) columns.push_back(rows.share(static_cast<size_t>(columns_[i])));
  bound_ = rows.with_columns(std::move(columns));
  encoder_.bind(bound_);
}

result<void> interval_rows::put(std::string_view key, uint64_t hash, timestamp_us time, uint32_t row) {
  subkey_.clear();
  append_ordered_time(subkey_, time);
  append_varint(subkey_, sequence_++);
  value_.clear();
  hidden_values kept = hidden_values::of(bound_, row);
  kept.event_time.reset();  // the subkey has it
  append_hidden(value_, kept);
  encoder_.append(value_, row);
  oldest_ = std::min(oldest_, time);
  return table_->put(key, hash, subkey_, value_);
}

result<void> interval_rows::expire(timestamp_us watermark) {
  if (table_->size() < next_sweep_ || add_saturating(oldest_, retention_us_) > watermark) return {};
  timestamp_us oldest_left = watermark_end;
  SYSTOLE_TRY(table_->erase_if([&](std::string_view, std::string_view subkey, std::string_view) {
    const timestamp_us time = read_ordered_time(subkey);
    if (add_saturating(time, retention_us_) <= watermark) return true;
    oldest_left = std::min(oldest_left, time);
    return false;
  }));
  oldest_ = oldest_left;
  next_sweep_ = std::max(sweep_rows, table_->size() + table_->size() / 2);
  return {};
}

interval_matches::interval_matches(const interval_rows& rows, size_t capacity)
    : is_time_(rows.is_time_), capacity_(capacity), decoder_(rows.layout_, capacity) {
  hidden_.reserve(capacity);
}

result<void> interval_matches::append(std::string_view subkey, std::string_view value) {
  hidden_values hidden;
  if (!read_hidden(value, hidden) || subkey.size() < sizeof(timestamp_us)) [[unlikely]]
    return fail(error_code::corrupt, "a stored row of an interval join is cut short; restore from another checkpoint");
  hidden.event_time = read_ordered_time(subkey);
  SYSTOLE_TRY(decoder_.append(value));
  hidden_.push_back(hidden);
  return {};
}

std::vector<column_ptr> interval_matches::finish(std::vector<hidden_values>& hidden) {
  std::vector<column_ptr> columns;
  const batch decoded = decoder_.finish();
  size_t next = 0;
  for (bool is_time : is_time_) {
    if (!is_time) {
      columns.push_back(decoded.share(next++));
      continue;
    }
    column_builder builder({type_id::timestamptz}, hidden_.size());
    for (const hidden_values& each : hidden_) builder.append<int64_t>(*each.event_time);
    columns.push_back(builder.finish());
  }
  hidden.swap(hidden_);  // both keep their memory
  hidden_.clear();
  return columns;
}

}  // namespace systole
