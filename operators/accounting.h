#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace systole {

/// The counters of one step in one task; the sum over tasks proves where each row went:
/// row-wise  in = out + rejected + late + filtered + deduplicated + waiting;
/// stateful  in = absorbed + rejected + late + filtered;
/// expand    in = matched + unmatched + rejected.
/// Part of each checkpoint. Written by the task's thread.
struct step_accounting {
  uint64_t in = 0;
  uint64_t out = 0;
  uint64_t rejected = 0;
  uint64_t rejected_retractions = 0;
  uint64_t late = 0;
  uint64_t filtered = 0;
  uint64_t deduplicated = 0;
  uint64_t waiting = 0;
  uint64_t absorbed = 0;
  uint64_t matched = 0;
  uint64_t unmatched = 0;
  uint64_t flagged = 0;                       ///< rows with at least one flag; they are out
  std::map<std::string, uint64_t> by_rule;    ///< rejected or flagged, by rule
};

}  // namespace systole
