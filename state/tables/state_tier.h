#pragma once

#include <cstdint>
#include <limits>

#include "state/tables/entry_layout.h"

namespace systole {

class rocks_base;
class state_table;

/// What a table knows of what lies below the hash tables, and whom it tells how much it was used. Changes are numbered by
/// cuts: a cut is a point up to which all changes are on their way to the base. Task's thread only.
class state_tier {
 public:
  virtual ~state_tier() = default;

  /// Where evicted and not yet loaded entries are; nullptr as long as all entries are in the tables.
  const rocks_base* base() const { return base_; }
  /// Entries may be evicted from the next cut on: until the base has been told, erased ones must stay as tombstones, lest it
  /// gives them back. Where this is false only what is below already needs one.
  bool keeps_tombstones() const { return keeps_tombstones_; }
  /// What an entry's flags say that was written to the delta log since the last cut.
  uint8_t changed_mark() const { return static_cast<uint8_t>((cut_ & 3) << entry_layout::written_shift); }
  /// What they say of one that lies in the base just so.
  uint8_t clean_mark() const { return static_cast<uint8_t>(((cut_ - 1) & 3) << entry_layout::written_shift); }
  uint64_t cut() const { return cut_; }
  static constexpr uint8_t mark_bits = 3 << entry_layout::written_shift;

  /// Every call of a table begins with this; it may evict entries of this table (and of no other, since a caller may hold
  /// addresses of theirs).
  void on_rows(state_table& table, size_t rows) {
    left_ -= static_cast<int64_t>(rows);
    if (left_ <= 0) [[unlikely]] left_ = on_budget(table);
  }

 protected:
  /// Returns after how many rows it wants to be called again.
  virtual int64_t on_budget(state_table& table) = 0;
  const rocks_base* base_ = nullptr;
  bool keeps_tombstones_ = false;
  uint64_t cut_ = 1;
  int64_t left_ = 0;
};

/// All entries stay in the tables.
class no_tier final : public state_tier {
 protected:
  int64_t on_budget(state_table&) override { return std::numeric_limits<int64_t>::max(); }
};

}  // namespace systole
