#include "formats/record_columns.h"

#include <bit>

namespace systole {
namespace {

int first_bit(size_t word, uint64_t bits) {
  return bits ? static_cast<int>(word * 64 + static_cast<size_t>(std::countr_zero(bits))) : -1;
}

}  // namespace

record_columns::record_columns(const std::vector<decoder_column>& columns) : words_((columns.size() + 63) / 64) {
  all_.resize(words_);
  required_.resize(words_);
  valid_.resize(words_);
  wrong_.resize(words_);
  slots_.resize(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    types_.push_back(columns[i].type);
    slots_[i].type = columns[i].type;
    slots_[i].word = static_cast<uint32_t>(i / 64);
    slots_[i].bit = uint64_t{1} << (i % 64);
    all_[i / 64] |= slots_[i].bit;
    if (columns[i].not_null) required_[i / 64] |= slots_[i].bit;
  }
}

void record_columns::start(size_t capacity) {
  builders_.clear();
  builders_.reserve(types_.size());
  for (size_t i = 0; i < types_.size(); ++i) {
    column_builder& builder = builders_.emplace_back(types_[i], capacity);
    slots_[i].builder = &builder;
    slots_[i].values = static_cast<char*>(builder.mutable_bytes());
    slots_[i].scales = builder.mutable_scales();
  }
  row_ = 0;
  capacity_ = capacity;
}

int record_columns::first_missing_required() const {
  for (size_t w = 0; w < words_; ++w)
    if (const int found = first_bit(w, required_[w] & ~valid_[w]); found >= 0) return found;
  return -1;
}

int record_columns::first_wrong() const {
  for (size_t w = 0; w < words_; ++w)
    if (const int found = first_bit(w, wrong_[w]); found >= 0) return found;
  return -1;
}

void record_columns::write_nulls(size_t word, uint64_t missing) {
  for (; missing; missing &= missing - 1) {
    const slot& each = slots_[word * 64 + static_cast<size_t>(std::countr_zero(missing))];
    const size_t width = value_width(each.type.id);
    std::memset(each.values + row_ * width, 0, width);
    if (each.scales) each.scales[row_] = 0;
    each.builder->set_null(row_);
  }
}

std::vector<column_ptr> record_columns::finish(const std::vector<buffer_ptr>& owners) {
  std::vector<column_ptr> made;
  made.reserve(builders_.size());
  for (column_builder& builder : builders_) {
    builder.set_size(row_);
    if (builder.type().is_text_like())
      for (const buffer_ptr& owner : owners) builder.add_owner(owner);
    made.push_back(builder.finish());
  }
  builders_.clear();
  return made;
}

}  // namespace systole
