#include "formats/json_keys.h"

namespace systole {

json_keys::json_keys() { entries_.resize(2); }

void json_keys::add(const std::vector<std::string>& path, size_t depth, uint32_t column) {
  all_columns_.push_back(column);
  auto [found, is_new] = index_.try_emplace(path[depth], static_cast<uint32_t>(entries_.size()));
  if (is_new) entries_.emplace_back().quoted = '"' + path[depth] + '"';
  entry& each = entries_[found->second];
  each.known = true;
  if (depth + 1 == path.size()) {
    if (each.columns.empty()) each.column = static_cast<int32_t>(column);
    each.columns.push_back(column);
  } else {
    if (!each.nested) each.nested = nested_.emplace_back(std::make_unique<json_keys>()).get();
    each.nested->add(path, depth + 1, column);
  }
}

uint32_t json_keys::find_or_add(std::string_view key) {
  if (const auto found = index_.find(key); found != index_.end()) return found->second;
  if (entries_.size() >= remembered_keys) return forgotten;
  const auto index = static_cast<uint32_t>(entries_.size());
  index_.emplace(std::string(key), index);
  // A key with characters that JSON escapes is never written as it is here, so it is found through the index only.
  entries_.emplace_back().quoted = '"' + std::string(key) + '"';
  return index;
}

}  // namespace systole
