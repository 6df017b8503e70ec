#include "plan/manifest_check.h"

#include <algorithm>
#include <cmath>

#include "plan/diagnostic_codes.h"
#include "plan/manifest_value.h"

namespace systole {
namespace {

bool is_word(std::string_view text, bool with_hyphen) {
  if (text.empty() || text.size() > 63) return false;
  if (!((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z') || text[0] == '_')) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (with_hyphen && c == '-');
  });
}

std::string quoted_list(const std::vector<std::string_view>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += "`" + std::string(words[i]) + "`";
  }
  return text;
}

std::string number_text(double value) {
  return std::abs(value) < 9.0e15 && value == std::floor(value) ? std::to_string(static_cast<int64_t>(value))
                                                                : std::to_string(value);
}

std::vector<std::string> keys_of(const object_descriptor& descriptor) {
  std::vector<std::string> keys;
  for (const field_descriptor& field : descriptor.fields)
    if (field.available) keys.emplace_back(field.key);
  return keys;
}

class checker {
 public:
  checker(const job_parameters* parameters, diagnostics& problems) : parameters_(parameters), problems_(problems) {}

  bool shape(yaml_node& node, const value_shape& shape, const std::string& what) {
    if (node.invalid) return false;
    bool ok = true;
    switch (shape.kind) {
      case value_kind::anything: return true;
      case value_kind::either: ok = either(node, shape, what); break;
      case value_kind::object: ok = object(node, *shape.object); break;
      case value_kind::list: ok = list(node, shape, what); break;
      case value_kind::map_of: ok = map(node, shape, what); break;
      default: ok = scalar(node, shape, what); break;
    }
    if (!ok) node.invalid = true;
    return ok;
  }

  bool object(yaml_node& node, const object_descriptor& descriptor) {
    // `blackhole:` with nothing after it is an object without keys.
    if (node.what == yaml_node::kind::null) node.what = yaml_node::kind::map;
    if (!node.is_map()) return wrong_kind(node, std::string(descriptor.name), "a mapping of keys to values");
    bool ok = true;
    std::vector<std::string> meant;  // keys that a misspelt one stands for
    const yaml_node::entry* chosen = nullptr;
    bool misspelt = false;
    for (yaml_node::entry& entry : node.entries) {
      const field_descriptor* field = descriptor.find(entry.key);
      if (!field) {
        ok = false;
        misspelt = true;
        unknown_key(entry, descriptor, meant);
        continue;
      }
      if (field->alternative) {
        if (chosen) {
          ok = false;
          problems_.error(codes::one_of, entry.at,
                          std::string(descriptor.name) + " has one " + std::string(descriptor.alternatives_name) + ": `" +
                              chosen->key + "` is given already",
                          descriptor.alternatives_name == "operation" ? "make a second step of it" : "keep one of them");
        } else {
          chosen = &entry;
        }
      }
      if (!field->available) {
        ok = false;
        problems_.error(codes::not_in_this_build, entry.at, "`" + entry.key + "` is not in this build",
                        std::string(field->description));
        continue;
      }
      if (!shape(entry.value, field->shape, "`" + entry.key + "`")) ok = false;
    }
    for (const field_descriptor& field : descriptor.fields) {
      if (!field.required || node.find(field.key)) continue;
      ok = false;
      if (std::find(meant.begin(), meant.end(), field.key) != meant.end()) continue;
      problems_.error(codes::missing_key, node.at,
                      std::string(descriptor.name) + " needs `" + std::string(field.key) + "`",
                      std::string(field.description));
    }
    if (!descriptor.alternatives_name.empty() && descriptor.alternative_required && !chosen) {
      ok = false;
      if (!misspelt) missing_alternative(node, descriptor);
    }
    return ok;
  }

 private:
  void unknown_key(const yaml_node::entry& entry, const object_descriptor& descriptor, std::vector<std::string>& meant) {
    const std::vector<std::string> valid = keys_of(descriptor);
    std::vector<std::string> nearest = nearest_names(entry.key, valid);
    if (!nearest.empty()) meant.push_back(nearest.front());
    std::string hint;
    if (nearest.empty() && !valid.empty()) {
      for (const std::string& name : valid) hint += (hint.empty() ? "" : ", ") + name;
      hint = "valid here: " + hint;
    }
    problems_.error(codes::unknown_key, entry.at, "unknown key `" + entry.key + "` in " + std::string(descriptor.name), hint,
                    nearest);
  }

  void missing_alternative(const yaml_node& node, const object_descriptor& descriptor) {
    std::vector<std::string_view> names;
    for (const field_descriptor& field : descriptor.fields)
      if (field.alternative && field.available) names.push_back(field.key);
    problems_.error(codes::one_of, node.at,
                    std::string(descriptor.name) + " needs one " + std::string(descriptor.alternatives_name), 
                    "one of " + quoted_list(names));
  }

  bool either(yaml_node& node, const value_shape& shape, const std::string& what) {
    for (const value_shape* alternative : shape.alternatives) {
      const value_kind kind = alternative->kind;
      const bool fits = kind == value_kind::list                                    ? node.is_sequence()
                        : kind == value_kind::map_of || kind == value_kind::object ? node.is_map()
                                                                                   : node.is_scalar();
      if (fits) return this->shape(node, *alternative, what);
    }
    std::string wanted;
    for (const value_shape* alternative : shape.alternatives)
      wanted += (wanted.empty() ? "" : " or ") + std::string(alternative->kind == value_kind::list ? "a list"
                                                             : alternative->kind == value_kind::map_of ||
                                                                       alternative->kind == value_kind::object
                                                                 ? "a mapping"
                                                                 : "a single value");
    return wrong_kind(node, what, wanted);
  }

  bool list(yaml_node& node, const value_shape& shape, const std::string& what) {
    if (!node.is_sequence()) return wrong_kind(node, what, "a list");
    if (node.items.empty() && !shape.may_be_empty) return is_empty(node, what);
    bool ok = true;
    for (yaml_node& item : node.items)
      if (!this->shape(item, *shape.element, "an item of " + what)) ok = false;
    return ok;
  }

  bool map(yaml_node& node, const value_shape& shape, const std::string& what) {
    if (!node.is_map()) return wrong_kind(node, what, "a mapping of names to values");
    if (node.entries.empty() && !shape.may_be_empty) return is_empty(node, what);
    bool ok = true;
    for (yaml_node::entry& entry : node.entries) {
      if (shape.names != value_kind::text && !is_word(entry.key, shape.names == value_kind::name)) {
        ok = false;
        problems_.error(codes::bad_name, entry.at, "`" + entry.key + "` is not a name",
                        "letters, digits and _, at most 63, not starting with a digit");
      }
      if (!this->shape(entry.value, *shape.element, "`" + entry.key + "`")) ok = false;
    }
    return ok;
  }

  bool scalar(yaml_node& node, const value_shape& shape, const std::string& what) {
    if (!node.is_scalar()) return wrong_kind(node, what, scalar_name(shape));
    if (shape.kind == value_kind::expression) return expression(node, what);
    if (parameters_) parameters_->substitute(node, problems_);
    if (node.invalid) return false;
    const std::string& text = node.text;
    const bool coerces = node.plain || node.substituted;
    switch (shape.kind) {
      case value_kind::text: return true;
      case value_kind::name:
      case value_kind::identifier:
        if (is_word(text, shape.kind == value_kind::name)) return true;
        problems_.error(codes::bad_name, node.at, what + " is not a name",
                        shape.kind == value_kind::name
                            ? "letters, digits, _ and -, at most 63, not starting with a digit"
                            : "letters, digits and _, at most 63, not starting with a digit");
        return false;
      case value_kind::boolean:
        if (coerces && (text == "true" || text == "false")) return true;
        return wrong_scalar(node, what, shape, "write true or false");
      case value_kind::integer: {
        auto value = parse_integer(text);
        if (!value || !coerces) return wrong_scalar(node, what, shape, "");
        return in_range(node, what, shape, static_cast<double>(*value));
      }
      case value_kind::number: {
        auto value = parse_number(text);
        if (!value || !coerces) return wrong_scalar(node, what, shape, "");
        return in_range(node, what, shape, *value);
      }
      case value_kind::duration:
        if (parse_duration_us(text)) return true;
        return wrong_scalar(node, what, shape, "a number with us, ms, s, m, h or d: 500ms, 30s, 5m, 7d");
      case value_kind::size:
        if (parse_size_bytes(text)) return true;
        return wrong_scalar(node, what, shape, "a number with B, KiB, MiB or GiB: 64MiB");
      case value_kind::choice: {
        if (std::find(shape.choices.begin(), shape.choices.end(), text) != shape.choices.end()) return true;
        std::vector<std::string> valid(shape.choices.begin(), shape.choices.end());
        problems_.error(codes::not_a_choice, node.at, what + " cannot be `" + text + "`", "one of " + quoted_list(shape.choices),
                        nearest_names(text, valid));
        return false;
      }
      default: return true;
    }
  }

  bool expression(yaml_node& node, const std::string& what) {
    if (parameters_ && node.text.find("${param.") != std::string::npos) {
      problems_.error(codes::parameter_in_sql, node.at, what + " is SQL: ${param.x} is not replaced in it",
                      "read a parameter with param('x')");
      return false;
    }
    if (node.text.find_first_not_of(" \t\r\n") != std::string::npos) return true;
    return is_empty(node, what);
  }

  static std::string scalar_name(const value_shape& shape) {
    switch (shape.kind) {
      case value_kind::boolean: return "true or false";
      case value_kind::integer: return "a whole number";
      case value_kind::number: return "a number";
      case value_kind::duration: return "a duration";
      case value_kind::size: return "a size in bytes";
      case value_kind::expression: return "an SQL expression";
      case value_kind::choice: return "one of " + quoted_list(shape.choices);
      default: return "text";
    }
  }
  bool wrong_kind(const yaml_node& node, const std::string& what, const std::string& wanted) {
    problems_.error(codes::wrong_kind, node.at, what + " wants " + wanted + ", not " + std::string(kind_name(node)));
    return false;
  }
  bool wrong_scalar(const yaml_node& node, const std::string& what, const value_shape& shape, std::string hint) {
    problems_.error(codes::wrong_scalar, node.at, what + " wants " + scalar_name(shape), std::move(hint));
    return false;
  }
  bool is_empty(const yaml_node& node, const std::string& what) {
    problems_.error(codes::empty, node.at, what + " is empty");
    return false;
  }
  bool in_range(const yaml_node& node, const std::string& what, const value_shape& shape, double value) {
    if (value >= shape.minimum && value <= shape.maximum) return true;
    problems_.error(codes::out_of_range, node.at,
                    what + " must be from " + number_text(shape.minimum) + " to " + number_text(shape.maximum));
    return false;
  }

  const job_parameters* parameters_;
  diagnostics& problems_;
};

}  // namespace

bool is_told_absent(const yaml_node& node, const object_descriptor& descriptor, std::string_view key) {
  if (node.find(key)) return false;
  if (descriptor.find(key)->required) return true;
  return std::any_of(node.entries.begin(), node.entries.end(), [&](const yaml_node::entry& entry) {
    if (descriptor.find(entry.key)) return false;
    const std::vector<std::string> nearest = nearest_names(entry.key, keys_of(descriptor));
    return !nearest.empty() && nearest.front() == key;
  });
}

bool check_shape(yaml_node& node, const value_shape& shape, const std::string& what, const job_parameters* parameters,
                 diagnostics& problems) {
  return checker(parameters, problems).shape(node, shape, what);
}

bool check_object(yaml_node& node, const object_descriptor& descriptor, const job_parameters* parameters,
                  diagnostics& problems) {
  const bool ok = checker(parameters, problems).object(node, descriptor);
  if (!ok) node.invalid = true;
  return ok;
}

}  // namespace systole
