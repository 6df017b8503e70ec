#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace systole {

/// One field of a CSV record as it stands in the bytes.
struct csv_field {
  std::string_view text;  ///< without the surrounding quotes
  bool quoted = false;
  bool doubled = false;  ///< holds doubled quotes, to be made single
};

/// What split_csv_record found.
enum class csv_split : unsigned char {
  complete,          ///< a record
  unclosed_quote,    ///< a quoted field runs to the end of the bytes
  text_behind_quote  ///< something other than a delimiter follows a closing quote; fields are not to be used
};

/// Splits a line that holds no quotes, without its line end. 16 bytes at a time; reads up to 15 bytes behind the line.
void split_plain_csv_line(std::string_view line, char delimiter, std::vector<csv_field>& fields);

/// Splits the record that begins at bytes[0] by RFC 4180 and sets `length` to its bytes without, `consumed` with its
/// line end (LF or CRLF; none at the end of the bytes). A quote counts where it begins a field (behind blanks with
/// `trim`), elsewhere it is text. With `quoted_newlines` false a line end inside of quotes ends the record, which is
/// `unclosed_quote` then. On text_behind_quote the record ends with its line.
csv_split split_csv_record(std::string_view bytes, char delimiter, char quote, bool quoted_newlines, bool trim,
                           std::vector<csv_field>& fields, size_t& length, size_t& consumed);

/// Writes a doubled field's text to `into`, which has room for all of it; returns the length.
size_t undouble_quotes(std::string_view text, char quote, char* into);

}  // namespace systole
