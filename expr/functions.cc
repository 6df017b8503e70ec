#include "expr/functions.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "expr/types.h"

namespace systole {
namespace {

struct function_table {
  std::vector<function_entry> entries;
  std::unordered_map<std::string_view, std::vector<const function_entry*>> by_name;

  function_table() {
    add_arithmetic(entries);
    add_numeric_functions(entries);
    add_comparisons(entries);
    add_text_functions(entries);
    add_text_search_functions(entries);
    add_like(entries);
    add_regex_functions(entries);
    add_time_arithmetic(entries);
    add_time_fields(entries);
    add_time_makers(entries);
    add_time_zones(entries);
    add_time_formats(entries);
    add_try_functions(entries);
    for (const function_entry& each : entries) by_name[each.name].push_back(&each);
  }
};

const function_table& table() {
  static const function_table made;
  return made;
}

/// Bound by bind_special.cc, or syntax of its own.
constexpr std::array special_names = {"concat",       "concat_ws",      "coalesce",    "nullif",          "greatest",
                                      "least",        "ingestion_time", "param",       "source_position", "num_nulls",
                                      "num_nonnulls", "make_interval",  "regexp_match"};
constexpr std::array aggregate_names = {"avg", "bool_and", "bool_or", "count", "every", "max", "min", "sum"};

using candidate_list = std::vector<const function_entry*>;

/// Keeps the candidates with the highest score.
template <class Score>
void keep_best(candidate_list& candidates, const Score& score) {
  int best = 0;
  for (const function_entry* each : candidates) best = std::max(best, score(*each));
  std::erase_if(candidates, [&](const function_entry* each) { return score(*each) < best; });
}

/// Step 4.e of chapter 10.3: each unknown argument takes a category that all candidates agree on, or text.
void resolve_unknowns(candidate_list& candidates, std::span<const type_id> arguments) {
  std::vector<std::optional<type_category>> wanted(arguments.size());
  std::vector<bool> preferred_found(arguments.size(), false);
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != type_id::null) continue;
    bool any_text = false, agree = true;
    for (const function_entry* each : candidates) {
      any_text |= category_of(each->arguments[i]) == type_category::text;
      agree &= category_of(each->arguments[i]) == category_of(candidates[0]->arguments[i]);
    }
    if (any_text) wanted[i] = type_category::text;
    else if (agree) wanted[i] = category_of(candidates[0]->arguments[i]);
    else return;
    for (const function_entry* each : candidates)
      preferred_found[i] =
          preferred_found[i] || (category_of(each->arguments[i]) == *wanted[i] && is_preferred(each->arguments[i]));
  }
  candidate_list kept;
  for (const function_entry* each : candidates) {
    bool fits = true;
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (!wanted[i]) continue;
      fits &=
          category_of(each->arguments[i]) == *wanted[i] && (!preferred_found[i] || is_preferred(each->arguments[i]));
    }
    if (fits) kept.push_back(each);
  }
  if (!kept.empty()) candidates = kept;
}

/// Step 4.f: where all known arguments are of one type, the unknown ones may be of it too.
void assume_known_type(candidate_list& candidates, std::span<const type_id> arguments) {
  std::optional<type_id> known;
  for (const type_id type : arguments) {
    if (type == type_id::null) continue;
    if (known && *known != type) return;
    known = type;
  }
  if (!known) return;
  candidate_list kept;
  for (const function_entry* each : candidates)
    if (std::all_of(each->arguments.begin(), each->arguments.end(),
                    [&](type_id wanted) { return is_implicit(*known, wanted); }))
      kept.push_back(each);
  if (kept.size() == 1) candidates = kept;
}

bool matches(const function_entry& entry, std::span<const type_id> arguments) {
  return std::equal(entry.arguments.begin(), entry.arguments.end(), arguments.begin(), arguments.end());
}

}  // namespace

std::vector<const function_entry*> overloads(std::string_view name) {
  const auto found = table().by_name.find(name);
  return found == table().by_name.end() ? std::vector<const function_entry*>() : found->second;
}

bool is_aggregate_name(std::string_view name) {
  return std::find(aggregate_names.begin(), aggregate_names.end(), name) != aggregate_names.end();
}

overload_choice choose_overload(std::span<const function_entry* const> all, std::span<const type_id> arguments,
                                bool is_operator) {
  candidate_list candidates;
  for (const function_entry* each : all)
    if (each->arguments.size() == arguments.size()) candidates.push_back(each);
  for (const function_entry* each : candidates)
    if (matches(*each, arguments)) return {each};
  // Step 2.a of chapter 10.2: one unknown operand of a binary operator is assumed to be of the other's type.
  if (is_operator && arguments.size() == 2 && (arguments[0] == type_id::null) != (arguments[1] == type_id::null)) {
    const type_id known = arguments[0] == type_id::null ? arguments[1] : arguments[0];
    const std::array same = {known, known};
    for (const function_entry* each : candidates)
      if (matches(*each, same)) return {each};
  }
  std::erase_if(candidates, [&](const function_entry* each) {
    for (size_t i = 0; i < arguments.size(); ++i)
      if (!is_implicit(arguments[i], each->arguments[i])) return true;
    return false;
  });
  if (candidates.size() <= 1) return {candidates.empty() ? nullptr : candidates[0]};
  keep_best(candidates, [&](const function_entry& each) {
    int exact = 0;
    for (size_t i = 0; i < arguments.size(); ++i) exact += arguments[i] == each.arguments[i];
    return exact;
  });
  if (candidates.size() == 1) return {candidates[0]};
  keep_best(candidates, [&](const function_entry& each) {
    int good = 0;
    for (size_t i = 0; i < arguments.size(); ++i)
      good += arguments[i] == each.arguments[i] ||
              (arguments[i] != type_id::null && category_of(arguments[i]) == category_of(each.arguments[i]) &&
               is_preferred(each.arguments[i]));
    return good;
  });
  if (candidates.size() == 1) return {candidates[0]};
  if (std::find(arguments.begin(), arguments.end(), type_id::null) != arguments.end()) {
    resolve_unknowns(candidates, arguments);
    if (candidates.size() > 1) assume_known_type(candidates, arguments);
  }
  if (candidates.size() == 1) return {candidates[0]};
  return {nullptr, true};
}

const std::vector<std::string>& function_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made(special_names.begin(), special_names.end());
    for (const auto& [name, entries] : table().by_name) {
      const bool is_word = (name[0] >= 'a' && name[0] <= 'z') || name[0] == '_';
      if (is_word && name != "like_escape") made.emplace_back(name);
    }
    made.insert(made.end(), aggregate_names.begin(), aggregate_names.end());
    std::sort(made.begin(), made.end());
    made.erase(std::unique(made.begin(), made.end()), made.end());
    return made;
  }();
  return names;
}

}  // namespace systole
