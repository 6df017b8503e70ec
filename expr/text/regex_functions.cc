#include <map>

#include "expr/functions.h"
#include "expr/row_kernel.h"
#include "expr/text/regex.h"
#include "expr/text/utf8.h"

namespace systole {
namespace {

using text_out = row_writer<std::string_view>;
using text_in = std::string_view;

/// Patterns that come from columns are compiled once per thread while there are few of them.
const regex_compiled& compile_once(text_in pattern, text_in flags, bool allow_global) {
  constexpr size_t most = 64;
  thread_local std::map<std::string, regex_compiled, std::less<>> known;
  std::string key = std::string(flags) + (allow_global ? "g/" : "/") + std::string(pattern);
  if (const auto found = known.find(key); found != known.end()) return found->second;
  if (known.size() >= most) known.clear();
  return known.emplace(std::move(key), compile_regex(pattern, flags, allow_global)).first->second;
}

/// The constant pattern's regex, or that of the row's. nullptr after a failure.
const regex* choose(row_writer_base& out, const regex* known, text_in pattern, text_in flags,
                    bool allow_global = false) {
  if (known) return known;
  const regex_compiled& compiled = compile_once(pattern, flags, allow_global);
  if (!compiled.problem) return compiled.made.get();
  out.fail(*compiled.problem);
  return nullptr;
}

template <int FlagsAt, bool AllowGlobal>
prepared_call prepare_with(std::span<const node_ptr> arguments, text_in fixed_flags) {
  const column_ptr pattern = arguments[1]->constant();
  const column_ptr flags = FlagsAt > 0 ? arguments[static_cast<size_t>(FlagsAt)]->constant() : nullptr;
  if (!pattern || pattern->is_null(0) || (FlagsAt > 0 && (!flags || flags->is_null(0)))) return {};
  regex_compiled compiled = compile_regex(pattern->text(0), flags ? flags->text(0) : fixed_flags, AllowGlobal);
  if (compiled.problem)
    return {nullptr, std::string(compiled.problem->reason), compiled.hint, compiled.problem->sqlstate};
  return {compiled.made, {}, {}, {}};
}
prepared_call prepare_plain(std::span<const node_ptr> arguments) { return prepare_with<0, false>(arguments, {}); }
prepared_call prepare_ignoring_case(std::span<const node_ptr> arguments) {
  return prepare_with<0, false>(arguments, "i");
}
prepared_call prepare_flags_second(std::span<const node_ptr> arguments) {
  return prepare_with<2, false>(arguments, {});
}
prepared_call prepare_replace_flags(std::span<const node_ptr> arguments) {
  return prepare_with<3, true>(arguments, {});
}

template <bool Fold, bool Negated>
void match(row_writer<bool>& out, const regex* known, text_in text, text_in pattern) {
  const regex* chosen = choose(out, known, pattern, Fold ? "i" : "");
  if (chosen) out.set(chosen->matches(text) != Negated);
}

void match_flags(row_writer<bool>& out, const regex* known, text_in text, text_in pattern, text_in flags) {
  const regex* chosen = choose(out, known, pattern, flags);
  if (chosen) out.set(chosen->matches(text));
}

/// (regexp_match(text, pattern))[n]: the n-th group, or the whole match as the only element where there are no groups.
void give_group(text_out& out, const regex& chosen, text_in text, int32_t n) {
  regex::range groups[64];
  const int count = chosen.groups();
  if (!chosen.find(text, 0, groups, count + 1)) return out.null();
  if (n < 1 || n > std::max(count, 1)) return out.null();
  const regex::range& group = groups[count == 0 ? 0 : n];
  if (!group.found) return out.null();
  out.set_part(text.substr(group.from, group.to - group.from));
}
void match_group(text_out& out, const regex* known, text_in text, text_in pattern, int32_t n) {
  const regex* chosen = choose(out, known, pattern, {});
  if (chosen) give_group(out, *chosen, text, n);
}
void match_group_flags(text_out& out, const regex* known, text_in text, text_in pattern, text_in flags, int32_t n) {
  const regex* chosen = choose(out, known, pattern, flags);
  if (chosen) give_group(out, *chosen, text, n);
}
/// substring(text FROM pattern): the first group, or the whole where there is none.
void substring_by_pattern(text_out& out, const regex* known, text_in text, text_in pattern) {
  const regex* chosen = choose(out, known, pattern, {});
  if (chosen) give_group(out, *chosen, text, 1);
}

void count_matches(row_writer<int32_t>& out, const regex* known, text_in text, text_in pattern) {
  const regex* chosen = choose(out, known, pattern, {});
  if (!chosen) return;
  int32_t count = 0;
  regex::range whole;
  for (size_t at = 0; at <= text.size() && chosen->find(text, at, &whole, 1); ++count)
    at = whole.to > whole.from    ? whole.to
         : whole.to < text.size() ? whole.to + utf8_width(text[whole.to])
                                  : text.size() + 1;
  out.set(count);
}

/// Appends a replacement: \1 to \9, \& and \\ are special; another escaped character keeps its backslash.
void append_replacement(std::string& made, text_in text, text_in replacement, const regex::range* groups, int count) {
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char c = replacement[i];
    if (c != '\\' || i + 1 == replacement.size()) {
      made += c;
      continue;
    }
    const char next = replacement[++i];
    if (next == '\\') {
      made += '\\';
    } else if (next == '&' || (next >= '1' && next <= '9')) {
      const int n = next == '&' ? 0 : next - '0';
      if (n <= count && groups[n].found) made += text.substr(groups[n].from, groups[n].to - groups[n].from);
    } else {
      (made += '\\') += next;
    }
  }
}

void replace_with(text_out& out, const regex& chosen, text_in text, text_in replacement) {
  regex::range groups[64];
  const int count = chosen.groups();
  std::string made;
  size_t done = 0, at = 0;
  bool any = false;
  while (at <= text.size() && chosen.find(text, at, groups, count + 1)) {
    any = true;
    made += text.substr(done, groups[0].from - done);
    append_replacement(made, text, replacement, groups, count);
    done = groups[0].to;
    if (made.size() > limits::text_value_bytes) return out.fail(failures::text_too_long);
    if (!chosen.global()) break;
    at = groups[0].to;
    if (groups[0].to == groups[0].from) {  // an empty match: go on behind the next character
      if (at >= text.size()) break;
      at = std::min(at + utf8_width(text[at]), text.size());
      made += text.substr(done, at - done);
      done = at;
    }
  }
  if (!any) return out.set_part(text);
  made += text.substr(std::min(done, text.size()));
  out.set(made);
}
void replace_first(text_out& out, const regex* known, text_in text, text_in pattern, text_in replacement) {
  const regex* chosen = choose(out, known, pattern, {}, true);
  if (chosen) replace_with(out, *chosen, text, replacement);
}
void replace_flags(text_out& out, const regex* known, text_in text, text_in pattern, text_in replacement,
                   text_in flags) {
  const regex* chosen = choose(out, known, pattern, flags, true);
  if (chosen) replace_with(out, *chosen, text, replacement);
}

}  // namespace

void add_regex_functions(std::vector<function_entry>& table) {
  using enum type_id;
  constexpr auto part = text_result::part_of_argument;
  constexpr function_traits may_be_null{.can_fail = true, .gives_null = true, .cheap = false};
  table.push_back({"~", {text, text}, boolean, row_kernel<&match<false, false>>, slow_fallible, prepare_plain});
  table.push_back({"!~", {text, text}, boolean, row_kernel<&match<false, true>>, slow_fallible, prepare_plain});
  table.push_back({"~*", {text, text}, boolean, row_kernel<&match<true, false>>, slow_fallible, prepare_ignoring_case});
  table.push_back({"!~*", {text, text}, boolean, row_kernel<&match<true, true>>, slow_fallible, prepare_ignoring_case});
  table.push_back(
      {"regexp_like", {text, text}, boolean, row_kernel<&match<false, false>>, slow_fallible, prepare_plain});
  table.push_back(
      {"regexp_like", {text, text, text}, boolean, row_kernel<&match_flags>, slow_fallible, prepare_flags_second});
  table.push_back({"regexp_count", {text, text}, int32, row_kernel<&count_matches>, slow_fallible, prepare_plain});
  table.push_back(
      {"#regexp_match", {text, text, int32}, text, row_kernel<&match_group, part>, may_be_null, prepare_plain});
  table.push_back({"#regexp_match",
                   {text, text, text, int32},
                   text,
                   row_kernel<&match_group_flags, part>,
                   may_be_null,
                   prepare_flags_second});
  table.push_back(
      {"substring", {text, text}, text, row_kernel<&substring_by_pattern, part>, may_be_null, prepare_plain});
  table.push_back(
      {"regexp_replace", {text, text, text}, text, row_kernel<&replace_first, part>, slow_fallible, prepare_plain});
  table.push_back({"regexp_replace",
                   {text, text, text, text},
                   text,
                   row_kernel<&replace_flags, part>,
                   slow_fallible,
                   prepare_replace_flags});
}

}  // namespace systole
