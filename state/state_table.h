#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "state/changes/delta_format.h"

namespace systole {

/// What a task's state asks of each of its tables, whatever their kind. Task's thread only.
class state_table {
 public:
  virtual ~state_table() = default;

  /// Loads one record of a restored segment, in their order, without logging it as a change. Other tasks' keys are skipped.
  virtual result<void> restore(const delta_record& record) = 0;

  /// Hands the changes since the last call to the delta log. Only at a barrier or at the start of a call of this table:
  /// afterwards an entry that a caller still holds would not count as changed.
  virtual result<void> flush_changes() = 0;
  /// Hands over only what was logged when it changed; allowed at any time.
  virtual void flush_logged() = 0;
  virtual uint64_t memory_bytes() const = 0;

  /// The base holds entries of this table: until finish_group(), what is not in the table is looked up there.
  virtual result<void> begin_loading() = 0;
  /// All restored records have been given to restore().
  virtual result<void> finish_restore() { return {}; }
  /// One entry of the base as it was when the loading began (maps: a key with its packed_map). It is taken in, or with
  /// `keep` false only remembered to be below.
  virtual result<void> load(size_t group_index, const delta_record& record, bool keep) = 0;
  /// The base's entries of this key group have all been given to load().
  virtual void finish_group(size_t group_index) = 0;

  /// Takes out entries that are in the base unchanged and have not been used for long, until memory_bytes() is about
  /// `target_bytes`. REQUIRES: all changes before the last cut are in the base.
  virtual void evict(uint64_t target_bytes) = 0;
};

}  // namespace systole
