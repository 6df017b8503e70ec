#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "base/limits.h"
#include "base/result.h"
#include "data/key_encoding.h"
#include "data/row_encoding.h"

namespace systole {

/// Of encoded keys, for hash tables that are searched by views.
struct key_hash {
  using is_transparent = void;
  size_t operator()(std::string_view key) const { return hash_key(key); }
};

/// A join's table in memory: the last row per key. Rows are put until freeze(), looked up afterwards. One thread.
class loaded_table {
 public:
  /// Keys and rows together, as they are kept while loading; then the table is too large to be held by every task.
  static constexpr size_t bytes_limit = 1024 * limits::mebibyte;

  /// `changing`: rows may change after freeze(); then they are also kept as they came.
  explicit loaded_table(row_layout layout, bool changing = false) : layout_(std::move(layout)), changing_(changing) {}

  bool frozen() const { return frozen_; }
  size_t rows() const { return frozen_ ? index_.size() : loading_.size(); }
  /// `limit_exceeded` past bytes_limit. REQUIRES: !frozen() or changing.
  result<void> put(std::string_view key, std::string_view row);
  /// Takes a retracted row out if it is the one that stands (its successor may have come before). REQUIRES: as put().
  void retract(std::string_view key, std::string_view row);
  /// Makes rows into columns: nothing is put any more, unless the table is a changing one.
  result<void> freeze();
  /// Makes what has changed since visible to find() and columns().
  result<void> settle();

  /// The index of a key's row in columns(), or null_row. REQUIRES: frozen().
  uint32_t find(std::string_view key) const {
    const auto found = index_.find(key);
    return found == index_.end() ? null_row : found->second;
  }
  const batch& columns() const { return columns_; }

  /// Keys that only one of two changing tables has, or with another row.
  void for_each_difference(const loaded_table& other, const std::function<void(std::string_view key)>& visit) const;

  /// A flag, then the number of rows as varint, then keys and rows as varint-length bytes (docs/format/join_state.md).
  std::string encode() const;
  static result<loaded_table> decode(row_layout layout, std::string_view bytes, bool changing = false);

 private:
  template <class Value>
  using by_key = absl::flat_hash_map<std::string, Value, key_hash, std::equal_to<>>;

  row_layout layout_;
  bool changing_ = false;
  bool frozen_ = false;
  bool changed_ = false;  ///< since the columns were made
  size_t bytes_ = 0;
  by_key<std::string> loading_;
  by_key<uint32_t> index_;
  batch columns_;
  std::string encoded_;  ///< once frozen, of a table that stands still: each epoch's snapshot is the same
};

}  // namespace systole
