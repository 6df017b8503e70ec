#include "expr/text/regex.h"

#include <re2/re2.h>

#include "base/hexadecimal.h"

namespace systole {
namespace {

constexpr row_failure bad_pattern{"2201B", "invalid regular expression"};
constexpr row_failure unsupported_pattern{"0A000", "this regular expression is not supported"};
constexpr row_failure bad_flags{"22023", "invalid regular expression flag"};
constexpr int64_t memory_bytes = 8 << 20;
constexpr int most_groups = 64;

/// Rewrites an advanced regular expression into RE2's syntax, or says what it cannot.
class pattern_writer {
 public:
  explicit pattern_writer(std::string_view pattern) : rest_(pattern) {}

  std::string out, hint;
  const row_failure* problem = nullptr;

  void write() {
    bool can_repeat = false;
    while (!rest_.empty() && !problem) {
      const char c = take();
      switch (c) {
        case '\\':
          write_escape(false);
          can_repeat = true;
          break;
        case '[':
          write_bracket();
          can_repeat = true;
          break;
        case '(':
          can_repeat = false;
          write_group();
          break;
        case '*':
        case '+':
        case '?':
        case '{':
          if (c == '{' && (rest_.empty() || rest_[0] < '0' || rest_[0] > '9')) {
            out += "\\{";
            can_repeat = true;
            break;
          }
          if (!can_repeat) return refuse(bad_pattern, "a quantifier needs something to repeat");
          write_quantifier(c);
          can_repeat = false;
          break;
        case '|':
        case '^':
          out += c;
          can_repeat = false;
          break;
        default: out += c; can_repeat = c != '$';
      }
    }
  }

 private:
  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  void refuse(const row_failure& why, std::string text) {
    problem = &why;
    hint = std::move(text);
  }

  void write_quantifier(char c) {
    out += c;
    if (c == '{') {
      const size_t end = rest_.find('}');
      if (end == std::string_view::npos) return refuse(bad_pattern, "a { is not closed");
      int value = 0;
      for (const char digit : rest_.substr(0, end)) {
        if (digit == ',') value = 0;
        else if (digit < '0' || digit > '9') return refuse(bad_pattern, "between { and } stand one or two numbers");
        else value = value * 10 + (digit - '0');
        if (value > 255) return refuse(bad_pattern, "a repetition count is at most 255");
      }
      out += rest_.substr(0, end + 1);
      rest_.remove_prefix(end + 1);
    }
    if (!rest_.empty() && rest_[0] == '?')
      return refuse(unsupported_pattern,
                    "non-greedy quantifiers such as *? are not supported: use a negated set, as in [^,]*");
    if (!rest_.empty() && (rest_[0] == '*' || rest_[0] == '+'))
      return refuse(bad_pattern, "a quantifier cannot follow another one");
  }

  void write_group() {
    out += '(';
    if (rest_.empty() || rest_[0] != '?') return;
    if (rest_.size() > 1 && rest_[1] == ':') {
      out += "?:";
      rest_.remove_prefix(2);
      return;
    }
    if (rest_.size() > 1 && (rest_[1] == '=' || rest_[1] == '!' || rest_[1] == '<'))
      return refuse(unsupported_pattern, "lookahead and lookbehind are not supported: combine two conditions with AND");
    refuse(bad_pattern, "after (? stands a colon");
  }

  void write_code_point(char32_t code) {
    std::string digits;
    do {
      digits.insert(digits.begin(), hex_digits[code & 15]);
      code >>= 4;
    } while (code);
    out += "\\x{" + digits + "}";
  }

  void write_hexadecimal(size_t most) {
    char32_t code = 0;
    size_t used = 0;
    while (used < rest_.size() && used < most) {
      const char c = rest_[used];
      const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
      if (digit < 0) break;
      code = code * 16 + static_cast<char32_t>(digit);
      ++used;
    }
    if (used == 0 || code > 0x10ffff) return refuse(bad_pattern, "an escape needs hexadecimal digits");
    rest_.remove_prefix(used);
    write_code_point(code);
  }

  void write_escape(bool in_bracket) {
    if (rest_.empty()) return refuse(bad_pattern, "the pattern ends with a backslash");
    const char c = take();
    switch (c) {
      case 'd':
      case 's':
      case 'w':
      case 'D':
      case 'S':
      case 'W':
        // PostgreSQL refuses the negated ones in brackets.
        if (in_bracket && c < 'a') return refuse(bad_pattern, "\\D, \\S and \\W are not possible inside [ ]");
        if (c == 's') out += in_bracket ? "[:space:]" : "[[:space:]]";
        else if (c == 'S') out += "[^[:space:]]";
        else (out += '\\') += c;
        return;
      case 'A': out += "\\A"; return;
      case 'Z': out += "\\z"; return;
      case 'y': out += "\\b"; return;
      case 'Y': out += "\\B"; return;
      case 'm':
      case 'M': return refuse(unsupported_pattern, "\\m and \\M are not supported: use \\y for a word's edge");
      case 'B': out += "\\\\"; return;
      case 'a': write_code_point(7); return;
      case 'b': write_code_point(8); return;
      case 'e': write_code_point(27); return;
      case 'f': write_code_point(12); return;
      case 'n': write_code_point(10); return;
      case 'r': write_code_point(13); return;
      case 't': write_code_point(9); return;
      case 'v': write_code_point(11); return;
      case 'u': write_hexadecimal(4); return;
      case 'U': write_hexadecimal(8); return;
      case 'x': write_hexadecimal(255); return;
      case '0': return refuse(unsupported_pattern, "octal escapes are not supported: use \\x");
      default: break;
    }
    if (c >= '1' && c <= '9') return refuse(unsupported_pattern, "back references such as \\1 are not supported");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
      return refuse(bad_pattern, std::string("there is no escape \\") + c);
    if (static_cast<unsigned char>(c) < 0x80) out += '\\';
    out += c;
  }

  void write_bracket() {
    out += '[';
    if (!rest_.empty() && rest_[0] == '^') out += take();
    bool first = true;
    while (!problem) {
      if (rest_.empty()) return refuse(bad_pattern, "a [ is not closed");
      const char c = take();
      if (c == ']' && !first) break;
      first = false;
      if (c == ']') out += "\\]";
      else if (c == '\\') write_escape(true);
      else if (c == '[' && !rest_.empty() && rest_[0] == ':') {
        const size_t end = rest_.find(":]");
        if (end == std::string_view::npos) return refuse(bad_pattern, "a [: is not closed");
        out += '[';
        out += rest_.substr(0, end + 2);
        rest_.remove_prefix(end + 2);
      } else if (c == '[' && !rest_.empty() && (rest_[0] == '.' || rest_[0] == '=')) {
        return refuse(unsupported_pattern, "collating elements are not supported");
      } else if (c == '[') {
        out += "\\[";
      } else {
        out += c;
      }
    }
    out += ']';
  }

  std::string_view rest_;
};

}  // namespace

regex::~regex() = default;

int regex::groups() const { return compiled_->NumberOfCapturingGroups(); }

bool regex::matches(std::string_view text) const {
  return compiled_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(), RE2::UNANCHORED, nullptr, 0);
}

bool regex::find(std::string_view text, size_t start, range* groups, int group_count) const {
  re2::StringPiece found[most_groups];
  group_count = std::min(group_count, most_groups);
  if (!compiled_->Match(re2::StringPiece(text.data(), text.size()), start, text.size(), RE2::UNANCHORED, found,
                        group_count))
    return false;
  for (int i = 0; i < group_count; ++i) {
    groups[i].found = found[i].data() != nullptr;
    if (!groups[i].found) continue;
    groups[i].from = static_cast<size_t>(found[i].data() - text.data());
    groups[i].to = groups[i].from + found[i].size();
  }
  return true;
}

regex_compiled compile_regex(std::string_view pattern, std::string_view flags, bool allow_global) {
  regex_compiled result;
  std::shared_ptr<regex> made(new regex);
  RE2::Options options(RE2::Quiet);
  options.set_longest_match(true);
  options.set_dot_nl(true);
  options.set_max_mem(memory_bytes);
  bool newline_sensitive = false, literal = false;
  std::string all_flags(flags);
  // Directors: "***:" is what it is anyway, "***=" is a literal.
  if (pattern.starts_with("***:")) pattern.remove_prefix(4);
  else if (pattern.starts_with("***=")) {
    literal = true;
    pattern.remove_prefix(4);
  }
  // Options at the pattern's start, as in "(?i)abc".
  if (pattern.starts_with("(?")) {
    const size_t end = pattern.find(')');
    const std::string_view inside = end == std::string_view::npos ? std::string_view() : pattern.substr(2, end - 2);
    if (!inside.empty() && inside.find_first_not_of("bceimnpqstwx") == std::string_view::npos) {
      all_flags += inside;
      pattern.remove_prefix(end + 1);
    }
  }
  for (const char flag : all_flags) {
    if (flag == 'i') options.set_case_sensitive(false);
    else if (flag == 'c') options.set_case_sensitive(true);
    else if (flag == 'n' || flag == 'm') newline_sensitive = true;
    else if (flag == 's') newline_sensitive = false;
    else if (flag == 'q') literal = true;
    else if (flag == 't') continue;
    else if (flag == 'g' && allow_global) made->global_ = true;
    else {
      result.problem = &bad_flags;
      result.hint = "the flags are i, c, n, s and, where all matches count, g";
      return result;
    }
  }
  pattern_writer writer(pattern);
  if (literal) writer.out = RE2::QuoteMeta(re2::StringPiece(pattern.data(), pattern.size()));
  else writer.write();
  if (writer.problem) {
    result.problem = writer.problem;
    result.hint = writer.hint;
    return result;
  }
  if (newline_sensitive) {
    options.set_dot_nl(false);
    writer.out = "(?m)" + writer.out;
  }
  made->compiled_ = std::make_unique<RE2>(writer.out, options);
  if (!made->compiled_->ok()) {
    result.problem = made->compiled_->error_code() == RE2::ErrorPatternTooLarge ? &unsupported_pattern : &bad_pattern;
    result.hint = made->compiled_->error();
    return result;
  }
  if (made->groups() >= most_groups) {
    result.problem = &unsupported_pattern;
    result.hint = "there are too many groups";
    return result;
  }
  result.made = std::move(made);
  return result;
}

}  // namespace systole
