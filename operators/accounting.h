#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "data/batch.h"

namespace systole {

struct reject_reason;

/// The counters of one step in one task; the sum over tasks proves where each row went:
/// row-wise  in = out + rejected + late + filtered + deduplicated + waiting;
/// stateful  in = absorbed + rejected + late + filtered;
/// expand    in = matched + unmatched + rejected.
/// Part of each checkpoint. Written by the task's thread: `rejected`, `rejected_retractions`, `late` and a rejection's
/// `by_rule` by the task's output (through count_rejection), all others by the operator, which counts every row it is
/// given, retractions too. In a row-wise step a row is out when it (repaired, deduplicated, joined) is passed on; the
/// retraction of an earlier result that it causes is not another one.
struct step_accounting {
  uint64_t in = 0;
  uint64_t out = 0;
  uint64_t rejected = 0;                      ///< retractions of rejected rows included
  uint64_t rejected_retractions = 0;          ///< those of rejected and late that are retractions: not in the dead letter
  uint64_t late = 0;
  uint64_t filtered = 0;
  uint64_t deduplicated = 0;
  uint64_t waiting = 0;
  uint64_t absorbed = 0;
  uint64_t matched = 0;
  uint64_t unmatched = 0;
  uint64_t flagged = 0;                       ///< rows with at least one flag; they are out
  uint64_t failed_results = 0;                ///< rows that a step made (not was given) and an expression failed on
  std::map<std::string, uint64_t> by_rule;    ///< rejected or flagged, by rule
};

/// The rule of dead-letter rows that a step made itself, such as an aggregate's 1 / count(x): outside of the equations.
inline constexpr const char* failed_result_rule = "result";

/// Counts what output::reject does with a row: late, or rejected with each rule of "a;b" by itself, or a failed result.
/// True where the row goes to the dead letter, which a retraction does not.
bool count_rejection(step_accounting& accounting, row_kind kind, const reject_reason& why);

}  // namespace systole
