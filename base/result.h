#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace systole {

/// Names the failures on which callers act differently. A new code needs a caller that branches on it.
enum class error_code {
  invalid_argument,   ///< The caller's input is wrong: a manifest, a flag, an expression.
  not_found,          ///< A file, key or name does not exist.
  already_exists,     ///< Create-if-absent met an existing object.
  corrupt,            ///< A checksum, magic number or length does not match.
  incompatible,       ///< Written by another layout version or by another plan.
  io,                 ///< The operating system refused; the message holds errno's text.
  disk_full,          ///< ENOSPC or EDQUOT: nothing was lost, try again once there is space.
  unavailable,        ///< A peer cannot be reached now; the same call may succeed later.
  fenced,             ///< A newer term or attempt, or another process, owns the resource.
  limit_exceeded,     ///< A limit of base/limits.h or of the manifest was reached.
  cancelled,          ///< The job is stopping.
  data,               ///< One row's value is at fault; `sqlstate` tells how.
  internal,           ///< A bug or a third-party exception.
};

/// Describes one failure. The message ends with the values at fault and says what to do; it never holds
/// a record's payload (it is patient data).
struct failure {
  error_code code = error_code::internal;
  std::string message;
  std::string sqlstate;  ///< Five characters where code is `data`, else empty.
};

/// Makes a failure; `fail(code, message)` reads well in a return statement.
inline failure fail(error_code code, std::string message, std::string sqlstate = {}) {
  return failure{code, std::move(message), std::move(sqlstate)};
}

/// Holds a value or an error; shaped like C++23's std::expected<T, failure>.
/// Accessing the wrong side is a bug (asserted).
template <class T>
class [[nodiscard]] result {
 public:
  using value_type = T;
  result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  result(failure cause) : held_(std::in_place_index<1>, std::move(cause)) {}

  bool has_value() const { return held_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { assert(has_value()); return *std::get_if<0>(&held_); }
  const T& value() const& { assert(has_value()); return *std::get_if<0>(&held_); }
  T&& value() && { assert(has_value()); return std::move(*std::get_if<0>(&held_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const failure& error() const& { assert(!has_value()); return *std::get_if<1>(&held_); }
  failure&& error() && { assert(!has_value()); return std::move(*std::get_if<1>(&held_)); }

 private:
  std::variant<T, failure> held_;
};

/// Holds success or an error.
template <>
class [[nodiscard]] result<void> {
 public:
  using value_type = void;
  result() = default;
  result(failure cause) : cause_(std::move(cause)) {}

  bool has_value() const { return !cause_; }
  explicit operator bool() const { return has_value(); }
  const failure& error() const& { assert(cause_); return *cause_; }
  failure&& error() && { assert(cause_); return std::move(*cause_); }

 private:
  std::optional<failure> cause_;
};

}  // namespace systole

/// Returns the error of a failed `result<void>` expression from the enclosing function.
#define SYSTOLE_TRY(expression)                                              \
  do {                                                                       \
    if (auto systole_try_ = (expression); !systole_try_)                     \
      return std::move(systole_try_).error();                                \
  } while (false)

#define SYSTOLE_JOIN_INNER(a, b) a##b
#define SYSTOLE_JOIN(a, b) SYSTOLE_JOIN_INNER(a, b)
#define SYSTOLE_ASSIGN_INNER(temporary, target, expression)                  \
  auto temporary = (expression);                                             \
  if (!temporary) return std::move(temporary).error();                       \
  target = std::move(temporary).value()

/// Assigns a result's value to `target` (a declaration or an lvalue), or returns its error.
#define SYSTOLE_ASSIGN(target, expression) \
  SYSTOLE_ASSIGN_INNER(SYSTOLE_JOIN(systole_result_, __LINE__), target, expression)
