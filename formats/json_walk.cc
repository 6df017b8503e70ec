#include "formats/json_walk.h"

#include "base/limits.h"
#include "data/calendar.h"
#include "formats/field_parser.h"
#include "formats/json_number.h"
#include "formats/json_string.h"

namespace systole {
namespace {

bool is_json_literal(std::string_view token) {
  return equal_bytes(token, "null") || equal_bytes(token, "true") || equal_bytes(token, "false");
}
bool begins_number(char first) { return first == '-' || (first >= '0' && first <= '9'); }

}  // namespace

template <bool Escapes>
inline std::string_view json_walk<Escapes>::token(const uint32_t* at) const {
  const uint32_t begin = at[0];
  uint32_t end = at[1];
  while (end > begin && is_field_blank(base_[end - 1])) --end;
  return {base_ + begin, end - begin};
}

template <bool Escapes>
bool json_walk<Escapes>::check_escapes(std::string_view inside) {
  switch (check_json_escapes(inside)) {
    case json_escape_error::none: return true;
    case json_escape_error::malformed: return fail(json_fault::escape);
    case json_escape_error::lone_surrogate: return fail(json_fault::lone_surrogate);
    case json_escape_error::null_character: return fail(json_fault::null_character);
  }
  return false;
}

template <bool Escapes>
inline bool json_walk<Escapes>::string_inside(std::string_view& inside) {
  const std::string_view quoted = token(at_);
  if (quoted.size() < 2 || quoted.back() != '"') return fail(json_fault::syntax);
  inside = quoted.substr(1, quoted.size() - 2);
  if constexpr (Escapes) return check_escapes(inside);
  return true;
}

template <bool Escapes>
json_keys::entry& json_walk<Escapes>::find_key(json_keys& keys, json_keys::entry& before, std::string_view quoted) {
  std::string_view key = quoted.substr(1, quoted.size() - 2);
  if constexpr (Escapes) {
    if (key.find('\\') != std::string_view::npos) {
      scratch_.resize(key.size());
      scratch_.resize(unescape_json(key, scratch_.data()));
      key = scratch_;
    }
  }
  json_keys::entry& found = keys.find_or_add(key);
  if (&found != &keys.forgotten() && &found != before.likely_next[0]) {
    // Keeps the older guess: records of two shapes take turns.
    before.likely_next[before.likely_next[0] == &keys.nothing() ? 0 : 1] = &found;
  }
  return found;
}

template <bool Escapes>
bool json_walk<Escapes>::object(json_keys& keys, unsigned depth) {
  if (depth > limits::json_depth) return fail(json_fault::depth);
  ++at_;
  if (base_[*at_] == '}') {
    ++at_;
    return true;
  }
  json_keys::entry* before = &keys.nothing();
  for (;;) {
    const uint32_t begin = at_[0], colon = at_[1];
    const char* const key = base_ + begin;
    if (*key != '"' || base_[colon] != ':') return fail(json_fault::syntax);
    bool plain = true;
    if constexpr (Escapes) {
      std::string_view inside;
      if (!string_inside(inside)) return false;
      plain = inside.find('\\') == std::string_view::npos;
    }
    json_keys::entry* entry = before->likely_next[0];
    if (!plain || !entry->matches(key, colon - begin)) {
      entry = before->likely_next[1];
      if (!plain || !entry->matches(key, colon - begin)) {
        const std::string_view quoted = token(at_);
        if (quoted.size() < 2) return fail(json_fault::syntax);
        entry = &find_key(keys, *before, quoted);
      }
    }
    at_ += 2;
    if (entry->skipped()) {
      unknown_key_ |= !entry->known;
      if (!skip_value(depth)) return false;
    } else if (!set_entry(*entry, depth)) {
      return false;
    }
    const char separator = base_[*at_];
    ++at_;
    if (separator == '}') return true;
    if (separator != ',') return fail(json_fault::syntax);
    before = entry;
  }
}

template <bool Escapes>
bool json_walk<Escapes>::set_entry(json_keys::entry& entry, unsigned depth) {
  if (!entry.nested && entry.columns.size() == 1) return set_value(static_cast<uint32_t>(entry.column), depth);
  const uint32_t* const begin = at_;
  for (uint32_t column : entry.columns) {
    at_ = begin;
    if (!set_value(column, depth)) return false;
  }
  if (!entry.nested) return true;
  at_ = begin;
  const char first = base_[*at_];
  // The key may have been given before, with other fields beneath: the last counts.
  const bool wrong = first != '{' && first != 'n';
  for (uint32_t column : entry.nested->all_columns()) columns_.set_missing(columns_.at(column), wrong);
  return first == '{' ? object(*entry.nested, depth + 1) : skip_value(depth);
}

template <bool Escapes>
inline bool json_walk<Escapes>::skip_value(unsigned depth) {
  const char first = base_[*at_];
  if (first == '"') {
    if constexpr (Escapes) {
      std::string_view inside;
      if (!string_inside(inside)) return false;
    }
    ++at_;
    return true;
  }
  if (first == '{' || first == '[') return skip_container(depth);
  return skip_scalar();
}

template <bool Escapes>
inline bool json_walk<Escapes>::skip_scalar() {
  const std::string_view scalar = token(at_);
  ++at_;
  const char first = scalar.empty() ? '\0' : scalar[0];
  if (begins_number(first)) {
    uint64_t digits;
    if (is_short_integer(scalar.data(), scalar.size(), digits)) return true;
    return classify_json_number(scalar) != json_number_kind::malformed || fail(json_fault::number);
  }
  if (is_json_literal(scalar)) return true;
  return fail(first >= 'a' && first <= 'z' ? json_fault::literal : json_fault::syntax);
}

/// Checks a whole object or array. The kinds of the open containers are bits of a word: json_depth is at most 64.
template <bool Escapes>
bool json_walk<Escapes>::skip_container(unsigned depth) {
  static_assert(limits::json_depth <= 64);
  uint64_t is_object = 0;  // bit 0: the innermost container
  unsigned open = 0;
  bool expects_value = true;
  for (;;) {
    // At a value, or (in a container just opened) at its end.
    const char first = base_[*at_];
    if (first == '{' || first == '[') {
      if (depth + ++open > limits::json_depth) return fail(json_fault::depth);
      is_object = is_object << 1 | (first == '{');
      ++at_;
      const char next = base_[*at_];
      if (next != (first == '{' ? '}' : ']')) {
        if (first == '[') continue;
        expects_value = false;
      } else {
        ++at_;
        --open;
        is_object >>= 1;
      }
      if (!expects_value) goto key;
    } else if (first == '"') {
      if constexpr (Escapes) {
        std::string_view inside;
        if (!string_inside(inside)) return false;
      }
      ++at_;
    } else if (!skip_scalar()) {
      return false;
    }
    // Behind a value.
    for (;;) {
      if (open == 0) return true;
      const char separator = base_[*at_];
      if (separator == (is_object & 1 ? '}' : ']')) {
        ++at_;
        --open;
        is_object >>= 1;
        continue;
      }
      if (separator != ',') return fail(json_fault::syntax);
      ++at_;
      break;
    }
    if (!(is_object & 1)) continue;
  key:
    expects_value = true;
    if (base_[at_[0]] != '"' || base_[at_[1]] != ':') return fail(json_fault::syntax);
    if constexpr (Escapes) {
      std::string_view inside;
      if (!string_inside(inside)) return false;
    }
    at_ += 2;
  }
}

template <bool Escapes>
inline bool json_walk<Escapes>::set_value(uint32_t column, unsigned depth) {
  const record_columns::slot& slot = columns_.at(column);
  const char first = base_[*at_];
  if (first == '"') return set_string(slot);
  if (first == '{' || first == '[') return set_container(slot, depth);
  return set_scalar(slot);
}

template <bool Escapes>
inline bool json_walk<Escapes>::set_string(const record_columns::slot& slot) {
  // Only before a separator is what lies between this position and the next one token.
  const char separator = base_[at_[1]];
  if (separator != ',' && separator != '}') return fail(json_fault::syntax);
  std::string_view inside;
  if (!string_inside(inside)) return false;
  ++at_;
  if constexpr (Escapes) {
    if (inside.find('\\') != std::string_view::npos) {
      scratch_.resize(inside.size());
      scratch_.resize(unescape_json(inside, scratch_.data()));
      if (slot.type.is(type_id::text) && scratch_.size() > text_view::inline_bytes) {
        char* const bytes = columns_.reserve_text(slot, scratch_.size());
        std::memcpy(bytes, scratch_.data(), scratch_.size());
        inside = {bytes, scratch_.size()};
      } else {
        inside = scratch_;
      }
    }
  }
  if (slot.type.is(type_id::text)) {
    columns_.set(slot, text_view(inside));
  } else if (slot.type.is(type_id::timestamptz)) {
    if (const auto time = parse_iso_timestamp(inside)) columns_.set(slot, *time);
    else columns_.set_missing(slot, true);
  } else {
    set_from_text(columns_, slot, inside, text_dialect::json_string);
  }
  return true;
}

/// A container in a text field is its JSON without the blanks between tokens.
template <bool Escapes>
bool json_walk<Escapes>::set_container(const record_columns::slot& slot, unsigned depth) {
  const uint32_t* const begin = at_;
  if (!skip_container(depth)) return false;
  if (!slot.type.is(type_id::text) || !lenient_text_) {
    columns_.set_missing(slot, true);
    return true;
  }
  const uint32_t* const close = at_ - 1;
  size_t length = 1;
  for (const uint32_t* each = begin; each != close; ++each) length += token(each).size();
  const std::string_view whole(base_ + *begin, *close + 1 - *begin);
  if (length == whole.size()) {
    columns_.set(slot, text_view(whole));
    return true;
  }
  scratch_.clear();
  for (const uint32_t* each = begin; each != close; ++each) scratch_ += token(each);
  scratch_ += base_[*close];
  std::string_view text = scratch_;
  if (text.size() > text_view::inline_bytes) {
    char* const bytes = columns_.reserve_text(slot, text.size());
    std::memcpy(bytes, text.data(), text.size());
    text = {bytes, text.size()};
  }
  columns_.set(slot, text_view(text));
  return true;
}

template <bool Escapes>
inline bool json_walk<Escapes>::set_scalar(const record_columns::slot& slot) {
  const std::string_view scalar = token(at_);
  const char first = scalar.empty() ? '\0' : scalar[0];
  if (begins_number(first)) {
    ++at_;
    return set_number(slot, scalar);
  }
  if (!is_json_literal(scalar)) return skip_scalar();
  ++at_;
  if (first == 'n') {
    columns_.set_missing(slot, false);
  } else if (slot.type.is(type_id::boolean)) {
    columns_.set(slot, static_cast<uint8_t>(first == 't'));
  } else if (slot.type.is(type_id::text) && lenient_text_) {
    columns_.set(slot, text_view(scalar));
  } else {
    columns_.set_missing(slot, true);
  }
  return true;
}

template <bool Escapes>
inline bool json_walk<Escapes>::set_number(const record_columns::slot& slot, std::string_view number) {
  uint64_t digits;
  json_number_kind kind = json_number_kind::integer;
  int64_t integer = 0;
  bool has_integer = is_short_integer(number.data(), number.size(), digits);
  if (has_integer) {
    integer = eight_digits(digits);
  } else {
    kind = classify_json_number(number);
    if (kind == json_number_kind::malformed) return fail(json_fault::number);
    has_integer = kind == json_number_kind::integer && parse_json_integer(number, integer);
  }
  switch (slot.type.id) {
    case type_id::int32:
      if (has_integer && integer == static_cast<int32_t>(integer)) columns_.set(slot, static_cast<int32_t>(integer));
      else columns_.set_missing(slot, true);
      return true;
    case type_id::int64:
      if (has_integer) columns_.set(slot, integer);
      else columns_.set_missing(slot, true);
      return true;
    case type_id::float64: {
      double value;
      if (parse_double(number, value)) columns_.set(slot, value);
      else columns_.set_missing(slot, true);
      return true;
    }
    case type_id::numeric: set_numeric(columns_, slot, number); return true;
    case type_id::text:
      if (lenient_text_) columns_.set(slot, text_view(number));
      else columns_.set_missing(slot, true);
      return true;
    default: columns_.set_missing(slot, true); return true;
  }
}

template class json_walk<false>;
template class json_walk<true>;

}  // namespace systole
