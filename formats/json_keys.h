#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "formats/record_decoder.h"

namespace systole {

/// What a decoder does with the keys of one object of a record: of the record itself, or of a nested one that columns
/// come from. Remembers which key followed which, since the next record mostly has the same keys in the same order:
/// then a key costs one comparison. Unknown keys are remembered too, up to a limit.
class json_keys {
 public:
  /// What to do with a key's value. What the walk reads of every key comes first.
  struct entry {
    std::string quoted;           ///< the key as it is written, with its quotes; for comparison
    entry* likely_next[2];        ///< entries of the same object; at first the one that matches nothing
    json_keys* nested = nullptr;  ///< where columns lie beneath
    int32_t column = -1;          ///< the first of `columns`
    bool known = false;
    std::vector<uint32_t> columns;  ///< to be set from the value

    bool matches(const char* at, size_t length) const {
      return equal_bytes({at, length}, quoted);
    }
    /// Nothing is read from the value, it is only checked.
    bool skipped() const { return column < 0 && !nested; }
  };

  json_keys();
  json_keys(const json_keys&) = delete;
  json_keys& operator=(const json_keys&) = delete;
  /// Adds a column at path[depth...].
  void add(const std::vector<std::string>& path, size_t depth, uint32_t column);

  /// Matches nothing; it stands for "before the first key".
  entry& nothing() { return entries_[0]; }
  /// Stands for keys beyond the limit: skipped, and never predicted.
  entry& forgotten() { return entries_[1]; }
  /// The entry of a key (unquoted, unescaped).
  entry& find_or_add(std::string_view key);

  /// All columns at and beneath this object, for clearing them when the object's key is given again.
  const std::vector<uint32_t>& all_columns() const { return all_columns_; }

 private:
  struct text_hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  static constexpr size_t remembered_keys = 1024;
  entry& make_entry(std::string quoted);

  std::deque<entry> entries_;  ///< a deque, since they point at each other
  std::unordered_map<std::string, entry*, text_hash, std::equal_to<>> index_;
  std::vector<std::unique_ptr<json_keys>> nested_;
  std::vector<uint32_t> all_columns_;
};

}  // namespace systole
