#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/column.h"
#include "expr/expression.h"
#include "state/keyed_state.h"

namespace systole {

/// One group (or one window of a group) that a call touches.
struct accumulator_group {
  /// accumulator_set::value_bytes() bytes without alignment, all zero for a new group: the state's or the caller's.
  std::byte* value = nullptr;
  std::string_view key;  ///< names the group in side tables (distinct values, retractable extremes, texts)
  uint64_t hash = 0;     ///< of the partition key, so that side tables stay within its key group
};

/// What one aggregate call sees of a batch: pairs (row of `argument`, index into the groups), in row order.
struct accumulator_rows {
  const column* argument = nullptr;          ///< null for count(*)
  std::span<const uint32_t> rows;            ///< empty: row i for pair i
  std::span<const uint32_t> groups;          ///< per pair; begin()'s groups
  std::span<const int8_t> weights;           ///< per pair: +1, -1, or 0 = leave out; empty: all +1
  size_t size() const { return groups.size(); }
  uint32_t row(size_t pair) const { return rows.empty() ? static_cast<uint32_t>(pair) : rows[pair]; }
  int weight(size_t pair) const { return weights.empty() ? 1 : weights[pair]; }
};

/// Takes the result after (and before) each single pair; what emit_each_change shows. `before` may be null.
struct accumulator_trace {
  column_builder* before = nullptr;
  column_builder* after = nullptr;
  uint8_t* changed = nullptr;            ///< per pair; set to 1 where the result differs, else left as it is
  std::vector<row_error>* errors = nullptr;         ///< results after that do not fit their type (22003), by pair
  std::vector<row_error>* before_errors = nullptr;  ///< the same before
};

/// One aggregate call: keeps a fixed number of bytes in each group's value and the rest, if any, in side tables.
/// Calls come as begin, any of add, add_each, append_results, then end. One thread; virtual calls are per batch.
class accumulator {
 public:
  virtual ~accumulator() = default;
  virtual data_type result_type() const = 0;
  virtual size_t value_bytes() const = 0;
  /// What value and side tables hold, as text for the state's descriptor.
  virtual std::string layout() const = 0;
  /// Opens its side table, if any, as `table` (step, name and fingerprint are given).
  virtual result<void> open(keyed_state& state, table_descriptor table) {
    (void)state, (void)table;
    return {};
  }
  /// True where a result may be out of its type's range.
  virtual bool can_fail() const { return false; }
  /// True where a group has entries besides its value, so that erase() must be called.
  virtual bool has_side_table() const { return false; }
  /// Loads what the groups' values do not hold. `offset`: where this call's bytes begin in a group's value. The span
  /// must live until end().
  virtual result<void> begin(std::span<const accumulator_group> groups, size_t offset) {
    groups_ = groups;
    offset_ = offset;
    return {};
  }
  virtual result<void> add(const accumulator_rows& input) = 0;
  /// As add, and writes results pair by pair into `trace` (columns of input.size() rows).
  virtual result<void> add_each(const accumulator_rows& input, const accumulator_trace& trace) = 0;
  /// Appends one result per group; a result that does not fit its type is NULL and an error of that row.
  virtual void append_results(column_builder& into, std::vector<row_error>& errors) = 0;
  /// Stores what the groups' values do not hold.
  virtual result<void> end() { return {}; }
  /// Removes a group's entries in side tables; its value is the caller's to remove.
  virtual result<void> erase(const accumulator_group& group) {
    (void)group;
    return {};
  }

 protected:
  std::span<const accumulator_group> groups_;
  size_t offset_ = 0;
};

/// PostgreSQL's result type of an aggregate: sum(int) is BIGINT, sum(bigint) and avg of exact numbers NUMERIC, ...
/// `argument` is empty for count(*). Fails with the names of function and type where there is no such aggregate.
result<data_type> aggregate_result_type(std::string_view function, bool has_argument, data_type argument);

/// Makes the accumulator of a call. `changelog`: rows may be retracted. DISTINCT is the set's business, not its.
result<std::unique_ptr<accumulator>> make_accumulator(std::string_view function, bool has_argument, data_type argument,
                                                      bool changelog);

}  // namespace systole
