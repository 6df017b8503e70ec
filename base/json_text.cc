#include "base/json_text.h"

#include <cstdio>

namespace systole {
namespace {

void append_quoted(std::string& out, std::string_view value) {
  out.push_back('"');
  for (char c : value) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char escaped[8];
          std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
          out += escaped;
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

}  // namespace

void json_text::line() {
  text_.push_back('\n');
  text_.append(2 * has_items_.size(), ' ');
}

void json_text::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (has_items_.empty()) return;
  if (has_items_.back()) text_.push_back(',');
  has_items_.back() = true;
  line();
}

json_text& json_text::key(std::string_view name) {
  before_value();
  append_quoted(text_, name);
  text_ += ": ";
  after_key_ = true;
  return *this;
}

json_text& json_text::text(std::string_view value) {
  before_value();
  append_quoted(text_, value);
  return *this;
}

json_text& json_text::raw(std::string_view value) {
  before_value();
  text_ += value;
  return *this;
}

json_text& json_text::open(char bracket) {
  before_value();
  text_.push_back(bracket);
  has_items_.push_back(false);
  return *this;
}

json_text& json_text::close(char bracket) {
  const bool had_items = has_items_.back();
  has_items_.pop_back();
  if (had_items) line();
  text_.push_back(bracket);
  return *this;
}

}  // namespace systole
