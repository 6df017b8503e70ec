#include "connectors/outbox/file_origin.h"

#include <fmt/format.h>

#include <charconv>

namespace systole {
namespace {

/// Takes a number and the '-' behind it from the front.
bool take_number(std::string_view& text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data() + text.size() || *end != '-') return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
  return true;
}

}  // namespace

std::string name_of(const file_origin& origin, std::string_view rest) {
  return fmt::format("{}-a{}-{}", origin.begun_after, origin.attempt, rest);
}

std::optional<file_origin> origin_of(std::string_view name) {
  file_origin made;
  if (!take_number(name, made.begun_after)) return std::nullopt;
  if (!name.starts_with('a')) return made;
  name.remove_prefix(1);
  if (!take_number(name, made.attempt)) return std::nullopt;
  return made;
}

result<void> remove_begun_later(file_system& files, const std::string& folder, std::string_view suffix, epoch_id last_completed,
                                uint64_t attempt) {
  SYSTOLE_ASSIGN(const auto names, files.list(folder));
  for (const std::string& name : names) {
    const auto origin = origin_of(name);
    if (origin && name.ends_with(suffix) && origin->attempt < attempt && origin->begun_after >= last_completed.value)
      SYSTOLE_TRY(files.remove(folder + "/" + name));
  }
  return {};
}

result<void> remove_left_behind(file_system& files, const std::string& folder, std::string_view suffix, uint64_t attempt) {
  return remove_begun_later(files, folder, suffix, epoch_id(0), attempt);
}

}  // namespace systole
