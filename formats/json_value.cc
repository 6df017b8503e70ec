#include "formats/json_value.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <unordered_set>

#include "base/limits.h"

namespace systole {
namespace {

namespace dom = simdjson::dom;

result<json_value> converted(const dom::element& from);

result<json_value> converted_object(const dom::object& from) {
  json_value::object made;
  std::unordered_set<std::string_view> names;
  for (const auto& [name, value] : from) {
    if (!names.insert(name).second)
      return fail(error_code::invalid_argument, "the member " + std::string(name) + " is there twice");
    SYSTOLE_ASSIGN(json_value member, converted(value));
    made.emplace_back(name, std::move(member));
  }
  return json_value(std::move(made));
}

result<json_value> converted(const dom::element& from) {
  switch (from.type()) {
    case dom::element_type::ARRAY: {
      json_value::array made;
      for (const dom::element each : dom::array(from)) {
        SYSTOLE_ASSIGN(json_value item, converted(each));
        made.push_back(std::move(item));
      }
      return json_value(std::move(made));
    }
    case dom::element_type::OBJECT: return converted_object(dom::object(from));
    case dom::element_type::INT64: return json_value(int64_t(from));
    case dom::element_type::UINT64: return json_value(static_cast<double>(uint64_t(from)));
    case dom::element_type::DOUBLE: return json_value(double(from));
    case dom::element_type::STRING: return json_value(std::string(std::string_view(from)));
    case dom::element_type::BOOL: return json_value(bool(from));
    case dom::element_type::NULL_VALUE: break;
  }
  return json_value();
}

}  // namespace

result<json_value> json_value::parse(std::string_view text) {
  try {
    dom::parser parser;
    dom::element root;
    auto problem = parser.allocate(std::max<size_t>(text.size(), 1), limits::json_depth);
    if (!problem) problem = parser.parse(text.data(), text.size()).get(root);
    if (problem)
      return fail(error_code::invalid_argument, std::string("not JSON: ") + simdjson::error_message(problem));
    return converted(root);
  } catch (const simdjson::simdjson_error& problem) {
    return fail(error_code::invalid_argument, std::string("not JSON: ") + problem.what());
  }
}

const json_value* json_value::find(std::string_view name) const {
  const object* in = members();
  if (!in) return nullptr;
  for (const auto& [each, value] : *in)
    if (each == name) return &value;
  return nullptr;
}

void json_value::write(json_text& into) const {
  if (const bool* truth = boolean()) {
    into.boolean(*truth);
  } else if (const int64_t* number = integer()) {
    into.number(*number);
  } else if (const double* fraction = real()) {
    char digits[32];
    std::string text(digits, std::to_chars(digits, digits + sizeof digits, *fraction).ptr);
    // Without a point these would be read as an integer: one too large for it, or the 0 that has no sign.
    constexpr double exact_integers = 9'007'199'254'740'992.0;
    const bool looks_whole = text.find_first_of(".en") == std::string::npos;
    if (looks_whole && (std::fabs(*fraction) >= exact_integers || text == "-0")) text += ".0";
    into.raw(text);
  } else if (const std::string* words = text()) {
    into.text(*words);
  } else if (const array* list = items()) {
    into.open_array();
    for (const json_value& each : *list) each.write(into);
    into.close_array();
  } else if (const object* fields = members()) {
    into.open_object();
    for (const auto& [name, value] : *fields) value.write(into.key(name));
    into.close_object();
  } else {
    into.raw("null");
  }
}

}  // namespace systole
