#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace systole {

/// A slow JSON parser, written from RFC 8259 alone: what the fast decoder is compared with.
class reference_json {
 public:
  struct value {
    enum class kind { null, boolean, number, text, array, object } what = kind::null;
    std::string text;     ///< a string's characters, a number's or boolean's literal
    std::string compact;  ///< the value as it is written, without blanks between tokens
    std::vector<std::pair<std::string, value>> members;
  };

  /// The value of a whole record; nothing where it is no JSON object in valid UTF-8 without U+0000.
  static std::optional<value> parse_record(std::string_view line) {
    reference_json parser(line);
    value made;
    if (!is_utf8(line)) return std::nullopt;
    parser.blanks();
    if (parser.at_ >= line.size() || line[parser.at_] != '{' || !parser.parse(made, 1)) return std::nullopt;
    parser.blanks();
    if (parser.at_ != line.size()) return std::nullopt;
    return made;
  }

  static bool is_utf8(std::string_view s) {
    for (size_t i = 0; i < s.size();) {
      const auto c = static_cast<unsigned char>(s[i]);
      const size_t n = c < 0x80                ? 1
                       : c >= 0xc2 && c < 0xe0 ? 2
                       : c >= 0xe0 && c < 0xf0 ? 3
                       : c >= 0xf0 && c < 0xf5 ? 4
                                               : 0;
      if (n == 0 || i + n > s.size()) return false;
      unsigned point = n == 1 ? c : c & (0xffu >> (n + 1));
      for (size_t k = 1; k < n; ++k) {
        const auto d = static_cast<unsigned char>(s[i + k]);
        if ((d & 0xc0) != 0x80) return false;
        point = point << 6 | (d & 0x3f);
      }
      if ((n == 3 && (point < 0x800 || (point >= 0xd800 && point < 0xe000))) ||
          (n == 4 && (point < 0x10000 || point > 0x10ffff)))
        return false;
      i += n;
    }
    return true;
  }

 private:
  explicit reference_json(std::string_view text) : text_(text) {}
  bool more() const { return at_ < text_.size(); }
  char peek() const { return more() ? text_[at_] : '\0'; }
  void blanks() {
    while (more() && (peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\n')) ++at_;
  }
  bool eat(char c) {
    if (!more() || peek() != c) return false;
    ++at_;
    return true;
  }
  bool digits() {
    const size_t from = at_;
    while (more() && peek() >= '0' && peek() <= '9') ++at_;
    return at_ > from;
  }

  bool parse(value& out, int depth) {
    using kind = value::kind;
    if (depth > 65) return false;
    const char c = peek();
    const size_t from = at_;
    if (c == '{' || c == '[') {
      if (depth > 64) return false;
      const bool object = c == '{';
      out.what = object ? kind::object : kind::array;
      out.compact = std::string(1, c);
      ++at_;
      blanks();
      if (!eat(object ? '}' : ']')) {
        for (bool first = true;; first = false) {
          if (!first) out.compact += ',';
          blanks();
          std::pair<std::string, value> member;
          if (object) {
            value key;
            if (peek() != '"' || !parse_string(key)) return false;
            member.first = key.text;
            out.compact += key.compact;
            blanks();
            if (!eat(':')) return false;
            out.compact += ':';
            blanks();
          }
          if (!parse(member.second, depth + 1)) return false;
          out.compact += member.second.compact;
          if (object) out.members.push_back(std::move(member));
          blanks();
          if (eat(object ? '}' : ']')) break;
          if (!eat(',')) return false;
        }
      }
      out.compact += object ? '}' : ']';
      return true;
    }
    if (c == '"') return parse_string(out);
    for (std::string_view word : {"true", "false", "null"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      out.what = word == "null" ? kind::null : kind::boolean;
      out.text = out.compact = word;
      return true;
    }
    eat('-');
    if (!eat('0') && !digits()) return false;
    if (eat('.') && !digits()) return false;
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return false;
    }
    out.what = kind::number;
    out.text = out.compact = text_.substr(from, at_ - from);
    return true;
  }

  int hex_quad() {
    int number = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return -1;
      number = number * 16 + digit;
    }
    return number;
  }

  bool parse_string(value& out) {
    const size_t from = at_;
    out.what = value::kind::text;
    ++at_;
    for (;;) {
      if (!more() || static_cast<unsigned char>(peek()) < 0x20) return false;
      const char c = text_[at_++];
      if (c == '"') break;
      if (c != '\\') {
        out.text += c;
        continue;
      }
      const char e = more() ? text_[at_++] : '\0';
      switch (e) {
        case '"':
        case '\\':
        case '/': out.text += e; break;
        case 'b': out.text += '\b'; break;
        case 'f': out.text += '\f'; break;
        case 'n': out.text += '\n'; break;
        case 'r': out.text += '\r'; break;
        case 't': out.text += '\t'; break;
        case 'u': {
          int unit = hex_quad();
          if (unit <= 0 || (unit >= 0xdc00 && unit < 0xe000)) return false;
          unsigned point = static_cast<unsigned>(unit);
          if (unit >= 0xd800 && unit < 0xdc00) {
            if (!eat('\\') || !eat('u')) return false;
            const int low = hex_quad();
            if (low < 0xdc00 || low >= 0xe000) return false;
            point = 0x10000 + ((point - 0xd800) << 10) + (static_cast<unsigned>(low) - 0xdc00);
          }
          if (point < 0x80) out.text += static_cast<char>(point);
          else if (point < 0x800)
            (out.text += static_cast<char>(0xc0 | point >> 6)) += static_cast<char>(0x80 | (point & 63));
          else if (point < 0x10000)
            ((out.text += static_cast<char>(0xe0 | point >> 12)) += static_cast<char>(0x80 | (point >> 6 & 63))) +=
                static_cast<char>(0x80 | (point & 63));
          else
            (((out.text += static_cast<char>(0xf0 | point >> 18)) += static_cast<char>(0x80 | (point >> 12 & 63))) +=
             static_cast<char>(0x80 | (point >> 6 & 63))) += static_cast<char>(0x80 | (point & 63));
          break;
        }
        default: return false;
      }
    }
    out.compact = text_.substr(from, at_ - from);
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace systole
