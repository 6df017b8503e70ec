#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "data/column.h"
#include "formats/record_decoder.h"

namespace systole {

/// The columns under construction while records are decoded, with which of the current record's fields have a value.
/// A field may be set more than once (the last counts); one that was not set is null. Nothing of a record that is given
/// up stays. One thread.
class record_columns {
 public:
  /// Where one column's values go.
  struct slot {
    data_type type;
    char* values = nullptr;
    uint8_t* scales = nullptr;
    column_builder* builder = nullptr;
    uint32_t word = 0;
    uint64_t bit = 0;
  };

  explicit record_columns(const std::vector<decoder_column>& columns);

  /// New columns of at most `capacity` rows.
  void start(size_t capacity);
  size_t rows() const { return row_; }
  size_t capacity() const { return capacity_; }
  const slot& at(size_t column) const { return slots_[column]; }
  size_t size() const { return slots_.size(); }

  void begin_record() {
    for (size_t w = 0; w < words_; ++w) valid_[w] = wrong_[w] = 0;
  }
  template <class T>
  void set(const slot& into, T value) {
    std::memcpy(into.values + row_ * sizeof(T), &value, sizeof(T));
    valid_[into.word] |= into.bit;
    wrong_[into.word] &= ~into.bit;
  }
  void set_scale(const slot& into, uint8_t scale) {
    if (into.scales) into.scales[row_] = scale;
  }
  /// The field is null; `wrong`: because its value is of a wrong type.
  void set_missing(const slot& into, bool wrong) {
    valid_[into.word] &= ~into.bit;
    if (wrong) wrong_[into.word] |= into.bit;
    else wrong_[into.word] &= ~into.bit;
  }
  /// Space for text that cannot be pointed at.
  char* reserve_text(const slot& into, size_t length) { return into.builder->reserve_text(length); }

  /// Columns without a value though they must have one (`not_null`), or with a value of a wrong type: the first, or -1.
  int first_missing_required() const;
  int first_wrong() const;
  /// Ends the record: its row counts.
  void end_record() {
    for (size_t w = 0; w < words_; ++w)
      if (const uint64_t missing = all_[w] & ~valid_[w]) write_nulls(w, missing);
    ++row_;
  }

  /// The finished columns; `owner` is the buffer that their texts point into.
  std::vector<column_ptr> finish(const std::vector<buffer_ptr>& owners);

 private:
  void write_nulls(size_t word, uint64_t missing);

  std::vector<data_type> types_;
  std::vector<column_builder> builders_;
  std::vector<slot> slots_;
  std::vector<uint64_t> all_, required_, valid_, wrong_;
  size_t words_ = 0;
  size_t row_ = 0;
  size_t capacity_ = 0;
};

}  // namespace systole
