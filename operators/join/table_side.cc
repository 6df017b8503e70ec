#include "operators/join/table_side.h"

#include <utility>

namespace systole {

table_side::table_side(join_keys keys, std::vector<int> columns, row_layout layout, bool changing, bool notes_changes)
    : keys_(std::move(keys)),
      columns_(std::move(columns)),
      layout_(std::move(layout)),
      changing_(changing),
      notes_changes_(notes_changes),
      table_(layout_, changing_),
      next_(changing_ ? std::optional<loaded_table>(std::in_place, layout_, true) : std::nullopt),
      encoder_(layout_) {}

result<void> table_side::load(const batch& rows, const operator_context& context) {
  class no_output final : public output {  // keys are bare columns: nothing fails
    void push(batch) override {}
    bool full() const override { return false; }
    void reject(const batch&, uint32_t, const reject_reason&) override {}
  } none;
  std::vector<uint8_t> keep(rows.rows(), 1);
  const encoded_keys& keys = keys_.encode(rows, evaluation_of(context), keep, none);
  std::vector<column_ptr> columns;
  for (int each : columns_) columns.push_back(rows.share(static_cast<size_t>(each)));
  const batch read(rows.rows(), std::move(columns));
  encoder_.bind(read);
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    if (keys.has_null(row)) continue;  // joins nothing
    row_.clear();
    encoder_.append(row_, row);
    loaded_table& into = next_ ? *next_ : table_;
    if (sign(rows.kind(row)) > 0) SYSTOLE_TRY(into.put(keys.key(row), row_));
    else into.retract(keys.key(row), row_);
    if (notes_changes_ && !next_) changed_.emplace(keys.key(row));
  }
  return {};
}

result<void> table_side::take_next() {
  if (!next_) return {};
  if (notes_changes_) table_.for_each_difference(*next_, [this](std::string_view key) { changed_.emplace(key); });
  table_ = std::move(*next_);
  next_.reset();
  return table_.freeze();
}

result<void> table_side::on_end() {
  SYSTOLE_TRY(take_next());
  return table_.freeze();
}

void table_side::append_matches(std::span<const uint32_t> matches, std::vector<column_ptr>& to) const {
  for (const column_ptr& each : table_.columns().columns()) to.push_back(gather_or_null(*each, matches));
}

result<void> table_side::restore(std::string_view bytes) {
  if (table_.frozen() || table_.rows() > 0 || bytes.empty()) return {};  // every old task had the same
  SYSTOLE_ASSIGN(table_, loaded_table::decode(layout_, bytes, changing_));
  return {};
}

}  // namespace systole
