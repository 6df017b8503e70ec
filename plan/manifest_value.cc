#include "plan/manifest_value.h"

#include <cassert>
#include <charconv>
#include <cmath>
#include <limits>

namespace systole {
namespace {

struct unit {
  std::string_view name;
  int64_t factor;
};
constexpr unit time_units[] = {{"us", 1},           {"ms", 1000},           {"s", 1'000'000},
                               {"m", 60'000'000},   {"h", 3'600'000'000},   {"d", 86'400'000'000}};
constexpr unit size_units[] = {{"B", 1},         {"KiB", 1ll << 10}, {"MiB", 1ll << 20}, {"GiB", 1ll << 30},
                               {"TiB", 1ll << 40}, {"KB", 1000},     {"MB", 1'000'000},  {"GB", 1'000'000'000}};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Takes one "15m" off the front; false when it is not one.
template <size_t N>
bool take_quantity(std::string_view& text, const unit (&units)[N], int64_t& total) {
  int64_t count = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || count < 0 || end == text.data()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  size_t length = 0;
  while (length < text.size() && is_letter(text[length])) ++length;
  for (const unit& u : units) {
    if (u.name != text.substr(0, length)) continue;
    int64_t product;
    if (__builtin_mul_overflow(count, u.factor, &product) || __builtin_add_overflow(total, product, &total)) return false;
    text.remove_prefix(length);
    return true;
  }
  return false;
}

}  // namespace

std::optional<int64_t> parse_duration_us(std::string_view text) {
  if (text == "0") return 0;
  int64_t total = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty())
    if (!take_quantity(text, time_units, total)) return std::nullopt;
  return total;
}

std::string format_duration(int64_t micros) {
  if (micros == 0) return "0s";
  std::string text = micros < 0 ? "-" : "";
  uint64_t rest = micros < 0 ? 0 - static_cast<uint64_t>(micros) : static_cast<uint64_t>(micros);
  constexpr unit descending[] = {{"d", 86'400'000'000}, {"h", 3'600'000'000}, {"m", 60'000'000},
                                 {"s", 1'000'000},      {"ms", 1000},         {"us", 1}};
  for (const unit& u : descending) {
    const uint64_t factor = static_cast<uint64_t>(u.factor);
    if (rest < factor) continue;
    text += std::to_string(rest / factor);
    text += u.name;
    rest %= factor;
  }
  return text;
}

std::optional<int64_t> parse_size_bytes(std::string_view text) {
  if (auto plain = parse_integer(text)) return *plain >= 0 ? plain : std::nullopt;
  int64_t total = 0;
  if (!take_quantity(text, size_units, total) || !text.empty()) return std::nullopt;
  return total;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || !std::isfinite(value)) return std::nullopt;
  return value;
}

const field_descriptor& object_view::field(std::string_view key) const {
  const field_descriptor* found = descriptor_->find(key);
  assert(found && "the key is not in the manifest's table");
  return *found;
}

const yaml_node* object_view::get(std::string_view key) const {
  (void)field(key);
  const yaml_node* value = node_ ? node_->find(key) : nullptr;
  return value && !value->invalid ? value : nullptr;
}

source_position object_view::at(std::string_view key) const {
  if (!node_) return {};
  for (const yaml_node::entry& entry : node_->entries)
    if (entry.key == key) return entry.at;
  return node_->at;
}

std::string object_view::text(std::string_view key) const {
  const yaml_node* value = get(key);
  return value && value->is_scalar() ? value->text : std::string(field(key).default_text);
}
bool object_view::boolean(std::string_view key) const { return text(key) == "true"; }
int64_t object_view::integer(std::string_view key) const { return parse_integer(text(key)).value_or(0); }
double object_view::number(std::string_view key) const { return parse_number(text(key)).value_or(0); }
int64_t object_view::duration_us(std::string_view key) const { return parse_duration_us(text(key)).value_or(0); }
int64_t object_view::bytes(std::string_view key) const { return parse_size_bytes(text(key)).value_or(0); }

std::vector<std::string> object_view::texts(std::string_view key) const {
  std::vector<std::string> found;
  if (const yaml_node* value = get(key))
    for (const yaml_node& item : value->items) found.push_back(item.text);
  return found;
}

object_view object_view::object(std::string_view key) const {
  const value_shape& shape = field(key).shape;
  const object_descriptor* descriptor = shape.object;
  for (const value_shape* alternative : shape.alternatives)
    if (alternative->kind == value_kind::object) descriptor = alternative->object;
  assert(descriptor && "the key is not an object in the manifest's table");
  const yaml_node* value = get(key);
  return {value && value->is_map() ? value : nullptr, *descriptor};
}

std::string_view object_view::alternative() const {
  if (node_)
    for (const field_descriptor& candidate : descriptor_->fields)
      if (candidate.alternative && node_->find(candidate.key)) return candidate.key;
  return {};
}

}  // namespace systole
