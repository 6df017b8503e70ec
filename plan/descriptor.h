#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace systole {

/// What a manifest value looks like. One table of these (manifest_table.h) drives the parser, the defaults, `explain`
/// and the JSON Schema, so that they cannot disagree.
enum class value_kind {
  text,        ///< any scalar's text
  name,        ///< of a step, sink, ...: letters, digits, _ and -
  identifier,  ///< of a column: letters, digits and _
  expression,  ///< SQL; no ${param.x} within
  boolean,     ///< true or false, nothing else
  integer,
  number,
  duration,    ///< 100ms, 1s, 5m, 2h, 7d
  size,        ///< bytes: 64MiB
  choice,      ///< one of `choices`
  list,        ///< of `element`
  map_of,      ///< names to `element`; `names` says what the names are
  object,      ///< `object`
  either,      ///< one of `alternatives`, told apart by the YAML kind
  anything,    ///< not looked at
};

struct object_descriptor;

struct value_shape {
  value_kind kind = value_kind::text;
  std::vector<std::string_view> choices;
  const object_descriptor* object = nullptr;
  const value_shape* element = nullptr;
  std::vector<const value_shape*> alternatives;
  value_kind names = value_kind::text;
  double minimum = std::numeric_limits<double>::lowest();
  double maximum = std::numeric_limits<double>::max();
  bool may_be_empty = true;
};

struct field_descriptor {
  std::string_view key;
  value_shape shape;
  std::string_view description;
  bool required = false;
  std::string_view default_text = {};  ///< as the manifest would say it; empty: none
  bool alternative = false;            ///< exactly one of the object's alternatives is given
  bool available = true;               ///< else "not in this build"
};

struct object_descriptor {
  std::string_view name;               ///< "a step": for messages
  std::string_view description;
  std::vector<field_descriptor> fields;
  std::string_view alternatives_name = {};  ///< "operation": for messages
  bool alternative_required = true;

  const field_descriptor* find(std::string_view key) const {
    for (const field_descriptor& field : fields)
      if (field.key == key) return &field;
    return nullptr;
  }
};

}  // namespace systole
