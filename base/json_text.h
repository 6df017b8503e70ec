#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace systole {

/// Writes indented JSON. Calls chain; a key is followed by one value.
class json_text {
 public:
  json_text& open_object() { return open('{'); }
  json_text& close_object() { return close('}'); }
  json_text& open_array() { return open('['); }
  json_text& close_array() { return close(']'); }
  json_text& key(std::string_view name);
  json_text& text(std::string_view value);
  json_text& boolean(bool value) { return raw(value ? "true" : "false"); }
  json_text& number(int64_t value) { return raw(std::to_string(value)); }
  json_text& raw(std::string_view value);
  std::string take() { return std::move(text_); }

 private:
  json_text& open(char bracket);
  json_text& close(char bracket);
  void before_value();
  void line();
  std::string text_;
  std::vector<bool> has_items_;
  bool after_key_ = false;
};

}  // namespace systole
