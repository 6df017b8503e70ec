#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "operators/aggregate/accumulator.h"
#include "operators/operator.h"
#include "proto/plan.pb.h"

namespace systole {

class distinct_values;

/// The aggregate calls of one step. For each batch: evaluate, then begin(groups), any of add, add_each and results, then
/// end. Shared by group aggregates and windows; knows nothing of either.
class accumulator_set {
 public:
  /// Binds the calls to the input's columns. `changelog`: the input has retractions.
  static result<std::unique_ptr<accumulator_set>> make(
      const google::protobuf::RepeatedPtrField<proto::AggregateCall>& calls, const schema& input, bool changelog,
      const operator_context& context);
  ~accumulator_set();

  /// Opens the side tables in the context's state.
  result<void> open();

  /// Bytes that a group's value must have for all calls.
  size_t value_bytes() const { return value_bytes_; }
  /// Names and types of the result columns, in the calls' order.
  const std::vector<field>& columns() const { return columns_; }
  /// For the state's descriptor: what the values hold, and which calls they stand for.
  std::string layout() const;
  std::string fingerprint() const;

  /// Evaluates filters and arguments over a batch; rows that fail are appended to `errors` (a row may come twice). The
  /// caller rejects those and evaluates the remaining rows again. An argument is evaluated only where the filter is TRUE.
  void evaluate(const batch& rows, std::vector<row_error>& errors);

  /// Names the groups that the calls until end() mean. The span must live until end().
  result<void> begin(std::span<const accumulator_group> groups);
  /// Adds pairs (row of the evaluated batch, group index); `rows` empty means row i for pair i. Kinds of the batch decide
  /// the sign.
  result<void> add(std::span<const uint32_t> rows, std::span<const uint32_t> group_of);
  /// Adds pairs one after the other and gives the results after (and, if wanted, before) each one.
  struct trace {
    std::vector<column_ptr> before;  ///< empty unless wanted
    std::vector<column_ptr> after;
    std::vector<uint8_t> changed;    ///< 1 where any result differs
    std::vector<row_error> errors;   ///< results after that are out of range, by pair; a pair may come twice
    std::vector<row_error> before_errors;
  };
  result<void> add_each(std::span<const uint32_t> rows, std::span<const uint32_t> group_of, bool want_before, trace& out);
  /// One row per group of begin(), one column per call; results out of range are NULL and errors.
  std::vector<column_ptr> results(std::vector<row_error>& errors);
  result<void> end();
  /// Removes a group's side entries (a window was fired for the last time, a group has no rows).
  result<void> erase(const accumulator_group& group);
  /// True where a group has entries besides its value, so that erase() must be called.
  bool has_side_tables() const;
  /// True where a result may be out of its type's range.
  bool can_fail() const;

 private:
  struct call;
  accumulator_set(const operator_context& context, bool changelog);
  static void find_long_texts(const call& each, std::vector<row_error>& errors);
  result<std::span<const int8_t>> weigh(call& each, std::span<const uint32_t> rows, std::span<const uint32_t> group_of);

  operator_context context_;
  bool changelog_;
  std::vector<call> calls_;
  std::vector<field> columns_;
  size_t value_bytes_ = 0;
  batch rows_;                             ///< evaluated; its kinds
  std::span<const accumulator_group> groups_;
  std::vector<int8_t> weights_;
};

}  // namespace systole
