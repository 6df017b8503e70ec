#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "coordination/attempt_failure.h"
#include "proto/checkpoint.pb.h"

namespace systole {

/// What a checkpoint log says, oldest record first.
struct checkpoint_history {
  struct completed_epoch {
    epoch_id epoch;
    proto::FileReference metadata;
    bool savepoint = false;  ///< a user's: stays until the user removes it
  };
  std::vector<completed_epoch> completed;       ///< those that a restore may choose from, oldest first
  epoch_id committed;                           ///< the last one recorded as committed by all sinks; 0: none
  bool finished = false;                        ///< the final epoch is committed
  uint64_t attempts = 0;                        ///< `started` records
  std::map<std::string, uint32_t> most_shards;  ///< by sink's step: the most that any attempt was started with
  term_id term;                                 ///< the highest
  /// The first epoch number that no attempt can have used. An attempt's aborted epochs leave no record, so each start
  /// skips as many numbers as an attempt can abort.
  epoch_id next_epoch{1};
  uint64_t highest = 0;       ///< completed epoch, also where a rewind took it back
  uint64_t starts_since = 0;  ///< attempts that may have used numbers after `highest`
  uint64_t last_attempt = 0;  ///< the last started one's number; with its term it names what may be running
  term_id last_attempt_term;
  uint32_t last_parallelism = 0;                         ///< of that attempt
  proto::LogRecord::Kind wish = proto::LogRecord::NONE;  ///< the user's last, but for other parallelisms
  uint32_t parallelism = 0;                              ///< as last asked for; 0: the manifest's
  std::vector<std::string> requests;                     ///< ids of the last ones, oldest first
  std::vector<attempt_failure> failures;                 ///< the last ones, oldest first; `at_us` is the wall clock's
  uint64_t records = 0;                                  ///< in the log, from its last `base` on

  std::optional<completed_epoch> last() const {
    return completed.empty() ? std::nullopt : std::optional(completed.back());
  }
};

/// The most epochs in a row that an attempt may abort before it fails; see next_epoch.
inline constexpr uint32_t epochs_reserved_per_attempt = 100;

/// Request ids that are remembered.
inline constexpr size_t kept_requests = 16;

/// Records after which the log is to be folded: reading it stays fast, and its folder small.
inline constexpr uint64_t records_before_fold = 128;

/// The record that stands for all before it, without sequence and nonce: append it, and records before it may go
/// (docs/decisions/0010). Of completed epochs it keeps savepoints and the last `retained` others.
proto::LogRecord folded(const checkpoint_history& history, term_id term, uint32_t retained);

/// Folds the log, which begins with its first record or with a `base`; `corrupt` where it contradicts itself.
result<checkpoint_history> read_history(const std::vector<proto::LogRecord>& log);

}  // namespace systole
