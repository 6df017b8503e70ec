#pragma once

#include "plan/descriptor.h"

/// The table of everything a manifest may say. To add a key: a line here, and its use where the plan is built.
namespace systole::manifest_table {

// Shapes that several objects share.
value_shape text();
value_shape name();
value_shape identifier();
value_shape expression();
value_shape boolean();
value_shape integer(double minimum, double maximum);
value_shape number(double minimum, double maximum);
value_shape duration();
value_shape size();
value_shape choice(std::vector<std::string_view> choices);
value_shape anything();
value_shape object(const object_descriptor& descriptor);
value_shape list_of(value_shape element, bool may_be_empty = false);
value_shape map_of(value_kind names, value_shape element, bool may_be_empty = false);
value_shape either(std::vector<value_shape> alternatives);

/// Given as field_descriptor::alternative.
inline constexpr bool alternative = true;
/// A key that the manifest's language has a place for, and that no version reads yet.
field_descriptor not_yet(std::string_view key, std::string_view description, bool is_alternative = true);

const object_descriptor& job_document();
const object_descriptor& connection_document();

const object_descriptor& source();
const object_descriptor& table();
const object_descriptor& step();
const object_descriptor& sink();
const object_descriptor& kafka_out();
const object_descriptor& postgresql_out();
const object_descriptor& postgresql_in();
const object_descriptor& refresh();

}  // namespace systole::manifest_table
