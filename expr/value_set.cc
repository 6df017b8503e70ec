#include "expr/value_set.h"

#include <algorithm>

#include "expr/ordering.h"

namespace systole {
namespace {

int64_t word_at(const column& value) {
  switch (value_width(value.type().id)) {
    case 1: return value.values<uint8_t>()[0];
    case 4: return value.values<int32_t>()[0];
    default: return value.values<int64_t>()[0];
  }
}

}  // namespace

std::shared_ptr<const value_set> value_set::make(const std::vector<column_ptr>& values) {
  if (values.empty() || values[0]->type().id == type_id::interval) return nullptr;
  auto made = std::make_shared<value_set>();
  made->type_ = values[0]->type();
  made->owners_ = values;
  const bool texts = made->type_.is_text_like();
  const bool words = !texts && !made->type_.is(type_id::float64) && !made->type_.is(type_id::numeric);
  for (size_t i = 0; i < values.size(); ++i) {
    const column& value = *values[i];
    if (value.is_null(0)) continue;
    const auto index = static_cast<int32_t>(i);
    if (texts) {
      const text_view& text = value.values<text_view>()[0];
      if (!made->text_map_.emplace(std::string_view(text.view()), index).second) continue;
      if (text.is_inline()) {
        text_word word{0, 0, index};
        std::memcpy(&word.low, &text, 8);
        std::memcpy(&word.high, reinterpret_cast<const char*>(&text) + 8, 8);
        made->short_texts_.push_back(word);
      }
    } else if (words && made->word_map_.emplace(word_at(value), index).second) {
      made->words_.push_back(word_at(value));
      made->word_index_.push_back(index);
    }
  }
  made->linear_texts_ = texts && made->short_texts_.size() == made->text_map_.size() && made->text_map_.size() <= few;
  return made;
}

void value_set::find(const column& values, size_t rows, int32_t* index) const {
  if (type_.is_text_like()) return find_texts(values, rows, index);
  if (type_.is(type_id::float64)) return find_doubles(values, rows, index);
  if (type_.is(type_id::numeric)) return find_decimals(values, rows, index);
  switch (value_width(type_.id)) {
    case 1: return find_words(values.values<uint8_t>(), rows, index);
    case 4: return find_words(values.values<int32_t>(), rows, index);
    default: return find_words(values.values<int64_t>(), rows, index);
  }
}

template <class T>
void value_set::find_words(const T* values, size_t rows, int32_t* index) const {
  if (words_.size() > few) {
    for (size_t row = 0; row < rows; ++row) {
      const auto found = word_map_.find(values[row]);
      index[row] = found == word_map_.end() ? -1 : found->second;
    }
    return;
  }
  std::fill_n(index, rows, -1);
  for (size_t k = 0; k < words_.size(); ++k) {
    const T wanted = static_cast<T>(words_[k]);
    const int32_t found = word_index_[k];
    for (size_t row = 0; row < rows; ++row) index[row] = values[row] == wanted ? found : index[row];
  }
}

void value_set::find_texts(const column& values, size_t rows, int32_t* index) const {
  const text_view* texts = values.values<text_view>();
  if (linear_texts_) {
    const char* bytes = reinterpret_cast<const char*>(texts);
    for (size_t row = 0; row < rows; ++row) {
      uint64_t low, high;
      std::memcpy(&low, bytes + row * 16, 8);
      std::memcpy(&high, bytes + row * 16 + 8, 8);
      int32_t found = -1;
      for (const text_word& word : short_texts_)
        found = ((word.low ^ low) | (word.high ^ high)) == 0 ? word.index : found;
      index[row] = found;
    }
    return;
  }
  for (size_t row = 0; row < rows; ++row) {
    index[row] = -1;
    if (values.is_null(row)) continue;
    const auto found = text_map_.find(texts[row].view());
    if (found != text_map_.end()) index[row] = found->second;
  }
}

void value_set::find_doubles(const column& values, size_t rows, int32_t* index) const {
  const double* from = values.values<double>();
  for (size_t row = 0; row < rows; ++row) {
    index[row] = -1;
    for (size_t k = 0; k < owners_.size() && index[row] < 0; ++k)
      if (owners_[k]->is_valid(0) && order(from[row], owners_[k]->values<double>()[0]) == 0)
        index[row] = static_cast<int32_t>(k);
  }
}

void value_set::find_decimals(const column& values, size_t rows, int32_t* index) const {
  const int128* from = values.values<int128>();
  for (size_t row = 0; row < rows; ++row) {
    index[row] = -1;
    const decimal value{from[row], values.scale(row)};
    for (size_t k = 0; k < owners_.size() && index[row] < 0; ++k)
      if (owners_[k]->is_valid(0) && order(value, decimal{owners_[k]->values<int128>()[0], owners_[k]->scale(0)}) == 0)
        index[row] = static_cast<int32_t>(k);
  }
}

}  // namespace systole
