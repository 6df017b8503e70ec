#pragma once

#include <cstdint>

#include "base/result.h"
#include "state/delta_format.h"

namespace systole {

/// What a task's state asks of each of its tables, whatever their kind. Task's thread only.
class state_table {
 public:
  virtual ~state_table() = default;
  /// Loads one record of a restored segment, in their order, without logging it as a change. Other tasks' keys are skipped.
  virtual result<void> restore(const delta_record& record) = 0;
  /// Hands the changes since the last call to the delta log.
  virtual result<void> flush_changes() = 0;
  virtual uint64_t memory_bytes() const = 0;
};

}  // namespace systole
