#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/diagnostic.h"

namespace systole {

/// A YAML value with its place in the file. Maps keep their keys' order.
struct yaml_node {
  enum class kind { null, scalar, sequence, map };
  struct entry;

  kind what = kind::null;
  source_position at;
  std::string text;               ///< scalars: the text, whatever YAML would make of it
  bool plain = false;             ///< a scalar without quotes
  bool substituted = false;       ///< a ${param.x} was replaced, so that positions within it are not the file's
  bool starts_with_parameter = false;
  bool invalid = false;           ///< reported already: read as absent
  std::vector<yaml_node> items;   ///< sequences
  std::vector<entry> entries;     ///< maps

  const yaml_node* find(std::string_view key) const;
  yaml_node* find(std::string_view key);
  bool is_scalar() const { return what == kind::scalar; }
  bool is_map() const { return what == kind::map; }
  bool is_sequence() const { return what == kind::sequence; }
};

struct yaml_node::entry {
  std::string key;
  source_position at;
  yaml_node value;
};

/// "a mapping", "a list", "text", "nothing": for messages.
std::string_view kind_name(const yaml_node& node);

/// Parses all documents of a file. Refuses aliases, anchors, merge keys, tags, duplicate keys and what exceeds the
/// limits (bytes, depth, nodes). Gives the documents before the first syntax error.
std::vector<yaml_node> parse_yaml(const manifest_source& source, uint32_t file, diagnostics& problems);

/// The file's byte for byte `offset` of a scalar's text: through quotes, escapes, and the indentation and folding of
/// `|` and `>` blocks. `text` is the whole file.
source_position position_within(const yaml_node& scalar, size_t offset, std::string_view text);

}  // namespace systole
