#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "state/changes/delta_drainer.h"
#include "state/changes/delta_format.h"
#include "state/changes/delta_segment.h"

namespace systole {

/// The task's side of the deltas: tables append their changes, full chunks stream to the segment of the running epoch.
/// Called by the task's thread only.
class delta_log {
 public:
  using segment_factory = std::function<std::shared_ptr<delta_segment>()>;
  explicit delta_log(segment_factory make_segment) : make_segment_(std::move(make_segment)) {}

  /// Takes a full chunk, with back pressure. Tables call it through table_delta.
  void push(delta_chunk chunk) { hand_over(std::move(chunk), false); }
  /// As push() for what a barrier leaves over.
  void push_last(delta_chunk chunk) { hand_over(std::move(chunk), true); }
  /// Ends the epoch's segment; nullptr where nothing was pushed. Tables must have flushed before.
  std::shared_ptr<delta_segment> cut() { return std::exchange(current_, nullptr); }
  size_t waiting_bytes() const { return current_ ? current_->waiting_bytes() : 0; }

 private:
  void hand_over(delta_chunk chunk, bool last) {
    if (!current_) current_ = make_segment_();
    if (last) return current_->push(std::move(chunk), true);
    current_->push(std::move(chunk), false);
    drainer_.wake(current_);
  }

  segment_factory make_segment_;
  std::shared_ptr<delta_segment> current_;
  delta_drainer drainer_;
};

/// One table's open chunk. Task's thread.
class table_delta {
 public:
  table_delta(delta_log& log, table_shape table) : log_(log) { chunk_.table = table; }

  const table_shape& table() const { return chunk_.table; }

  /// Values: the value has the table's fixed size, or any size where that is 0.
  void put(std::string_view key, std::string_view value) {
    append_record_key(chunk_.bytes, key, false);
    if (chunk_.table.fixed_value_bytes == 0) {
      append_bytes(chunk_.bytes, value);
    } else {
      chunk_.bytes.append(value);
    }
    end_record();
  }
  void erase(std::string_view key) {
    append_record_key(chunk_.bytes, key, true);
    end_record();
  }
  /// Maps and timers.
  void add(const delta_record& record) {
    append_record(chunk_.bytes, chunk_.table, record);
    end_record();
  }

  /// Hands the rest over at a barrier.
  void flush() {
    if (chunk_.records == 0) return;
    log_.push_last(take());
  }
  size_t memory_bytes() const { return chunk_.bytes.capacity(); }

 private:
  void end_record() {
    ++chunk_.records;
    if (chunk_.bytes.size() >= limits::delta_chunk_bytes) {
      log_.push(take());
      chunk_.bytes.reserve(limits::delta_chunk_bytes + limits::delta_chunk_bytes / 16);  // one allocation instead of doubling
    }
  }
  delta_chunk take() {
    delta_chunk full{chunk_.table, std::exchange(chunk_.records, 0), std::move(chunk_.bytes)};
    chunk_.bytes = {};
    return full;
  }

  delta_log& log_;
  delta_chunk chunk_;
};

}  // namespace systole
