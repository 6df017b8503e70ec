#include "plan/job_parameters.h"

#include <algorithm>

#include "plan/diagnostic_codes.h"
#include "plan/manifest_table.h"
#include "plan/manifest_value.h"

namespace systole {
namespace {

constexpr std::string_view opening = "${";

data_type type_named(std::string_view name) {
  if (name == "int") return {type_id::int64};
  if (name == "number") return {type_id::numeric};
  if (name == "bool") return {type_id::boolean};
  if (name == "date") return {type_id::date};
  if (name == "timestamp") return {type_id::timestamptz};
  if (name == "duration") return {type_id::interval};
  return {type_id::text};
}

/// The SQL text form of a value, or nothing when it does not have the type.
std::optional<std::string> sql_form(std::string_view type, const std::string& value) {
  if (type == "string") return value;
  if (type == "bool") return value == "true" || value == "false" ? std::optional(value) : std::nullopt;
  if (type == "duration") {
    auto micros = parse_duration_us(value);
    return micros ? std::optional(std::to_string(*micros) + " microseconds") : std::nullopt;
  }
  return parse_constant(value, type_named(type)) ? std::optional(value) : std::nullopt;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

void job_parameters::load(const yaml_node* declared, const std::map<std::string, std::string>& given,
                          const environment& variables, diagnostics& problems) {
  const object_descriptor& spec = *manifest_table::job_document().find("spec")->shape.object;
  const object_descriptor& descriptor = *spec.find("parameters")->shape.element->object;
  if (declared) {
    for (const yaml_node::entry& entry : declared->entries) {
      if (entry.value.invalid) {
        all_.push_back({entry.key, {type_id::text}, std::string(), std::string()});
        continue;
      }
      object_view view(&entry.value, descriptor);
      parameter made{entry.key, type_named(view.text("type")), std::nullopt, std::nullopt};
      source_position at = entry.at;
      std::string origin;
      if (auto found = given.find(entry.key); found != given.end()) {
        made.written = found->second;
        origin = "--param " + entry.key;
      } else if (auto variable = view.has("fromEnv") ? variables(view.text("fromEnv")) : std::nullopt) {
        made.written = *variable;
        origin = "the environment variable " + view.text("fromEnv");
      } else if (view.has("default")) {
        made.written = view.text("default");
        at = view.get("default")->at;
        origin = "the default";
      } else if (view.boolean("required")) {
        problems.error(codes::parameter_without_value, at, "the parameter `" + entry.key + "` has no value",
                       "give one: --param " + entry.key + "=VALUE");
        made.written = std::string();
      }
      if (made.written && !origin.empty()) {
        made.sql = sql_form(view.text("type"), *made.written);
        std::vector<std::string> allowed = view.texts("enum");
        if (!made.sql) {
          problems.error(codes::bad_parameter_value, at,
                         origin + " of `" + entry.key + "` is not a value of type " + view.text("type"));
        } else if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), *made.written) == allowed.end()) {
          problems.error(codes::bad_parameter_value, at,
                         origin + " of `" + entry.key + "` is not one of its values: " + joined(allowed));
        }
      }
      all_.push_back(std::move(made));
    }
  }
  for (const auto& [name, value] : given)
    if (!find(name))
      problems.error(codes::unknown_parameter, {}, "the job has no parameter `" + name + "`",
                     all_.empty() ? "" : "it has: " + joined(names()), nearest_names(name, names()));
  for (const parameter& p : all_) values_[p.name] = {p.type, p.sql};
}

const job_parameters::parameter* job_parameters::find(std::string_view name) const {
  for (const parameter& p : all_)
    if (p.name == name) return &p;
  return nullptr;
}

std::vector<std::string> job_parameters::names() const {
  std::vector<std::string> found;
  for (const parameter& p : all_) found.push_back(p.name);
  return found;
}

void job_parameters::substitute(yaml_node& scalar, diagnostics& problems) const {
  if (scalar.text.find(opening) == std::string::npos) return;
  std::string made;
  std::string_view rest = scalar.text;
  scalar.starts_with_parameter = rest.starts_with(opening);
  while (true) {
    const size_t start = rest.find(opening);
    made += rest.substr(0, start);
    if (start == std::string_view::npos) break;
    const size_t end = rest.find('}', start);
    std::string_view inner = end == std::string_view::npos ? rest.substr(start + 2) : rest.substr(start + 2, end - start - 2);
    if (end == std::string_view::npos || !inner.starts_with("param.")) {
      problems.error(codes::unknown_parameter, scalar.at, "`${" + std::string(inner) + "` is not a parameter",
                     "write ${param.NAME}; NAME is declared in spec.parameters");
      scalar.invalid = true;
      return;
    }
    const std::string name(inner.substr(6));
    const parameter* found = find(name);
    if (!found) {
      problems.error(codes::unknown_parameter, scalar.at, "unknown parameter `" + name + "`",
                     "declare it in spec.parameters", nearest_names(name, names()));
      scalar.invalid = true;
      return;
    }
    if (!found->written) {
      problems.error(codes::parameter_without_value, scalar.at, "the parameter `" + name + "` has no value here",
                     "give one: --param " + name + "=VALUE");
      scalar.invalid = true;
      return;
    }
    made += *found->written;
    rest.remove_prefix(end + 1);
  }
  scalar.text = std::move(made);
  scalar.substituted = true;
}

}  // namespace systole
