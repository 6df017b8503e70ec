#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "proto/checkpoint.pb.h"

namespace systole {

/// What a checkpoint log says, oldest record first.
struct checkpoint_history {
  struct completed_epoch {
    epoch_id epoch;
    proto::FileReference metadata;
  };
  std::vector<completed_epoch> completed;  ///< those that a restore may choose from, oldest first
  epoch_id committed;                      ///< the last one recorded as committed by all sinks; 0: none
  bool finished = false;                   ///< the final epoch is committed
  uint64_t attempts = 0;                   ///< `started` records
  std::map<std::string, uint32_t> most_shards;  ///< by sink's step: the most that any attempt was started with
  term_id term;                            ///< the highest
  /// The first epoch number that no attempt can have used. An attempt's aborted epochs leave no record, so each start
  /// skips as many numbers as an attempt can abort.
  epoch_id next_epoch{1};

  std::optional<completed_epoch> last() const {
    return completed.empty() ? std::nullopt : std::optional(completed.back());
  }
};

/// The most epochs in a row that an attempt may abort before it fails; see next_epoch.
inline constexpr uint32_t epochs_reserved_per_attempt = 100;

/// Folds the log; `corrupt` where it contradicts itself.
result<checkpoint_history> read_history(const std::vector<proto::LogRecord>& log);

}  // namespace systole
