#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace systole {

/// The number of insertions, deletions, replacements and swaps of neighbours that turn one name into the other
/// (optimal string alignment), without regard to ASCII case.
size_t edit_distance(std::string_view a, std::string_view b);
/// Up to three names that are near enough to be meant, best first.
std::vector<std::string> nearest_names(std::string_view wanted, std::span<const std::string> names);

}  // namespace systole
