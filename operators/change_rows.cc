#include "operators/change_rows.h"

#include <cstring>

namespace systole {
namespace {

template <class T>
void mark_unequal(const column& before, const column& after, std::vector<uint8_t>& differ) {
  // 16-byte values are compared as two words, which is what their buffers hold.
  const auto* left = static_cast<const T*>(before.raw_values());
  const auto* right = static_cast<const T*>(after.raw_values());
  if (!before.may_have_nulls() && !after.may_have_nulls()) {
    for (size_t row = 0; row < differ.size(); ++row) differ[row] |= !(left[row] == right[row]);
    return;
  }
  for (size_t row = 0; row < differ.size(); ++row) {
    const bool left_null = before.is_null(row), right_null = after.is_null(row);
    differ[row] |= left_null != right_null || (!left_null && !(left[row] == right[row]));
  }
}

struct sixteen_bytes {
  uint64_t low, high;
  friend bool operator==(const sixteen_bytes&, const sixteen_bytes&) = default;
};

void mark_differences(const column& before, const column& after, std::vector<uint8_t>& differ) {
  switch (value_width(before.type().id)) {
    case 1: return mark_unequal<uint8_t>(before, after, differ);
    case 4: return mark_unequal<uint32_t>(before, after, differ);
    case 8: return mark_unequal<uint64_t>(before, after, differ);
    default: break;
  }
  if (before.type().is_text_like()) return mark_unequal<text_view>(before, after, differ);
  mark_unequal<sixteen_bytes>(before, after, differ);
  if (before.scales())
    for (size_t row = 0; row < differ.size(); ++row)
      differ[row] |= before.is_valid(row) && after.is_valid(row) && before.scales()[row] != after.scales()[row];
}

}  // namespace

std::vector<uint8_t> rows_differ(std::span<const column_ptr> before, std::span<const column_ptr> after) {
  std::vector<uint8_t> differ(before.empty() ? 0 : before[0]->size(), 0);
  for (size_t i = 0; i < before.size(); ++i) mark_differences(*before[i], *after[i], differ);
  return differ;
}

batch make_changes(const change_sides& sides, bool omit_update_before) {
  const auto has = [](std::span<const uint8_t> flags, size_t row) { return flags.empty() || flags[row]; };
  const std::vector<uint8_t> differ = rows_differ(sides.before, sides.after);
  const auto offset = static_cast<uint32_t>(sides.rows);  // where `after` begins in both together
  std::vector<uint32_t> picked;
  std::vector<uint8_t> kinds;
  picked.reserve(2 * sides.rows);
  kinds.reserve(2 * sides.rows);
  const auto pick = [&](uint32_t row, row_kind kind) {
    picked.push_back(row);
    kinds.push_back(static_cast<uint8_t>(kind));
  };
  for (uint32_t row = 0; row < sides.rows; ++row) {
    const bool before = has(sides.has_before, row), after = has(sides.has_after, row);
    if (before && after) {
      if (row < differ.size() && !differ[row]) continue;
      if (!omit_update_before) pick(row, row_kind::update_before);
      pick(offset + row, row_kind::update_after);
    } else if (after) {
      pick(offset + row, row_kind::insert);
    } else if (before) {
      pick(row, row_kind::erase);
    }
  }
  std::vector<column_ptr> columns;
  for (size_t i = 0; i < sides.after.size(); ++i) {
    const column_ptr both[] = {sides.before[i], sides.after[i]};
    columns.push_back(gather(*concatenate(both), picked));
  }
  batch made(picked.size(), std::move(columns));
  column_builder kind_column(hidden_types[static_cast<size_t>(hidden::kind)], kinds.size());
  if (!kinds.empty()) std::memcpy(kind_column.mutable_bytes(), kinds.data(), kinds.size());
  kind_column.set_size(kinds.size());
  made.set_hidden(hidden::kind, kind_column.finish());
  return made;
}

}  // namespace systole
