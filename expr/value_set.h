#pragma once

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "data/column.h"

namespace systole {

/// Constants that rows are looked up in: IN lists and CASE mappings. Few values are compared one after the other as
/// machine words, many are hashed. Equal values: the first counts. NULL is not in the set.
class value_set {
 public:
  /// `values` are one-row columns of one type. Nothing where the type is not supported (INTERVAL).
  static std::shared_ptr<const value_set> make(const std::vector<column_ptr>& values);

  /// Writes for each row of [0, rows) the index of its value among the constants, or -1; NULL rows too (their result
  /// means nothing).
  void find(const column& values, size_t rows, int32_t* index) const;

 private:
  template <class T>
  void find_words(const T* values, size_t rows, int32_t* index) const;
  void find_texts(const column& values, size_t rows, int32_t* index) const;
  void find_doubles(const column& values, size_t rows, int32_t* index) const;
  void find_decimals(const column& values, size_t rows, int32_t* index) const;

  static constexpr size_t few = 12;
  struct text_word {
    uint64_t low, high;
    int32_t index;
  };
  data_type type_;
  std::vector<column_ptr> owners_;
  std::vector<int64_t> words_;  // whole numbers, dates, times, booleans; by index
  std::vector<int32_t> word_index_;
  absl::flat_hash_map<int64_t, int32_t> word_map_;  // where there are more than `few`
  std::vector<text_word> short_texts_;              // up to 12 bytes
  absl::flat_hash_map<std::string_view, int32_t> text_map_;
  bool linear_texts_ = false;
};

}  // namespace systole
