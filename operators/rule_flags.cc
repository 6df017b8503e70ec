#include "operators/rule_flags.h"

#include <algorithm>

namespace systole {

rule_flags::rule_flags(std::vector<std::string> ids, std::string separator, std::string none)
    : ids_(std::move(ids)),
      separator_(std::move(separator)),
      none_(std::move(none)),
      words_(std::max<size_t>((ids_.size() + 63) / 64, 1)) {}

void rule_flags::start(size_t rows) {
  rows_ = rows;
  sets_.assign(rows * words_, 0);
  counts_.assign(ids_.size(), 0);
  any_ = false;
}

void rule_flags::add(size_t rule, std::span<const uint32_t> rows) {
  const uint64_t bit = uint64_t{1} << (rule % 64);
  for (const uint32_t row : rows) sets_[row * words_ + rule / 64] |= bit;
  counts_[rule] += rows.size();
  any_ = any_ || !rows.empty();
}

uint64_t rule_flags::count(std::map<std::string, uint64_t>& by_rule) const {
  if (!any_) return 0;
  for (size_t rule = 0; rule < ids_.size(); ++rule)
    if (counts_[rule] != 0) by_rule[ids_[rule]] += counts_[rule];
  uint64_t flagged = 0;
  for (size_t row = 0; row < rows_; ++row)
    flagged += std::any_of(&sets_[row * words_], &sets_[row * words_] + words_, [](uint64_t word) { return word != 0; });
  return flagged;
}

std::string rule_flags::text_of(std::span<const uint64_t> set) const {
  std::string text;
  bool first = true;
  for (size_t rule = 0; rule < ids_.size(); ++rule) {
    if ((set[rule / 64] >> (rule % 64) & 1) == 0) continue;
    if (!first) text += separator_;
    text += ids_[rule];
    first = false;
  }
  return first ? none_ : text;
}

column_ptr rule_flags::make_column() {
  column_builder builder({type_id::text}, rows_);
  const text_view none = builder.store_text(none_);
  auto* texts = builder.mutable_values<text_view>();
  if (!any_) {
    std::fill_n(texts, rows_, none);
  } else if (words_ == 1) {
    texts_.clear();
    for (size_t row = 0; row < rows_; ++row) {
      if (sets_[row] == 0) {
        texts[row] = none;
        continue;
      }
      const auto [found, inserted] = texts_.try_emplace(sets_[row]);
      if (inserted) found->second = builder.store_text(text_of({&sets_[row], 1}));
      texts[row] = found->second;
    }
  } else {
    for (size_t row = 0; row < rows_; ++row) texts[row] = builder.store_text(text_of({&sets_[row * words_], words_}));
  }
  builder.set_size(rows_);
  return builder.finish();
}

}  // namespace systole
