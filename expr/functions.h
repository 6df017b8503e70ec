#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/type.h"
#include "expr/node.h"

namespace systole {

/// What `prepare` made of constant arguments: a state for the kernel, or why the call is wrong.
struct prepared_call {
  std::shared_ptr<const void> state;
  std::string error;  ///< empty: fine
  std::string hint;
  std::string sqlstate;
};

/// One overload of a function or operator. The table of all of them drives binding, did-you-mean and the tests of the
/// documentation. Functions whose arguments can be of any type or number are bound in bind_special.cc.
struct function_entry {
  std::string_view name;
  std::vector<type_id> arguments;
  type_id result;
  kernel run;
  function_traits traits = {};
  /// Called at bind time with the coerced arguments; looks at constants.
  prepared_call (*prepare)(std::span<const node_ptr> arguments) = nullptr;
};

/// Shorthands for the tables.
inline constexpr function_traits safe{};
inline constexpr function_traits fallible{.can_fail = true};
inline constexpr function_traits optional_result{.gives_null = true};
inline constexpr function_traits slow{.cheap = false};
inline constexpr function_traits slow_fallible{.can_fail = true, .cheap = false};

// The families; each is defined beside its kernels.
void add_arithmetic(std::vector<function_entry>& table);
void add_numeric_functions(std::vector<function_entry>& table);
void add_comparisons(std::vector<function_entry>& table);
void add_text_functions(std::vector<function_entry>& table);
void add_text_search_functions(std::vector<function_entry>& table);
void add_like(std::vector<function_entry>& table);
void add_regex_functions(std::vector<function_entry>& table);
void add_time_arithmetic(std::vector<function_entry>& table);
void add_time_fields(std::vector<function_entry>& table);
void add_time_makers(std::vector<function_entry>& table);
void add_time_zones(std::vector<function_entry>& table);
void add_time_formats(std::vector<function_entry>& table);
void add_try_functions(std::vector<function_entry>& table);

/// All overloads of a name; empty for an unknown one. Operators are under their symbol; a prefix operator has one
/// argument.
std::vector<const function_entry*> overloads(std::string_view name);
/// True for names of functions that PostgreSQL has as aggregates and this table does not.
bool is_aggregate_name(std::string_view name);

/// Chooses among overloads by PostgreSQL's rules (documentation, chapters 10.2 and 10.3). type_id::null stands for an
/// argument of unknown type.
struct overload_choice {
  const function_entry* entry = nullptr;
  bool ambiguous = false;
};
overload_choice choose_overload(std::span<const function_entry* const> candidates, std::span<const type_id> arguments,
                                bool is_operator);

}  // namespace systole
