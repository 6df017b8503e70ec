#include "formats/field_parser.h"

#include <charconv>

#include "data/calendar.h"
#include "data/decimal.h"
#include "formats/json_number.h"

namespace systole {
namespace {

template <class T>
bool parse_integer(std::string_view text, T& value) {
  text = trim_field_blanks(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] | 0x20) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

/// PostgreSQL's spellings that people use in files.
bool parse_boolean(std::string_view text, bool& value) {
  text = trim_field_blanks(text);
  for (std::string_view yes : {"true", "t", "1", "yes", "y", "on"})
    if (equals_ignoring_case(text, yes)) return value = true, true;
  for (std::string_view no : {"false", "f", "0", "no", "n", "off"})
    if (equals_ignoring_case(text, no)) return value = false, true;
  return false;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// PostgreSQL's hex form of BYTEA, "\xDEADBEEF".
bool set_bytea(record_columns& into, const record_columns::slot& slot, std::string_view text) {
  if (text.size() < 2 || text[0] != '\\' || text[1] != 'x' || text.size() % 2) return false;
  text.remove_prefix(2);
  for (char c : text)
    if (hex_digit(c) < 0) return false;
  const size_t length = text.size() / 2;
  char inlined[text_view::inline_bytes];
  char* bytes = length <= text_view::inline_bytes ? inlined : into.reserve_text(slot, length);
  for (size_t i = 0; i < length; ++i)
    bytes[i] = static_cast<char>(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
  into.set(slot, text_view(std::string_view(bytes, length)));
  return true;
}

/// Digits past microseconds are cut by the calendar; a time's date is the date.
bool parse_date(std::string_view text, int32_t& days) {
  if (const auto date = parse_iso_date(text)) return days = *date, true;
  const auto time = parse_iso_timestamp(text);
  if (!time) return false;
  const int64_t rest = *time % micros_per_day;
  days = static_cast<int32_t>((*time - (rest < 0 ? rest + micros_per_day : rest)) / micros_per_day);
  return true;
}

bool set_from_csv_text(record_columns& into, const record_columns::slot& slot, std::string_view text) {
  switch (slot.type.id) {
    case type_id::boolean: {
      bool value;
      if (!parse_boolean(text, value)) return false;
      into.set(slot, static_cast<uint8_t>(value));
      return true;
    }
    case type_id::int32: {
      int32_t value;
      if (!parse_integer(text, value)) return false;
      into.set(slot, value);
      return true;
    }
    case type_id::int64: {
      int64_t value;
      if (!parse_integer(text, value)) return false;
      into.set(slot, value);
      return true;
    }
    case type_id::float64: {
      double value;
      if (!parse_double(trim_field_blanks(text), value)) return false;
      into.set(slot, value);
      return true;
    }
    case type_id::numeric: set_numeric(into, slot, text); return true;
    default: return false;
  }
}

}  // namespace

std::string_view trim_field_blanks(std::string_view text) {
  while (!text.empty() && is_field_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_field_blank(text.back())) text.remove_suffix(1);
  return text;
}

void set_numeric(record_columns& into, const record_columns::slot& slot, std::string_view literal) {
  auto parsed = parse_decimal(literal);
  if (parsed && slot.type.precision) parsed = fit(*parsed, slot.type.precision, slot.type.scale);
  if (!parsed) return into.set_missing(slot, true);
  into.set_scale(slot, parsed->scale);
  into.set(slot, parsed->unscaled);
}

void set_from_text(record_columns& into, const record_columns::slot& slot, std::string_view text,
                   text_dialect dialect) {
  bool parsed = false;
  switch (slot.type.id) {
    case type_id::text: into.set(slot, text_view(text)); return;
    case type_id::timestamptz: {
      const auto time = parse_iso_timestamp(dialect == text_dialect::csv ? trim_field_blanks(text) : text);
      if (time) into.set(slot, *time);
      parsed = time.has_value();
      break;
    }
    case type_id::date: {
      int32_t days;
      parsed = parse_date(dialect == text_dialect::csv ? trim_field_blanks(text) : text, days);
      if (parsed) into.set(slot, days);
      break;
    }
    case type_id::bytea: parsed = set_bytea(into, slot, text); break;
    default: parsed = dialect == text_dialect::csv && set_from_csv_text(into, slot, text);
  }
  if (!parsed) into.set_missing(slot, true);
}

}  // namespace systole
