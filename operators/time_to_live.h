#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "operators/operator.h"

namespace systole {

/// A step's TTL: what time a row counts as, when an entry is absent, and when to look for entries to purge. Entries begin
/// with the time of their last write (int64).
class time_to_live {
 public:
  time_to_live(int64_t ttl_us, bool processing_time, const operator_context& context)
      : ttl_us_(ttl_us), processing_time_(processing_time), time_(context.time) {}

  bool enabled() const { return ttl_us_ > 0; }
  /// The time that a row is judged at.
  timestamp_us judged_at(const batch& rows, size_t row) const {
    if (processing_time_) return time_->now_us();
    return rows.has_event_time(row) ? std::max(rows.event_time(row), watermark_) : watermark_;
  }
  /// The time that a row's write has.
  timestamp_us written_at(const batch& rows, size_t row) const {
    if (processing_time_) return time_->now_us();
    return rows.has_event_time(row) ? rows.event_time(row) : watermark_;
  }
  bool absent(timestamp_us written, timestamp_us judged) const {
    timestamp_us end;
    // A write whose time is not known (no watermark either) stays.
    if (written == watermark_none || __builtin_add_overflow(written, ttl_us_, &end)) return false;
    return judged >= end;
  }

  void advance(timestamp_us watermark) { watermark_ = std::max(watermark_, watermark); }
  /// Erases absent entries, looking through the table each time another quarter of the TTL has gone by.
  result<void> purge(value_table& table);

  std::string snapshot() const { return {reinterpret_cast<const char*>(&watermark_), sizeof watermark_}; }
  /// Takes the lowest watermark of the old subtasks.
  result<void> restore(std::string_view bytes);
  std::string fingerprint() const;

 private:
  int64_t ttl_us_;
  bool processing_time_;
  const clock* time_;
  timestamp_us watermark_ = watermark_none;
  timestamp_us next_purge_ = watermark_none;
  bool restored_ = false;
};

}  // namespace systole
