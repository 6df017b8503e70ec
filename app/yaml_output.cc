#include "app/yaml_output.h"

#include <array>

#include "base/ascii.h"

namespace systole {
namespace {

bool is_plain(std::string_view text) {
  constexpr std::array<std::string_view, 10> words = {"true", "false", "null", "yes", "no",
                                                      "on",   "off",   "y",    "n",   "nan"};
  if (text.empty() || text.size() > 200 || !ascii::is_letter(text.front())) return false;
  std::string lower;
  for (const char c : text) {
    if (!ascii::is_letter(c) && !ascii::is_digit(c) && c != '_' && c != '-' && c != '.' && c != '/') return false;
    lower += ascii::lower(c);
  }
  for (const std::string_view word : words)
    if (lower == word) return false;
  return true;
}

std::string scalar(const json_value& value) {
  json_text out;
  value.write(out);
  return out.take();
}

std::string text_of(const std::string& text) { return is_plain(text) ? text : scalar(json_value(text)); }

void write(const json_value& value, size_t depth, std::string& out);

/// After a key or a dash: on the same line where it is short.
void write_inside(const json_value& value, size_t depth, bool after_dash, std::string& out) {
  const bool nested = (value.items() && !value.items()->empty()) || (value.members() && !value.members()->empty());
  if (!nested) {
    out += " ";
    write(value, depth, out);
  } else if (after_dash && value.members()) {
    std::string inside;
    write(value, depth, inside);
    out += " " + inside.substr(2 * depth);
  } else {
    out += "\n";
    write(value, depth, out);
  }
}

void write(const json_value& value, size_t depth, std::string& out) {
  const std::string indent(2 * depth, ' ');
  if (const json_value::array* items = value.items(); items && !items->empty()) {
    for (const json_value& each : *items) {
      out += indent + "-";
      write_inside(each, depth + 1, true, out);
    }
  } else if (const json_value::object* members = value.members(); members && !members->empty()) {
    for (const auto& [name, each] : *members) {
      out += indent + text_of(name) + ":";
      write_inside(each, depth + 1, false, out);
    }
  } else {
    out += value.text() ? text_of(*value.text()) : scalar(value);
    out += "\n";
  }
}

}  // namespace

std::string yaml_text(const json_value& value) {
  std::string out;
  write(value, 0, out);
  return out;
}

}  // namespace systole
