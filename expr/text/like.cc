#include <cstring>

#include "base/ascii.h"
#include "expr/functions.h"
#include "expr/row_kernel.h"
#include "expr/text/utf8.h"

namespace systole {
namespace {

using ascii::lower;

constexpr row_failure open_escape{"22025", "LIKE pattern must not end with escape character"};
constexpr row_failure bad_escape{"22025", "invalid escape string: it must be empty or one character"};

template <bool Fold>
bool same(char a, char b) {
  return Fold ? lower(a) == lower(b) : a == b;
}

enum class like_outcome { match, no_match, bad_pattern };

/// Matches with one place to come back to per '%': linear in practice, as the last '%' is the only one that must move.
template <bool Fold>
like_outcome match_like(std::string_view text, std::string_view pattern) {
  size_t t = 0, p = 0, retry_pattern = std::string_view::npos, retry_text = 0;
  while (true) {
    bool advanced = false;
    if (p < pattern.size() && pattern[p] == '%') {
      while (p < pattern.size() && pattern[p] == '%') ++p;
      if (p == pattern.size()) return like_outcome::match;
      retry_pattern = p;
      retry_text = t;
      continue;
    }
    if (t == text.size()) {
      if (p == pattern.size()) return like_outcome::match;
      return like_outcome::no_match;
    }
    if (p < pattern.size()) {
      if (pattern[p] == '_') {
        t = std::min(t + utf8_width(text[t]), text.size());
        ++p;
        advanced = true;
      } else {
        size_t literal = p;
        if (pattern[p] == '\\' && ++literal == pattern.size()) return like_outcome::bad_pattern;
        if (same<Fold>(pattern[literal], text[t])) {
          p = literal + 1;
          ++t;
          advanced = true;
        }
      }
    }
    if (advanced) continue;
    if (retry_pattern == std::string_view::npos) return like_outcome::no_match;
    retry_text = std::min(retry_text + utf8_width(text[retry_text]), text.size());
    t = retry_text;
    p = retry_pattern;
  }
}

/// A constant pattern that is literal but for '%' at its ends needs no matcher.
struct like_pattern {
  enum { exact, prefix, suffix, contains, anything, general } form = general;
  std::string literal;
};

prepared_call prepare_like(std::span<const node_ptr> arguments) {
  const column_ptr constant = arguments[1]->constant();
  if (!constant || constant->is_null(0)) return {};
  std::string_view pattern = constant->text(0);
  auto made = std::make_shared<like_pattern>();
  bool open_start = false, open_end = false;
  while (!pattern.empty() && pattern.front() == '%') {
    open_start = true;
    pattern.remove_prefix(1);
  }
  std::string literal;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '_') return {made, {}, {}, {}};
    if (pattern[i] == '%') {
      if (pattern.find_first_not_of('%', i) != std::string_view::npos) return {made, {}, {}, {}};
      open_end = true;
      break;
    }
    if (pattern[i] == '\\' && ++i == pattern.size()) return {made, {}, {}, {}};
    literal += pattern[i];
  }
  made->literal = std::move(literal);
  made->form = open_start && (open_end || made->literal.empty())
                   ? (made->literal.empty() ? like_pattern::anything : like_pattern::contains)
               : open_start ? like_pattern::suffix
               : open_end   ? like_pattern::prefix
                            : like_pattern::exact;
  return {made, {}, {}, {}};
}

template <bool Negated>
void like(row_writer<bool>& out, const like_pattern* known, std::string_view text, std::string_view pattern) {
  bool found = false;
  switch (known ? known->form : like_pattern::general) {
    case like_pattern::exact: found = text == known->literal; break;
    case like_pattern::prefix: found = text.starts_with(known->literal); break;
    case like_pattern::suffix: found = text.ends_with(known->literal); break;
    case like_pattern::contains: found = text.find(known->literal) != std::string_view::npos; break;
    case like_pattern::anything: found = true; break;
    case like_pattern::general: {
      const like_outcome outcome = match_like<false>(text, pattern);
      if (outcome == like_outcome::bad_pattern) return out.fail(open_escape);
      found = outcome == like_outcome::match;
    }
  }
  out.set(found != Negated);
}

template <bool Negated>
void like_ignoring_case(row_writer<bool>& out, std::string_view text, std::string_view pattern) {
  const like_outcome outcome = match_like<true>(text, pattern);
  if (outcome == like_outcome::bad_pattern) return out.fail(open_escape);
  out.set((outcome == like_outcome::match) != Negated);
}

/// Turns a pattern with another escape character into one with a backslash.
void like_escape(row_writer<std::string_view>& out, std::string_view pattern, std::string_view escape) {
  std::string made;
  if (escape.empty()) {
    for (const char c : pattern) made.append(c == '\\' ? 2 : 1, c);
    return out.set(made);
  }
  if (utf8_length(escape) != 1) return out.fail(bad_escape);
  if (escape == "\\") return out.set(pattern);
  bool after_escape = false;
  for (size_t at = 0; at < pattern.size();) {
    const size_t width = std::min(utf8_width(pattern[at]), pattern.size() - at);
    const std::string_view character = pattern.substr(at, width);
    at += width;
    if (character == escape && !after_escape) {
      made += '\\';
      after_escape = true;
      continue;
    }
    if (character == "\\") made += after_escape ? "\\" : "\\\\";
    else made += character;
    after_escape = false;
  }
  out.set(made);
}

}  // namespace

void add_like(std::vector<function_entry>& table) {
  using enum type_id;
  table.push_back({"~~", {text, text}, boolean, row_kernel<&like<false>>, slow_fallible, prepare_like});
  table.push_back({"!~~", {text, text}, boolean, row_kernel<&like<true>>, slow_fallible, prepare_like});
  table.push_back({"~~*", {text, text}, boolean, row_kernel<&like_ignoring_case<false>>, slow_fallible});
  table.push_back({"!~~*", {text, text}, boolean, row_kernel<&like_ignoring_case<true>>, slow_fallible});
  table.push_back({"like_escape", {text, text}, text, row_kernel<&like_escape>, slow_fallible});
}

}  // namespace systole
