#include "connectors/generator/generator_settings.h"

#include <charconv>
#include <cmath>

#include "data/calendar.h"

namespace systole {
namespace {

failure wrong(const std::string& name, const std::string& value, const char* wanted) {
  return fail(error_code::invalid_argument, "generator: " + name + " must be " + wanted + ", not '" + value + "'");
}

template <class Number>
bool read_number(const std::string& text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

result<void> read_count(const std::string& name, const std::string& value, uint64_t& into) {
  if (!read_number(value, into)) return wrong(name, value, "a whole number");
  return {};
}

result<void> read_amount(const std::string& name, const std::string& value, double& into) {
  if (!read_number(value, into) || !std::isfinite(into) || into < 0)
    return wrong(name, value, "a number of at least 0");
  return {};
}

result<void> read_flag(const std::string& name, const std::string& value, bool& into) {
  if (value != "true" && value != "false") return wrong(name, value, "true or false");
  into = value == "true";
  return {};
}

result<void> read_setting(const std::string& name, const std::string& value, generator_settings& made, double& dirt) {
  patient_flow_options& options = made.options;
  if (name == "kind") {
    if (value != "patient-flow") return wrong(name, value, "patient-flow");
    return {};
  }
  if (name == "seed") return read_count(name, value, options.seed);
  if (name == "count") return read_count(name, value, options.count);
  if (name == "stays") return read_flag(name, value, options.stays);
  if (name == "surge") return read_flag(name, value, options.surge);
  if (name == "rate") return read_amount(name, value, made.rate);
  if (name == "speed") return read_amount(name, value, made.speed);
  if (name == "dirt") return read_amount(name, value, dirt);
  if (name == "hospitals") {
    if (!read_number(value, options.hospitals)) return wrong(name, value, "1 to 7");
    return {};
  }
  if (name == "step") {
    double seconds = 0;
    SYSTOLE_TRY(read_amount(name, value, seconds));
    if (seconds > 86'400) return wrong(name, value, "at most a day, in seconds");
    options.step_us = std::llround(seconds * 1e6);
    return {};
  }
  if (name == "start") {
    const std::optional<timestamp_us> start = parse_iso_timestamp(value);
    if (!start) return wrong(name, value, "a time as 2026-01-01T00:00:00Z");
    options.start = *start;
    return {};
  }
  return fail(error_code::invalid_argument,
              "generator: unknown setting '" + name +
                  "'; known are kind, seed, count, start, step, stays, surge, hospitals, dirt, rate, speed");
}

}  // namespace

result<generator_settings> read_generator_settings(const google::protobuf::Map<std::string, std::string>& settings) {
  generator_settings made;
  double dirt = 1;
  for (const auto& [name, value] : settings) SYSTOLE_TRY(read_setting(name, value, made, dirt));
  made.options.dirt = patient_flow_dirt{}.scaled(dirt);
  SYSTOLE_TRY(check(made.options));
  return made;
}

}  // namespace systole
