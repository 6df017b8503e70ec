#include "state/tables/large_map.h"

#include <vector>

#include "state/tables/packed_map.h"

namespace systole {
namespace {

constexpr size_t page_limit_bytes = 2048;
constexpr size_t page_overhead_bytes = 2 * sizeof(std::string) + 32;  ///< two strings in a btree node, subkeys on the heap

}  // namespace

bool scan_packed(std::string_view packed, std::string_view from, std::string_view to, const large_map::visitor& visit) {
  packed_map::cursor walk(packed);
  for (packed_map::entry at; walk.next(at);) {
    if (at.subkey < from) continue;
    if (!to.empty() && at.subkey >= to) return true;
    if (!visit(at.subkey, at.value)) return false;
  }
  return true;
}

bool scan_packed_backwards(std::string_view packed, std::string_view from, std::string_view to,
                           const large_map::visitor& visit) {
  std::vector<packed_map::entry> entries;
  packed_map::cursor walk(packed);
  for (packed_map::entry at; walk.next(at);) {
    if (at.subkey < from) continue;
    if (!to.empty() && at.subkey >= to) break;
    entries.push_back(at);
  }
  for (auto at = entries.rbegin(); at != entries.rend(); ++at) {
    if (!visit(at->subkey, at->value)) return false;
  }
  return true;
}

large_map::large_map(std::string_view packed) {
  packed_map::cursor walk(packed);
  for (packed_map::entry at; walk.next(at);) put(at.subkey, at.value);
}

large_map::page_map::iterator large_map::page_of(std::string_view subkey) {
  auto page = pages_.upper_bound(subkey);
  return page == pages_.begin() ? page : std::prev(page);
}
large_map::page_map::const_iterator large_map::page_of(std::string_view subkey) const {
  auto page = pages_.upper_bound(subkey);
  return page == pages_.begin() ? page : std::prev(page);
}

std::optional<std::string_view> large_map::get(std::string_view subkey) const {
  const auto page = page_of(subkey);
  packed_map::entry at;
  if (page == pages_.end() || !packed_map::lower_bound(page->second, subkey, at) || at.subkey != subkey) return std::nullopt;
  return at.value;
}

bool large_map::put(std::string_view subkey, std::string_view value) {
  auto page = page_of(subkey);
  if (page == pages_.end()) {
    page = pages_.emplace(std::string(subkey), std::string()).first;
    memory_bytes_ += page_overhead_bytes + subkey.size();
  }
  bool replaced = false;
  packed_map::put(page->second, subkey, value, scratch_, replaced);
  memory_bytes_ += scratch_.size();
  memory_bytes_ -= page->second.size();
  page->second = scratch_;
  if (page->second.size() > page_limit_bytes) split(page);
  return !replaced;
}

void large_map::split(page_map::iterator page) {
  packed_map::entry middle;
  packed_map::cursor walk(page->second);
  while (walk.next(middle) && (middle.begin == 0 || middle.end < page->second.size() / 2)) continue;
  if (middle.begin == 0 || middle.begin == page->second.size()) return;  // one large entry
  std::string upper = page->second.substr(middle.begin);
  std::string key(middle.subkey);
  if (key <= page->first) {
    // The first page, which holds less than its own key: the lower half needs a key below the upper one's.
    packed_map::entry least;
    packed_map::cursor(page->second).next(least);
    std::string lower_key(least.subkey);
    memory_bytes_ += lower_key.size();
    memory_bytes_ -= page->first.size();
    std::string packed = std::move(page->second);
    pages_.erase(page);
    page = pages_.emplace(std::move(lower_key), std::move(packed)).first;
  }
  page->second.resize(middle.begin);
  page->second.shrink_to_fit();
  memory_bytes_ += page_overhead_bytes + key.size();
  pages_.emplace(std::move(key), std::move(upper));
}

bool large_map::erase(std::string_view subkey) {
  auto page = page_of(subkey);
  packed_map::entry at;
  if (page == pages_.end() || !packed_map::lower_bound(page->second, subkey, at) || at.subkey != subkey) return false;
  page->second.erase(at.begin, at.end - at.begin);
  memory_bytes_ -= at.end - at.begin;
  if (page->second.empty()) {
    memory_bytes_ -= page_overhead_bytes + page->first.size();
    pages_.erase(page);
  }
  return true;
}

bool large_map::scan(std::string_view from, std::string_view to, const visitor& visit) const {
  for (auto page = page_of(from); page != pages_.end(); ++page) {
    if (!to.empty() && page != pages_.begin() && page->first >= to) return true;
    if (!scan_packed(page->second, from, to, visit)) return false;
  }
  return true;
}

bool large_map::scan_backwards(std::string_view from, std::string_view to, const visitor& visit) const {
  auto page = to.empty() ? pages_.end() : pages_.lower_bound(to);
  if (page == pages_.begin() && !pages_.empty()) ++page;  // the first page also holds what is less than its own key
  while (page != pages_.begin()) {
    --page;
    if (!scan_packed_backwards(page->second, from, to, visit)) return false;
    if (page->first <= from) return true;
  }
  return true;
}

}  // namespace systole
