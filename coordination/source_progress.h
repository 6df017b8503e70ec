#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "coordination/control_messages.h"

namespace systole {

/// How far a worker's readers of an attempt's sources have come, for those of other workers that are too far ahead
/// (maxDrift). From worker to worker, since it must not hang on a coordinator, and again and again: what is lost is lost.
struct source_progress {
  struct standing {
    std::string step;
    timestamp_us slowest_us = 0;  ///< see split_alignment
  };
  incarnation_id from;
  job_id job;
  attempt_stamp stamp;
  std::vector<standing> sources;
};

/// The wire form; no coordinator_message begins as it does.
std::string encode(const source_progress& what);
bool is_source_progress(std::string_view bytes);
/// `corrupt` where the bytes are no such message.
result<source_progress> decode_source_progress(std::string_view bytes);

}  // namespace systole
