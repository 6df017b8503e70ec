#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_text.h"
#include "base/result.h"

namespace systole {

/// Any JSON text as a tree: for requests, answers and settings. Not for records, which json_decoder reads into columns.
class json_value {
 public:
  using array = std::vector<json_value>;
  using object = std::vector<std::pair<std::string, json_value>>;  ///< in the text's order; no name comes twice

  json_value() = default;  ///< null
  explicit json_value(bool value) : held_(value) {}
  explicit json_value(int64_t value) : held_(value) {}
  explicit json_value(double value) : held_(value) {}
  explicit json_value(std::string value) : held_(std::move(value)) {}
  explicit json_value(array value) : held_(std::move(value)) {}
  explicit json_value(object value) : held_(std::move(value)) {}

  /// Reads a whole text of at most limits::json_depth levels. Integers beyond 64 bits become doubles.
  /// `invalid_argument` for anything that is no JSON (RFC 8259) or names a member twice; the message holds nothing of
  /// the text but names.
  static result<json_value> parse(std::string_view text);

  bool is_null() const { return held_.index() == 0; }
  /// What it is, or null where it is something else.
  const bool* boolean() const { return std::get_if<bool>(&held_); }
  const int64_t* integer() const { return std::get_if<int64_t>(&held_); }
  const double* real() const { return std::get_if<double>(&held_); }
  const std::string* text() const { return std::get_if<std::string>(&held_); }
  const array* items() const { return std::get_if<array>(&held_); }
  const object* members() const { return std::get_if<object>(&held_); }
  /// A member of an object; null where this is none or has none of that name.
  const json_value* find(std::string_view name) const;

  void write(json_text& into) const;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, array, object> held_;
};

}  // namespace systole
