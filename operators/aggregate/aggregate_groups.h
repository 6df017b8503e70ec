#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "data/row_encoding.h"
#include "operators/aggregate/accumulator_set.h"
#include "operators/aggregate/aggregate_fields.h"

namespace systole {

/// The groups of an aggregate: their state, and the ones that a batch touches. Shared by all ways of emission.
/// Use per batch: take, then any of results and add, then finish. Or by name: load, then results.
class aggregate_groups {
 public:
  struct name {
    std::string key;
    uint64_t hash = 0;
  };
  /// The output rows of groups; row i is group i, and is there where has[i].
  struct side {
    std::vector<column_ptr> columns;
    std::vector<uint8_t> has;
  };

  /// `keep_keys`: groups must be found by name later, so that their key columns are kept in state.
  static result<std::unique_ptr<aggregate_groups>> make(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                        const operator_context& context, bool keep_keys);
  result<void> open();

  /// Evaluates keys and arguments, rejects rows that fail, and finds the groups of the others, which are absorbed. False
  /// where none is left.
  result<bool> take(batch rows, output& out);
  /// The rows that were taken, with hidden columns.
  const batch& rows() const { return rows_; }
  size_t size() const { return groups_.size(); }
  /// By taken row, its group: an index in order of first touch.
  std::span<const uint32_t> group_of() const { return group_of_; }
  std::string_view key(size_t group) const { return groups_[group].key; }
  uint64_t hash(size_t group) const { return groups_[group].hash; }
  bool has_rows(size_t group) const { return row_count(group) > 0; }
  bool any_has_rows() const;

  /// Adds all taken rows.
  result<void> add();
  /// Adds the taken rows one by one: results before and after each, and whether the group has rows then.
  struct steps {
    accumulator_set::trace calls;
    std::vector<uint8_t> had;  ///< by taken row
    std::vector<uint8_t> has;
  };
  result<void> add_each(bool want_before, steps& out);
  /// The output rows of all groups as they are now; failures are reported to `report` where it is given.
  result<side> results(output* report);
  /// The key columns by taken row.
  result<std::vector<column_ptr>> key_columns_by_row();
  result<void> finish();

  /// Reads groups by name, for results(); such that are gone have no rows. Needs kept keys.
  result<void> load(std::span<const name> names);

  /// Removes the groups without rows that batches left since the last barrier.
  result<void> remove_empty();
  /// Visits all groups with rows.
  result<void> for_each(const std::function<void(std::string_view key, uint64_t hash)>& visit);
  uint64_t total() const { return values_->size(); }

  const aggregate_fields& fields() const { return fields_; }
  /// True where a call's result may be out of its type's range.
  bool can_fail() const { return accumulators_->can_fail(); }
  bool changelog() const { return changelog_; }

 private:
  aggregate_groups(const operator_context& context, aggregate_fields fields)
      : context_(context), fields_(std::move(fields)) {}
  void index_groups(std::span<const state_entry> entries);
  result<void> keep_new_keys();
  result<std::vector<column_ptr>> kept_key_columns() const;
  result<std::vector<column_ptr>> group_key_columns();
  int64_t row_count(size_t group) const;
  void set_row_count(size_t group, int64_t count);

  operator_context context_;
  bool changelog_ = false;
  bool keep_keys_ = false;
  std::vector<expression_ptr> key_;
  row_layout key_layout_;
  std::optional<row_encoder> key_encoder_;
  std::unique_ptr<accumulator_set> accumulators_;
  aggregate_fields fields_;
  value_table* values_ = nullptr;
  value_table* kept_keys_ = nullptr;

  batch rows_;
  encoded_keys keys_;
  std::vector<column_ptr> key_columns_;      ///< by taken row
  std::vector<column_ptr> group_keys_;       ///< by group, once asked for
  std::vector<state_entry> entries_;
  std::vector<uint32_t> group_of_;
  std::vector<accumulator_group> groups_;
  std::vector<uint32_t> first_rows_;
  std::vector<uint32_t> new_groups_;
  std::string loaded_;                       ///< values of groups that were read by name
  absl::flat_hash_set<std::string> emptied_; ///< since the last barrier
};

}  // namespace systole
