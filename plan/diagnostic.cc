#include "plan/diagnostic.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "base/limits.h"

namespace systole {
namespace {

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// Levenshtein's distance with adjacent transpositions (Damerau, optimal string alignment), ignoring case.
size_t edit_distance(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t cost = lower(a[i - 1]) != lower(b[j - 1]);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        current[j] = std::min(current[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

constexpr size_t shown_line_characters = 160;

/// What stands behind a password's key is not for screens and logs, also where it stands there by mistake.
void hide_passwords(std::string& line) {
  for (const std::string_view key : {"password", "passphrase"}) {
    const auto found = std::search(line.begin(), line.end(), key.begin(), key.end(), [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
    });
    const size_t colon = line.find(':', static_cast<size_t>(found - line.begin()));
    if (colon == std::string::npos || line.find("secretRef", colon) != std::string::npos) continue;
    if (line.find_first_not_of(" \"'", colon + 1) != std::string::npos) line = line.substr(0, colon + 1) + " ***";
  }
}

/// The source line around `column`, with a caret below it.
std::string excerpt(std::string_view text, uint32_t offset, line_column place) {
  size_t start = std::min<size_t>(offset, text.size());
  while (start > 0 && text[start - 1] != '\n') --start;
  size_t end = std::min<size_t>(offset, text.size());
  while (end < text.size() && text[end] != '\n' && text[end] != '\r') ++end;
  std::string prefix, suffix;
  size_t from = start;
  if (end - start > shown_line_characters && offset - start > shown_line_characters / 2) {
    from = offset - shown_line_characters / 2;
    while (from < end && continues_character(text[from])) ++from;
    prefix = "...";
  }
  size_t to = end;
  if (to - from > shown_line_characters) {
    to = from + shown_line_characters;
    while (to > from && continues_character(text[to])) --to;
    suffix = "...";
  }
  std::string line;
  for (char c : text.substr(from, to - from)) line.push_back(c == '\t' ? ' ' : c);
  hide_passwords(line);
  size_t blanks = prefix.size();
  for (size_t i = from; i < offset && i < to; ++i) blanks += !continues_character(text[i]);
  char number[16];
  std::snprintf(number, sizeof number, "%5u", place.line);
  std::string gutter(5, ' ');
  return std::string(number) + " | " + prefix + line + suffix + "\n" + gutter + " | " + std::string(blanks, ' ') + "^\n";
}

}  // namespace

line_column line_column_of(std::string_view text, uint32_t offset) {
  line_column place;
  size_t end = std::min<size_t>(offset, text.size());
  size_t line_start = 0;
  for (size_t i = 0; i < end; ++i) {
    if (text[i] == '\n') {
      ++place.line;
      line_start = i + 1;
    }
  }
  if (line_start == 0 && text.starts_with("\xEF\xBB\xBF")) line_start = std::min<size_t>(3, end);
  for (size_t i = line_start; i < end; ++i) place.column += !continues_character(text[i]);
  return place;
}

void diagnostics::error(int code, source_position at, std::string message, std::string hint,
                        std::vector<std::string> nearest) {
  if (errors_ >= limits::manifest_errors) return;
  for (const diagnostic& entry : entries_)
    if (entry.level == severity::error && at.file != source_position::no_file && entry.at.file == at.file &&
        entry.at.offset == at.offset)
      return;
  ++errors_;
  entries_.push_back({severity::error, code, at, std::move(message), std::move(hint), std::move(nearest)});
}

void diagnostics::warning(int code, source_position at, std::string message, std::string hint) {
  if (entries_.size() >= 2 * limits::manifest_errors) return;
  entries_.push_back({severity::warning, code, at, std::move(message), std::move(hint), {}});
}

std::vector<diagnostic> diagnostics::sorted() const {
  std::vector<diagnostic> sorted = entries_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const diagnostic& a, const diagnostic& b) {
    return std::tie(a.at.file, a.at.offset) < std::tie(b.at.file, b.at.offset);
  });
  return sorted;
}

std::string render_diagnostics(const std::vector<diagnostic>& entries, const std::vector<manifest_source>& files) {
  std::string text;
  for (const diagnostic& entry : entries) {
    char code[16];
    std::snprintf(code, sizeof code, "[SYS%04d]", entry.code);
    const bool located = entry.at.file < files.size();
    line_column place;
    if (located) {
      place = line_column_of(files[entry.at.file].text, entry.at.offset);
      text += files[entry.at.file].path + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
    } else {
      text += "command line";
    }
    text += entry.level == severity::error ? ": error" : ": warning";
    text += code;
    text += ": " + entry.message + "\n";
    if (located) text += excerpt(files[entry.at.file].text, entry.at.offset, place);
    if (!entry.nearest.empty()) {
      text += "      = did you mean ";
      for (size_t i = 0; i < entry.nearest.size(); ++i) {
        if (i > 0) text += i + 1 == entry.nearest.size() ? " or " : ", ";
        text += "`" + entry.nearest[i] + "`";
      }
      text += "?\n";
    }
    if (!entry.hint.empty()) text += "      = hint: " + entry.hint + "\n";
  }
  return text;
}

std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& valid) {
  constexpr size_t longest = 128;
  std::vector<std::pair<size_t, std::string>> found;
  if (name.size() > longest) return {};
  for (const std::string& candidate : valid) {
    if (candidate.size() > longest) continue;
    size_t distance = edit_distance(name, candidate);
    size_t allowed = std::max<size_t>(1, std::max(name.size(), candidate.size()) / 3);
    if (distance <= allowed && distance < name.size()) found.emplace_back(distance, candidate);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  std::vector<std::string> nearest;
  for (auto& [distance, candidate] : found) {
    if (nearest.size() == 3) break;
    if (distance > found.front().first + 1) break;
    nearest.push_back(std::move(candidate));
  }
  return nearest;
}

}  // namespace systole
