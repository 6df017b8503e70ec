#pragma once

#include <string_view>

#include "formats/record_columns.h"

namespace systole {

/// True for a type that fields of records can have.
constexpr bool is_field_type(data_type type) {
  return !type.is(type_id::interval) && !type.is(type_id::timestamp) && !type.is(type_id::null);
}

/// How far text is read as other types: JSON's strings hold times and bytes but no numbers; CSV's fields hold all.
enum class text_dialect : uint8_t { json_string, csv };

/// Parses one field's text and sets it in the current record; text that does not parse is a wrong value (null).
/// TEXT points at `text`, whose bytes must outlive the columns: the dead ends (other types) do not.
void set_from_text(record_columns& into, const record_columns::slot& slot, std::string_view text, text_dialect dialect);

/// Sets NUMERIC from a literal's digits, exactly; beyond the type's digits it is a wrong value.
void set_numeric(record_columns& into, const record_columns::slot& slot, std::string_view literal);

/// True for blank, tab, line feed and carriage return.
constexpr bool is_field_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
std::string_view trim_field_blanks(std::string_view text);

}  // namespace systole
