#include "control/request_body.h"

#include <algorithm>

namespace systole {
namespace {

bool is_plain(std::string_view text, bool lines) {
  return std::all_of(text.begin(), text.end(), [lines](unsigned char c) {
    return (c >= 0x20 && c != 0x7f) || (lines && (c == '\n' || c == '\r' || c == '\t'));
  });
}

}  // namespace

object_members::object_members(const json_value& from, std::string where) : from_(from), where_(std::move(where)) {
  if (!from.members()) refuse("is not an object");
}

void object_members::refuse(const std::string& what) {
  if (!problem_) problem_ = fail(error_code::invalid_argument, where_ + " " + what);
}

const json_value* object_members::take(std::string_view name, bool required) {
  known_.push_back(name);
  const json_value* found = from_.find(name);
  if (!found && required) refuse("has no `" + std::string(name) + "`");
  return found;
}

std::string object_members::text(std::string_view name, size_t most_bytes, bool required, bool lines) {
  const json_value* found = take(name, required);
  if (!found) return {};
  const std::string* value = found->text();
  const std::string called = "has a `" + std::string(name) + "` that ";
  if (!value) refuse(called + "is not a string");
  else if (value->size() > most_bytes) refuse(called + "has more than " + std::to_string(most_bytes) + " bytes");
  else if (value->empty() && required) refuse(called + "is empty");
  else if (!is_plain(*value, lines)) refuse(called + "has control characters");
  return value ? *value : std::string();
}

bool object_members::flag(std::string_view name) {
  const json_value* found = take(name, false);
  if (!found) return false;
  if (!found->boolean()) refuse("has a `" + std::string(name) + "` that is not true or false");
  return found->boolean() && *found->boolean();
}

uint32_t object_members::number(std::string_view name, uint32_t least, uint32_t most, bool required) {
  const json_value* found = take(name, required);
  if (!found) return 0;
  const int64_t* value = found->integer();
  if (value && *value >= least && *value <= most) return static_cast<uint32_t>(*value);
  refuse("has a `" + std::string(name) + "` that is not a whole number from " + std::to_string(least) + " to " +
         std::to_string(most));
  return 0;
}

const json_value::array& object_members::list(std::string_view name, size_t most, bool required) {
  static const json_value::array none;
  const json_value* found = take(name, required);
  if (!found) return none;
  const json_value::array* value = found->items();
  const std::string called = "has a `" + std::string(name) + "` that ";
  if (!value) refuse(called + "is not an array");
  else if (value->size() > most) refuse(called + "has more than " + std::to_string(most) + " items");
  else if (value->empty() && required) refuse(called + "is empty");
  return value ? *value : none;
}

std::map<std::string, std::string> object_members::texts(std::string_view name, size_t most, size_t most_bytes) {
  std::map<std::string, std::string> made;
  const json_value* found = take(name, false);
  if (!found) return made;
  const json_value::object* members = found->members();
  const std::string called = "has `" + std::string(name) + "` that ";
  if (!members) {
    refuse(called + "are not an object");
    return made;
  }
  if (members->size() > most) refuse(called + "are more than " + std::to_string(most));
  for (const auto& [key, value] : *members) {
    const std::string* words = value.text();
    if (!words || words->size() > most_bytes || key.size() > most_bytes || !is_plain(key, false) ||
        !is_plain(*words, true))
      refuse(called + "are not all strings of at most " + std::to_string(most_bytes) + " bytes");
    else made[key] = *words;
  }
  return made;
}

result<void> object_members::end() {
  if (const json_value::object* members = from_.members())
    for (const auto& [name, value] : *members)
      if (std::find(known_.begin(), known_.end(), name) == known_.end())
        refuse("has an unknown member `" + name.substr(0, 100) + "`");
  if (problem_) return *problem_;
  return {};
}

result<json_value> parse_body(const std::string& body) {
  if (body.empty()) return json_value(json_value::object());
  return json_value::parse(body);
}

}  // namespace systole
