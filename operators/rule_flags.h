#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "data/column.h"

namespace systole {

/// Collects which rows of a batch violate which rules, as a bitmap per row, and writes them as a TEXT column of ids. Equal
/// sets of rules share one text, so that a row costs no allocation.
class rule_flags {
 public:
  rule_flags(std::vector<std::string> ids, std::string separator, std::string none);
  void start(size_t rows);
  void add(size_t rule, std::span<const uint32_t> rows);
  /// Adds the violations to the counters by rule; returns the number of rows with any.
  uint64_t count(std::map<std::string, uint64_t>& by_rule) const;
  column_ptr make_column();

 private:
  std::string text_of(std::span<const uint64_t> set) const;

  std::vector<std::string> ids_;
  std::string separator_;
  std::string none_;
  size_t words_;                ///< 64-bit words per row
  size_t rows_ = 0;
  std::vector<uint64_t> sets_;  ///< rows_ * words_
  std::vector<uint64_t> counts_;
  bool any_ = false;
  absl::flat_hash_map<uint64_t, text_view> texts_;  ///< of one column that is being made; only where words_ == 1
};

}  // namespace systole
