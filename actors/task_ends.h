#pragma once

#include <chrono>
#include <deque>

#include "actors/task.h"
#include "coordination/credit.h"

/// What a task keeps of its sources and channels; for task*.cc alone.
namespace systole {

struct task::source {
  source_part part;
  timestamp_us watermark = watermark_none;
  std::chrono::nanoseconds due{0};         ///< monotonic; not polled before
  std::chrono::microseconds idle_wait{0};  ///< grows while nothing comes
  uint64_t bytes = 0;
  bool finished = false;
  bool whole = false;       ///< serves_others: the table was given once
  bool end_wanted = false;  ///< it ends as soon as it is whole
};

struct task::input {
  planned_input from;
  size_t node = 0;  ///< in the chain
  uint32_t sender = 0;
  credit_receiver credit;
  uint64_t withheld = 0;  ///< consumed, and not granted yet
  uint64_t last_sequence = 0;
  std::deque<frame_ptr> waiting;
};

}  // namespace systole
