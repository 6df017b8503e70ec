#include "connectors/outbox/epoch_changes.h"

#include <algorithm>

namespace systole {
namespace {

/// Text of its own, so that what is held for an epoch does not keep the source's buffers.
batch own_text(const batch& rows) {
  std::vector<column_ptr> columns;
  for (const column_ptr& each : rows.columns()) columns.push_back(each->type().is_text_like() ? compact(*each) : each);
  batch made(rows.rows(), std::move(columns));
  if (rows.has(hidden::kind)) made.set_hidden(hidden::kind, rows.hidden_column(hidden::kind));
  return made;
}

/// A hash table of this type takes so much for an entry: its slots are between 7/16 and 7/8 full.
template <class Table>
constexpr size_t slot_bytes = sizeof(typename Table::value_type) * 3 / 2;

/// What a string takes beside itself.
size_t heap_bytes(std::string_view text) { return text.size() <= std::string().capacity() ? 0 : text.size() + 1; }

}  // namespace

void epoch_changes::add(const batch& rows) {
  if (rows.empty()) return;
  std::vector<const column*> all, key;
  for (const column_ptr& each : rows.columns()) all.push_back(each.get());
  for (size_t index : key_) key.push_back(all[index]);
  encoded_rows_.encode(all, rows.rows());
  if (!key.empty()) encoded_keys_.encode(key, rows.rows());
  const auto number = static_cast<uint32_t>(batches_.size());
  batches_.push_back(own_text(rows));
  memory_bytes_ += batches_.back().memory_bytes();
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    const row_kind kind = rows.kind(row);
    const std::string_view bytes = encoded_rows_.key(row);
    memory_bytes_ += bytes.size();  // what of the batch is text
    const auto [entry, is_new] = rows_.try_emplace(std::string(bytes));
    row_net& net = entry->second;
    if (is_new) memory_bytes_ += slot_bytes<decltype(rows_)> + heap_bytes(bytes);
    net.net += sign(kind);
    net.last = {number, row};
    if (key.empty()) continue;
    if (net.key.empty()) {
      net.key = encoded_keys_.key(row);
      memory_bytes_ += heap_bytes(net.key);
    }
    const auto [of_key, is_new_key] = keys_.try_emplace(net.key);
    key_changes& changes = of_key->second;
    if (is_new_key) memory_bytes_ += slot_bytes<decltype(keys_)> + heap_bytes(net.key);
    changes.has_update_before |= kind == row_kind::update_before;
    changes.has_update_after |= kind == row_kind::update_after;
    changes.last_kind = kind;
    changes.last = {number, row};
  }
}

result<void> epoch_changes::net_keys(std::vector<place>& erased, std::vector<place>& inserted) {
  for (const auto& [bytes, row] : rows_) {
    if (row.net == 0) continue;
    key_changes& key = keys_[row.key];
    (row.net > 0 ? key.live : key.erased) += row.net;
    (row.net > 0 ? key.live_row : key.erased_row) = row.last;
  }
  for (const auto& [bytes, key] : keys_) {
    if (key.has_update_after && !key.has_update_before) {
      (sign(key.last_kind) > 0 ? inserted : erased).push_back(key.last);
    } else if (key.live > 1) {
      return fail(error_code::data, "two rows have one key in sink " + sink_ + "; check its key", "21000");
    } else if (key.live == 1) {
      inserted.push_back(key.live_row);
    } else if (key.erased < 0) {
      erased.push_back(key.erased_row);
    }
  }
  return {};
}

batch epoch_changes::gather_places(const std::vector<place>& places, row_kind kind) const {
  std::vector<batch> parts;
  for (size_t i = 0; i < places.size();) {
    std::vector<uint32_t> rows;
    const uint32_t from = places[i].batch;
    for (; i < places.size() && places[i].batch == from; ++i) rows.push_back(places[i].row);
    parts.push_back(gather(batches_[from], rows));
  }
  batch made = concatenate(parts);
  column_builder kinds(hidden_types[static_cast<size_t>(hidden::kind)], made.rows());
  std::fill_n(kinds.mutable_values<uint8_t>(), made.rows(), static_cast<uint8_t>(kind));
  kinds.set_size(made.rows());
  made.set_hidden(hidden::kind, kinds.finish());
  return made;
}

result<std::vector<batch>> epoch_changes::take() {
  std::vector<place> erased, inserted;
  if (key_.empty()) {
    for (const auto& [bytes, row] : rows_)
      for (int64_t n = row.net < 0 ? -row.net : row.net; n > 0; --n) (row.net < 0 ? erased : inserted).push_back(row.last);
  } else {
    SYSTOLE_TRY(net_keys(erased, inserted));
  }
  // In the order of arrival, whatever the hash table's.
  const auto earlier = [](const place& a, const place& b) { return a.batch != b.batch ? a.batch < b.batch : a.row < b.row; };
  std::vector<batch> made;
  for (auto [places, kind] : {std::pair(&erased, row_kind::erase), std::pair(&inserted, row_kind::insert)}) {
    if (places->empty()) continue;
    std::sort(places->begin(), places->end(), earlier);
    made.push_back(gather_places(*places, kind));
  }
  batches_.clear();
  rows_.clear();
  keys_.clear();
  memory_bytes_ = 0;
  return made;
}

}  // namespace systole
