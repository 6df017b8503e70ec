#include "formats/json_keys.h"

#include <utility>

namespace systole {

json_keys::json_keys() {
  make_entry({});
  make_entry({});
}

json_keys::entry& json_keys::make_entry(std::string quoted) {
  entry& made = entries_.emplace_back();
  made.quoted = std::move(quoted);
  made.likely_next[0] = made.likely_next[1] = &nothing();
  return made;
}

void json_keys::add(const std::vector<std::string>& path, size_t depth, uint32_t column) {
  all_columns_.push_back(column);
  entry*& found = index_[path[depth]];
  if (!found) found = &make_entry('"' + path[depth] + '"');
  entry& each = *found;
  each.known = true;
  if (depth + 1 == path.size()) {
    if (each.columns.empty()) each.column = static_cast<int32_t>(column);
    each.columns.push_back(column);
  } else {
    if (!each.nested) each.nested = nested_.emplace_back(std::make_unique<json_keys>()).get();
    each.nested->add(path, depth + 1, column);
  }
}

json_keys::entry& json_keys::find_or_add(std::string_view key) {
  if (const auto found = index_.find(key); found != index_.end()) return *found->second;
  if (entries_.size() >= remembered_keys) return forgotten();
  // A key with characters that JSON escapes is never written as it is here, so it is found through the index only.
  entry& made = make_entry('"' + std::string(key) + '"');
  index_.emplace(std::string(key), &made);
  return made;
}

}  // namespace systole
