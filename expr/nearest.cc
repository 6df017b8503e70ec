#include "expr/nearest.h"

#include <algorithm>

#include "base/ascii.h"

namespace systole {
namespace {

using ascii::lower;

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

std::vector<std::string> nearest_names(std::string_view wanted, std::span<const std::string> names) {
  constexpr size_t most = 3, longest = 128;
  if (wanted.size() > longest) return {};
  std::vector<std::pair<size_t, std::string_view>> near;
  for (const std::string& name : names) {
    if (name.size() > longest) continue;
    const size_t distance = edit_distance(wanted, name);
    const bool extends = wanted.size() >= 4 && (name.starts_with(wanted) || name.ends_with(wanted));
    if (distance <= std::max<size_t>(1, std::max(wanted.size(), name.size()) / 3) || extends)
      near.emplace_back(distance, name);
  }
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> made;
  for (const auto& [distance, name] : near) {
    if (made.size() == most) break;
    made.emplace_back(name);
  }
  return made;
}

}  // namespace systole
