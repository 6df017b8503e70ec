#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/descriptor.h"
#include "plan/yaml_node.h"

namespace systole {

/// Microseconds of "100ms", "1s", "5m", "2h", "7d", "1h30m", "0"; nothing for other texts.
std::optional<int64_t> parse_duration_us(std::string_view text);
/// "1h30m" of microseconds.
std::string format_duration(int64_t micros);
/// Bytes of "512", "64KiB", "64MiB", "1GiB", "10MB".
std::optional<int64_t> parse_size_bytes(std::string_view text);
std::optional<int64_t> parse_integer(std::string_view text);
std::optional<double> parse_number(std::string_view text);

/// Reads a checked object by its descriptor: what is absent has its default. Asking for a key that the descriptor does
/// not have is a bug (asserted), so that no key is read that the table does not list.
class object_view {
 public:
  /// `node` may be null: everything is absent.
  object_view(const yaml_node* node, const object_descriptor& descriptor) : node_(node), descriptor_(&descriptor) {}

  const yaml_node* node() const { return node_; }
  const object_descriptor& descriptor() const { return *descriptor_; }
  source_position at() const { return node_ ? node_->at : source_position{}; }

  /// The value's node; null where absent or reported as wrong.
  const yaml_node* get(std::string_view key) const;
  bool has(std::string_view key) const { return get(key) != nullptr; }
  /// Where the key is, or the object.
  source_position at(std::string_view key) const;

  std::string text(std::string_view key) const;
  bool boolean(std::string_view key) const;
  int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  int64_t duration_us(std::string_view key) const;
  int64_t bytes(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;
  object_view object(std::string_view key) const;
  /// The key of the alternative that is given, or empty.
  std::string_view alternative() const;

 private:
  const field_descriptor& field(std::string_view key) const;
  const yaml_node* node_;
  const object_descriptor* descriptor_;
};

}  // namespace systole
