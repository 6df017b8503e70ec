#include "app/byte_size.h"

#include <charconv>
#include <cmath>
#include <utility>

namespace systole {

std::optional<size_t> parse_byte_size(std::string_view text) {
  double number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || number < 0) return std::nullopt;
  std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  constexpr std::pair<std::string_view, double> units[] = {{"", 1}, {"B", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
  for (const auto& [name, factor] : units)
    if (unit == name && number * factor < 0x1p62) return static_cast<size_t>(std::llround(number * factor));
  return std::nullopt;
}

}  // namespace systole
