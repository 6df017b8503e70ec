#include "expr/text/text_input.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/ascii.h"

namespace systole {
namespace {

using ascii::is_blank;
using ascii::lower;

constexpr row_failure bad_boolean{"22P02", "invalid input syntax for type boolean"};
constexpr row_failure bad_integer{"22P02", "invalid input syntax for type integer"};
constexpr row_failure bad_bigint{"22P02", "invalid input syntax for type bigint"};
constexpr row_failure bad_double{"22P02", "invalid input syntax for type double precision"};
constexpr row_failure bad_numeric{"22P02", "invalid input syntax for type numeric"};
constexpr row_failure bad_bytea{"22P02", "invalid input syntax for type bytea"};
constexpr row_failure bad_hexadecimal{"22023", "invalid hexadecimal data"};
constexpr row_failure double_range{"22003", "out of range for type double precision"};

bool equal_ignoring_case(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (size_t i = 0; i < text.size(); ++i)
    if (lower(text[i]) != lower_case[i]) return false;
  return true;
}

bool abbreviates(std::string_view text, std::string_view word, size_t least) {
  return text.size() >= least && text.size() <= word.size() && equal_ignoring_case(text, word.substr(0, text.size()));
}

template <class T>
const row_failure* read_integer(std::string_view text, T& out, const row_failure& bad, const row_failure& range) {
  text = trim_blanks(text);
  if (!text.empty() && text[0] == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text[0] == '-') return &bad;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || end != text.data() + text.size() || error == std::errc::invalid_argument) return &bad;
  return error == std::errc() ? nullptr : &range;
}

int hexadecimal(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

const row_failure* read_boolean(std::string_view text, bool& out) {
  text = trim_blanks(text);
  if (abbreviates(text, "true", 1) || abbreviates(text, "yes", 1) || abbreviates(text, "on", 2) || text == "1") {
    out = true;
    return nullptr;
  }
  if (abbreviates(text, "false", 1) || abbreviates(text, "no", 1) || abbreviates(text, "off", 2) || text == "0") {
    out = false;
    return nullptr;
  }
  return &bad_boolean;
}

const row_failure* read_int32(std::string_view text, int32_t& out) {
  return read_integer(text, out, bad_integer, failures::integer_range);
}
const row_failure* read_int64(std::string_view text, int64_t& out) {
  return read_integer(text, out, bad_bigint, failures::bigint_range);
}

const row_failure* read_double(std::string_view text, double& out) {
  text = trim_blanks(text);
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (equal_ignoring_case(text, "infinity") || equal_ignoring_case(text, "inf")) {
    out = negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    return nullptr;
  }
  if (equal_ignoring_case(text, "nan")) {
    out = std::numeric_limits<double>::quiet_NaN();
    return nullptr;
  }
  if (text.empty() || !((text[0] >= '0' && text[0] <= '9') || text[0] == '.')) return &bad_double;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return &bad_double;
  if (error != std::errc()) return &double_range;
  out = negative ? -value : value;
  return nullptr;
}

const row_failure* read_numeric(std::string_view text, decimal& out) {
  const result<decimal> parsed = parse_decimal(text);
  if (parsed) {
    out = *parsed;
    return nullptr;
  }
  const std::string& state = parsed.error().sqlstate;
  return state == failures::numeric_range.sqlstate   ? &failures::numeric_range
         : state == failures::not_a_numeric.sqlstate ? &failures::not_a_numeric
                                                     : &bad_numeric;
}

const row_failure* read_bytea(std::string_view text, std::string& out) {
  out.clear();
  if (text.size() >= 2 && text[0] == '\\' && text[1] == 'x') {
    for (size_t i = 2; i < text.size(); ++i) {
      if (is_blank(text[i])) continue;
      const int high = hexadecimal(text[i]);
      const int low = i + 1 < text.size() ? hexadecimal(text[i + 1]) : -1;
      if (high < 0 || low < 0) return &bad_hexadecimal;
      out.push_back(static_cast<char>(high * 16 + low));
      ++i;
    }
    return nullptr;
  }
  const auto octal = [&](size_t i, char most) { return i < text.size() && text[i] >= '0' && text[i] <= most; };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
    } else if (i + 1 < text.size() && text[i + 1] == '\\') {
      out.push_back('\\');
      ++i;
    } else if (octal(i + 1, '3') && octal(i + 2, '7') && octal(i + 3, '7')) {
      out.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
      i += 3;
    } else {
      return &bad_bytea;
    }
  }
  return nullptr;
}

}  // namespace systole
