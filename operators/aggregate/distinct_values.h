#pragma once

#include <string>

#include "operators/aggregate/accumulator.h"

namespace systole {

/// The distinct values of one aggregate call per group, counted, so that count(DISTINCT x) and the like can take rows
/// back: a value weighs +1 when its count becomes positive, -1 when it ceases to be, else 0.
class distinct_values {
 public:
  /// `changelog` false: rows are never retracted, and counts need not be kept.
  explicit distinct_values(bool changelog) : changelog_(changelog) {}
  result<void> open(keyed_state& state, table_descriptor table);
  /// Turns the weight of a row into what its value weighs.
  result<int8_t> weigh(const accumulator_group& group, const column& values, size_t row, int8_t weight);
  result<void> erase(const accumulator_group& group);

 private:
  bool changelog_;
  map_table* counts_ = nullptr;
  std::string subkey_;
};

}  // namespace systole
