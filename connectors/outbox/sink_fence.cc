#include "connectors/outbox/sink_fence.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>

#include "connectors/outbox/durable_directory.h"

namespace systole {
namespace {

constexpr std::string_view owner_prefix = "owner-", temporary_mark = ".new-";
using mark = std::pair<uint64_t, uint64_t>;  ///< term, attempt: a newer owner's is greater

std::string text_of(const sink_owner& owner) { return fmt::format("{}-{}", owner.term, owner.attempt); }

/// "3-17".
std::optional<mark> mark_in(std::string_view text) {
  mark made;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, made.first);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, made.second);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return made;
}

std::optional<mark> owner_in(std::string_view name) {
  if (!name.starts_with(owner_prefix)) return std::nullopt;
  return mark_in(name.substr(owner_prefix.size()));
}

std::optional<mark> owner_of_temporary(std::string_view name) {
  const size_t at = name.rfind(temporary_mark);
  if (at == std::string_view::npos || !name.starts_with('.')) return std::nullopt;
  return mark_in(name.substr(at + temporary_mark.size()));
}

}  // namespace

result<void> sink_fence::take_over() {
  if (folder_.empty() || !owner_.fences) return {};
  SYSTOLE_TRY(create_directories_durably(files_, folder_));
  SYSTOLE_TRY(check());
  const std::string own = folder_ + "/" + std::string(owner_prefix) + text_of(owner_);
  SYSTOLE_ASSIGN(const auto file, files_.create(own));
  SYSTOLE_TRY(file->close());
  SYSTOLE_ASSIGN(const auto names, files_.list(folder_));
  for (const std::string& name : names)
    if (const auto other = owner_in(name); other && *other < mark(owner_.term, owner_.attempt))
      SYSTOLE_TRY(files_.remove(folder_ + "/" + name));
  return disarm_older(folder_);
}

result<void> sink_fence::check() const {
  const auto fenced = [this] {
    return fail(error_code::fenced, fmt::format("attempt {} of term {} is not the job's any more: a newer one has its sinks",
                                                owner_.attempt, owner_.term));
  };
  if (!owner_.still_current()) return fenced();
  if (folder_.empty() || !owner_.fences) return {};
  SYSTOLE_ASSIGN(const auto names, files_.list(folder_));
  for (const std::string& name : names)
    if (const auto other = owner_in(name); other && *other > mark(owner_.term, owner_.attempt)) return fenced();
  return {};
}

result<void> sink_fence::disarm_older(const std::string& folder, std::string_view prefix) const {
  if (!owner_.fences) return {};
  SYSTOLE_ASSIGN(const auto names, files_.list(folder));
  for (const std::string& name : names)
    if (const auto other = owner_of_temporary(name);
        other && name.starts_with(prefix) && *other < mark(owner_.term, owner_.attempt))
      SYSTOLE_TRY(files_.remove(folder + "/" + name));
  return {};
}

std::string sink_fence::temporary_of(const std::string& path, std::string folder) const {
  if (folder.empty()) folder = folder_of(path);
  return fmt::format("{}/.{}{}{}", folder, std::filesystem::path(path).filename().string(), temporary_mark, text_of(owner_));
}

result<void> sink_fence::publish(const std::string& temporary, const std::string& path) const {
  SYSTOLE_TRY(check());
  if (auto named = files_.rename(temporary, path); !named) {
    if (named.error().code != error_code::not_found) return named;
    return fail(error_code::fenced, "who took over has removed the temporary file of " + path);
  }
  return files_.sync_directory(folder_of(path));
}

result<void> sink_fence::replace(const std::string& path, std::string_view bytes, const std::string& folder) const {
  const std::string temporary = temporary_of(path, folder);
  SYSTOLE_ASSIGN(const auto file, files_.create(temporary));
  SYSTOLE_TRY(file->append(bytes));
  SYSTOLE_TRY(file->sync());
  SYSTOLE_TRY(file->close());
  return publish(temporary, path);
}

}  // namespace systole
