#include <algorithm>
#include <charconv>
#include <cstring>
#include <type_traits>

#include <openssl/evp.h>

#include "base/ascii.h"
#include "base/hexadecimal.h"
#include "expr/functions.h"
#include "expr/row_kernel.h"
#include "expr/text/utf8.h"

namespace systole {
namespace {

using text_out = row_writer<std::string_view>;
using text_in = std::string_view;

constexpr row_failure bad_character{"54000", "requested character too large for encoding"};
constexpr row_failure negative_character{"22023", "character number must be positive"};
constexpr row_failure null_character{"54000", "null character not permitted"};
constexpr row_failure negative_length{"22011", "negative substring length not allowed"};

template <char (*Change)(char)>
void change_case(text_out& out, text_in text) {
  char* space = out.reserve(text.size());
  if (!space) return;
  std::transform(text.begin(), text.end(), space, Change);
  out.set_reserved(space, text.size());
}

/// The first letter of each word in upper case; words are runs of ASCII letters and digits (locale C).
void capitalize(text_out& out, text_in text) {
  char* space = out.reserve(text.size());
  if (!space) return;
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    space[i] = inside ? ascii::lower(c) : ascii::upper(c);
    inside = ascii::is_letter(c) || ascii::is_digit(c);
  }
  out.set_reserved(space, text.size());
}

// Trimming: sets of characters, which may be longer than a byte.

bool has_character(text_in set, text_in character) {
  for (size_t at = 0; at < set.size();) {
    const size_t width = std::min(utf8_width(set[at]), set.size() - at);
    if (set.substr(at, width) == character) return true;
    at += width;
  }
  return false;
}

text_in trim_left(text_in text, text_in set) {
  while (!text.empty()) {
    const size_t width = std::min(utf8_width(text[0]), text.size());
    if (!has_character(set, text.substr(0, width))) break;
    text.remove_prefix(width);
  }
  return text;
}

text_in trim_right(text_in text, text_in set) {
  while (!text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xc0) == 0x80) --start;
    if (!has_character(set, text.substr(start))) break;
    text = text.substr(0, start);
  }
  return text;
}

void trim_both_of(text_out& out, text_in text, text_in set) { out.set_part(trim_left(trim_right(text, set), set)); }
void trim_left_of(text_out& out, text_in text, text_in set) { out.set_part(trim_left(text, set)); }
void trim_right_of(text_out& out, text_in text, text_in set) { out.set_part(trim_right(text, set)); }

text_in trim_spaces(text_in text, bool left, bool right) {
  while (left && !text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (right && !text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}
void trim_both(text_out& out, text_in text) { out.set_part(trim_spaces(text, true, true)); }
void trim_left_only(text_out& out, text_in text) { out.set_part(trim_spaces(text, true, false)); }
void trim_right_only(text_out& out, text_in text) { out.set_part(trim_spaces(text, false, true)); }

// Lengths.

void count_characters(row_writer<int32_t>& out, text_in text) { out.set(static_cast<int32_t>(utf8_length(text))); }
void count_bytes(row_writer<int32_t>& out, text_in text) { out.set(static_cast<int32_t>(text.size())); }
void count_bits(row_writer<int32_t>& out, text_in text) { out.set(static_cast<int32_t>(text.size() * 8)); }

// Parts.

/// Characters [start, end) from 1, clipped, as SQL's SUBSTRING.
text_in substring_of(text_in text, int64_t start, int64_t end) {
  start = std::max<int64_t>(start, 1);
  if (end <= start) return {};
  if (is_ascii(text)) {
    if (start > static_cast<int64_t>(text.size())) return {};
    return text.substr(static_cast<size_t>(start - 1),
                       static_cast<size_t>(std::min<int64_t>(end - start, static_cast<int64_t>(text.size()))));
  }
  const size_t from = utf8_offset(text, static_cast<size_t>(start - 1));
  const text_in rest = text.substr(from);
  const int64_t count = std::min<int64_t>(end - start, static_cast<int64_t>(rest.size()));
  return rest.substr(0, utf8_offset(rest, static_cast<size_t>(count)));
}
constexpr int64_t open_end = int64_t{1} << 40;
void substring_from(text_out& out, text_in text, int32_t start) { out.set_part(substring_of(text, start, open_end)); }
void substring_from_for(text_out& out, text_in text, int32_t start, int32_t count) {
  const int64_t end = static_cast<int64_t>(start) + count;
  if (count < 0) {
    // An end beyond 32 bits means the rest, whatever the sign (PostgreSQL's text_substring).
    return out.fail(negative_length);
  }
  out.set_part(substring_of(text, start, end));
}
void left_part(text_out& out, text_in text, int32_t count) {
  if (count >= 0) return out.set_part(substring_of(text, 1, 1 + static_cast<int64_t>(count)));
  out.set_part(substring_of(text, 1, 1 + static_cast<int64_t>(utf8_length(text)) + count));
}
void right_part(text_out& out, text_in text, int32_t count) {
  const auto length = static_cast<int64_t>(utf8_length(text));
  out.set_part(substring_of(text, count >= 0 ? length - count + 1 : 1 - static_cast<int64_t>(count), open_end));
}

// Padding and repetition.

template <bool Left>
void pad(text_out& out, text_in text, int32_t count, text_in fill) {
  const size_t wanted = count < 0 ? 0 : static_cast<size_t>(count);
  const size_t length = utf8_length(text);
  if (wanted <= length || fill.empty()) return out.set_part(text.substr(0, utf8_offset(text, wanted)));
  if (wanted > limits::text_value_bytes) return out.fail(failures::text_too_long);
  const size_t missing = wanted - length, fill_length = utf8_length(fill);
  const size_t rest = utf8_offset(fill, missing % fill_length);
  const size_t fill_bytes = missing / fill_length * fill.size() + rest;
  const size_t bytes = text.size() + fill_bytes;
  char* space = out.reserve(bytes);
  if (!space) return;
  char* at = space;
  if (!Left) at = std::copy(text.begin(), text.end(), at);
  for (size_t i = 0; i < missing / fill_length; ++i) at = std::copy(fill.begin(), fill.end(), at);
  at = std::copy_n(fill.data(), rest, at);
  if (Left) std::copy(text.begin(), text.end(), at);
  out.set_reserved(space, bytes);
}
template <bool Left>
void pad_blanks(text_out& out, text_in text, int32_t count) {
  pad<Left>(out, text, count, " ");
}

void repeat_text(text_out& out, text_in text, int32_t count) {
  if (count <= 0 || text.empty()) return out.set(text_in());
  if (static_cast<size_t>(count) > limits::text_value_bytes / text.size()) return out.fail(failures::text_too_long);
  const size_t bytes = text.size() * static_cast<size_t>(count);
  char* space = out.reserve(bytes);
  if (!space) return;
  for (int32_t i = 0; i < count; ++i)
    std::memcpy(space + static_cast<size_t>(i) * text.size(), text.data(), text.size());
  out.set_reserved(space, bytes);
}

void reverse_text(text_out& out, text_in text) {
  char* space = out.reserve(text.size());
  if (!space) return;
  for (size_t at = 0, end = text.size(); at < text.size();) {
    const size_t width = std::min(utf8_width(text[at]), text.size() - at);
    std::memcpy(space + end - width, text.data() + at, width);
    at += width;
    end -= width;
  }
  out.set_reserved(space, text.size());
}

// Characters.

void code_of(row_writer<int32_t>& out, text_in text) {
  out.set(text.empty() ? 0 : static_cast<int32_t>(utf8_decode(text)));
}
void character_of(text_out& out, int32_t code) {
  if (code == 0) return out.fail(null_character);
  if (code < 0) return out.fail(negative_character);
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return out.fail(bad_character);
  std::string made;
  utf8_append(made, static_cast<char32_t>(code));
  out.set(made);
}

void translate_text(text_out& out, text_in text, text_in from, text_in to) {
  std::string made;
  made.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t width = std::min(utf8_width(text[at]), text.size() - at);
    const text_in character = text.substr(at, width);
    at += width;
    size_t index = 0, place = 0;
    for (; place < from.size(); ++index) {
      const size_t step = std::min(utf8_width(from[place]), from.size() - place);
      if (from.substr(place, step) == character) break;
      place += step;
    }
    if (place >= from.size()) {
      made += character;
      continue;
    }
    const size_t target = utf8_offset(to, index);
    if (target < to.size()) made += to.substr(target, utf8_width(to[target]));
  }
  out.set(made);
}

template <class T>
void hexadecimal_of(text_out& out, T value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, static_cast<std::make_unsigned_t<T>>(value), 16).ptr;
  out.set(text_in(digits, static_cast<size_t>(end - digits)));
}

/// `count` characters from `start` replaced.
void overlay_for(text_out& out, text_in text, text_in by, int32_t start, int32_t count) {
  if (start <= 0) return out.fail(negative_length);
  std::string made(substring_of(text, 1, start));
  made += by;
  made += substring_of(text, static_cast<int64_t>(start) + count, open_end);
  out.set(made);
}
void overlay(text_out& out, text_in text, text_in by, int32_t start) {
  overlay_for(out, text, by, start, static_cast<int32_t>(utf8_length(by)));
}

void md5_text(text_out& out, text_in text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_Digest(text.data(), text.size(), digest, &length, EVP_md5(), nullptr);
  char made[2 * EVP_MAX_MD_SIZE];
  for (unsigned int i = 0; i < length; ++i) {
    made[2 * i] = hex_digits[digest[i] >> 4];
    made[2 * i + 1] = hex_digits[digest[i] & 15];
  }
  out.set(text_in(made, 2 * length));
}

}  // namespace

void add_text_functions(std::vector<function_entry>& table) {
  using enum type_id;
  constexpr auto part = text_result::part_of_argument;
  table.push_back({"lower", {text}, text, row_kernel<&change_case<ascii::lower>>, slow});
  table.push_back({"upper", {text}, text, row_kernel<&change_case<ascii::upper>>, slow});
  table.push_back({"initcap", {text}, text, row_kernel<&capitalize>, slow});
  table.push_back({"btrim", {text}, text, row_kernel<&trim_both, part>});
  table.push_back({"btrim", {text, text}, text, row_kernel<&trim_both_of, part>});
  table.push_back({"ltrim", {text}, text, row_kernel<&trim_left_only, part>});
  table.push_back({"ltrim", {text, text}, text, row_kernel<&trim_left_of, part>});
  table.push_back({"rtrim", {text}, text, row_kernel<&trim_right_only, part>});
  table.push_back({"rtrim", {text, text}, text, row_kernel<&trim_right_of, part>});
  for (const std::string_view name : {"length", "char_length", "character_length"})
    table.push_back({name, {text}, int32, row_kernel<&count_characters>});
  table.push_back({"length", {bytea}, int32, row_kernel<&count_bytes>});
  table.push_back({"octet_length", {text}, int32, row_kernel<&count_bytes>});
  table.push_back({"octet_length", {bytea}, int32, row_kernel<&count_bytes>});
  table.push_back({"bit_length", {text}, int32, row_kernel<&count_bits>});
  for (const std::string_view name : {"substring", "substr"}) {
    table.push_back({name, {text, int32}, text, row_kernel<&substring_from, part>});
    table.push_back({name, {text, int32, int32}, text, row_kernel<&substring_from_for, part>, fallible});
  }
  table.push_back({"left", {text, int32}, text, row_kernel<&left_part, part>});
  table.push_back({"right", {text, int32}, text, row_kernel<&right_part, part>});
  table.push_back({"lpad", {text, int32}, text, row_kernel<&pad_blanks<true>, part>, slow_fallible});
  table.push_back({"lpad", {text, int32, text}, text, row_kernel<&pad<true>, part>, slow_fallible});
  table.push_back({"rpad", {text, int32}, text, row_kernel<&pad_blanks<false>, part>, slow_fallible});
  table.push_back({"rpad", {text, int32, text}, text, row_kernel<&pad<false>, part>, slow_fallible});
  table.push_back({"repeat", {text, int32}, text, row_kernel<&repeat_text>, slow_fallible});
  table.push_back({"reverse", {text}, text, row_kernel<&reverse_text>, slow});
  table.push_back({"ascii", {text}, int32, row_kernel<&code_of>});
  table.push_back({"chr", {int32}, text, row_kernel<&character_of>, fallible});
  table.push_back({"translate", {text, text, text}, text, row_kernel<&translate_text>, slow});
  table.push_back({"to_hex", {int32}, text, row_kernel<&hexadecimal_of<int32_t>>});
  table.push_back({"to_hex", {int64}, text, row_kernel<&hexadecimal_of<int64_t>>});
  table.push_back({"overlay", {text, text, int32}, text, row_kernel<&overlay>, slow_fallible});
  table.push_back({"overlay", {text, text, int32, int32}, text, row_kernel<&overlay_for>, slow_fallible});
  table.push_back({"md5", {text}, text, row_kernel<&md5_text>, slow});
  table.push_back({"md5", {bytea}, text, row_kernel<&md5_text>, slow});
}

}  // namespace systole
