#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "data/row_encoding.h"

namespace systole {

/// The hidden columns of a result that two rows made: event time and ingestion time are the larger of the two (a NULL
/// one gives way), and so is the position, so that it does not depend on which row came last.
struct hidden_values {
  std::optional<timestamp_us> event_time;
  std::optional<timestamp_us> ingestion_time;
  std::optional<uint128> position;

  static hidden_values of(const batch& rows, size_t row);
  /// Takes the larger values.
  void combine(const hidden_values& other);
};

/// Gives `into` the hidden columns that its rows' `values` have: event time always, ingestion time and position where any
/// row has one.
void set_hidden_columns(const std::vector<hidden_values>& values, batch& into);

/// Collects the hidden columns of result rows.
class hidden_builder {
 public:
  void append(const hidden_values& values) { rows_.push_back(values); }
  size_t size() const { return rows_.size(); }
  /// set_hidden_columns(), and starts anew.
  void finish(batch& into);

 private:
  std::vector<hidden_values> rows_;
};

enum stored_hidden_flag : uint8_t { stored_event_time = 1, stored_ingestion_time = 2, stored_position = 4 };

/// Appends what a join keeps of a row besides its columns (docs/format/join_state.md): a byte of flags, then what they
/// announce: 1 event time, 2 ingestion time (8 bytes each), 4 position (16 bytes).
void append_hidden(std::string& out, const hidden_values& values);
/// Reads it back into empty values and removes it from `encoded`; false where it is cut short.
inline bool read_hidden(std::string_view& encoded, hidden_values& into) {
  byte_reader reader(encoded);
  const auto flags = reader.fixed<uint8_t>();
  if (flags & stored_event_time) into.event_time = reader.fixed<int64_t>();
  if (flags & stored_ingestion_time) into.ingestion_time = reader.fixed<int64_t>();
  if (flags & stored_position) into.position = reader.fixed<uint128>();
  if (!reader.ok()) return false;
  encoded.remove_prefix(encoded.size() - reader.remaining());
  return true;
}
/// As read_hidden; `corrupt` where it is cut short.
result<hidden_values> take_hidden(std::string_view& encoded);

/// A time as 8 bytes that memcmp orders.
void append_ordered_time(std::string& out, timestamp_us time);
/// REQUIRES: at least 8 bytes.
timestamp_us read_ordered_time(std::string_view bytes);

/// a + b, cut off at the ends of the range.
constexpr timestamp_us add_saturating(timestamp_us a, int64_t b) {
  timestamp_us sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? watermark_none : watermark_end;
}

}  // namespace systole
