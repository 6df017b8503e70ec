#include "operators/stored_row.h"

#include <algorithm>

namespace systole {
namespace {

template <class T>
void take_larger(std::optional<T>& mine, const std::optional<T>& other) {
  if (other && (!mine || *mine < *other)) mine = other;
}

template <class Stored, class T>
column_ptr build(hidden which, const std::vector<hidden_values>& rows, std::optional<T> hidden_values::*value) {
  column_builder builder(hidden_types[static_cast<size_t>(which)], rows.size());
  for (const hidden_values& each : rows) {
    if (each.*value) builder.append<Stored>(static_cast<Stored>(*(each.*value)));
    else builder.append_null();
  }
  return builder.finish();
}

}  // namespace

hidden_values hidden_values::of(const batch& rows, size_t row) {
  hidden_values values;
  if (rows.has_event_time(row)) values.event_time = rows.event_time(row);
  const column_ptr& ingestion = rows.hidden_column(hidden::ingestion_time);
  if (ingestion && ingestion->is_valid(row)) values.ingestion_time = ingestion->values<int64_t>()[row];
  const column_ptr& positions = rows.hidden_column(hidden::position);
  if (positions && positions->is_valid(row)) values.position = rows.position(row);
  return values;
}

void hidden_values::combine(const hidden_values& other) {
  take_larger(event_time, other.event_time);
  take_larger(ingestion_time, other.ingestion_time);
  take_larger(position, other.position);
}

void set_hidden_columns(const std::vector<hidden_values>& values, batch& into) {
  into.set_hidden(hidden::event_time, build<int64_t>(hidden::event_time, values, &hidden_values::event_time));
  if (std::any_of(values.begin(), values.end(), [](const hidden_values& v) { return v.ingestion_time.has_value(); }))
    into.set_hidden(hidden::ingestion_time,
                    build<int64_t>(hidden::ingestion_time, values, &hidden_values::ingestion_time));
  if (std::any_of(values.begin(), values.end(), [](const hidden_values& v) { return v.position.has_value(); }))
    into.set_hidden(hidden::position, build<int128>(hidden::position, values, &hidden_values::position));
}

void hidden_builder::finish(batch& into) {
  set_hidden_columns(rows_, into);
  rows_.clear();
}

void append_hidden(std::string& out, const hidden_values& values) {
  out.push_back(static_cast<char>((values.event_time ? stored_event_time : 0) |
                                  (values.ingestion_time ? stored_ingestion_time : 0) |
                                  (values.position ? stored_position : 0)));
  if (values.event_time) append_fixed(out, *values.event_time);
  if (values.ingestion_time) append_fixed(out, *values.ingestion_time);
  if (values.position) append_fixed(out, *values.position);
}

result<hidden_values> take_hidden(std::string_view& encoded) {
  hidden_values values;
  if (!read_hidden(encoded, values))
    return fail(error_code::corrupt, "a stored row is cut short; restore from another checkpoint");
  return values;
}

void append_ordered_time(std::string& out, timestamp_us time) {
  const uint64_t bits = __builtin_bswap64(static_cast<uint64_t>(time) ^ uint64_t{1} << 63);
  append_fixed(out, bits);
}

timestamp_us read_ordered_time(std::string_view bytes) {
  uint64_t bits;
  std::memcpy(&bits, bytes.data(), sizeof bits);
  return static_cast<timestamp_us>(__builtin_bswap64(bits) ^ uint64_t{1} << 63);
}

}  // namespace systole
