#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "operators/join/join_columns.h"
#include "operators/join/loaded_table.h"

namespace systole {

/// The table of a table join: the same in every task. It is complete when its input ends or, where it changes, when its input
/// is idle. A changing one comes whole at the start and again after a restore: it is gathered aside and takes the place of the one
/// before at once; later changes hold from then on. One thread.
class table_side {
 public:
  /// `columns`: those of the input that are kept, in this order, with `layout`'s types. `notes_changes`: see take_changed().
  table_side(join_keys keys, std::vector<int> columns, row_layout layout, bool changing, bool notes_changes = false);

  bool complete() const { return table_.frozen(); }
  result<void> load(const batch& rows, const operator_context& context);
  result<void> on_end();
  result<void> on_idle() { return changing_ ? take_next() : result<void>(); }
  /// Before find() and at().
  result<void> settle() { return changing_ ? table_.settle() : result<void>(); }
  /// The row's index for at(), or null_row.
  uint32_t find(std::string_view key) const { return table_.find(key); }
  /// The columns of the rows `matches`, NULLs for null_row.
  void append_matches(std::span<const uint32_t> matches, std::vector<column_ptr>& to) const;

  /// Keys whose row is another one, new or gone since the last call.
  using key_set = absl::flat_hash_set<std::string, key_hash, std::equal_to<>>;
  key_set take_changed() { return std::exchange(changed_, {}); }
  bool has_changed() const { return !changed_.empty(); }

  std::string snapshot() const { return table_.encode(); }
  result<void> restore(std::string_view bytes);

 private:
  result<void> take_next();

  join_keys keys_;
  std::vector<int> columns_;
  row_layout layout_;
  bool changing_;
  bool notes_changes_;
  loaded_table table_;
  std::optional<loaded_table> next_;  ///< gathered until it is whole
  row_encoder encoder_;
  std::string row_;
  key_set changed_;
};

}  // namespace systole
