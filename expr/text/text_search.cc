#include <cstring>

#include "expr/functions.h"
#include "expr/row_kernel.h"
#include "expr/text/utf8.h"

namespace systole {
namespace {

using text_out = row_writer<std::string_view>;
using text_in = std::string_view;

constexpr row_failure field_zero{"22023", "field position must not be zero"};

void position_of(row_writer<int32_t>& out, text_in text, text_in part) {
  const size_t at = text.find(part);
  out.set(at == text_in::npos ? 0 : static_cast<int32_t>(utf8_length(text.substr(0, at))) + 1);
}

void starts_with_text(row_writer<bool>& out, text_in text, text_in start) { out.set(text.starts_with(start)); }

/// The n-th field; a negative n counts from the end.
void split_part_of(text_out& out, text_in text, text_in separator, int32_t n) {
  if (n == 0) return out.fail(field_zero);
  if (text.empty()) return out.set_part({});
  if (separator.empty()) return out.set_part(n == 1 || n == -1 ? text : text_in());
  if (n < 0) {
    size_t fields = 1;
    for (size_t at = text.find(separator); at != text_in::npos; at = text.find(separator, at + separator.size()))
      ++fields;
    if (static_cast<int64_t>(fields) + n < 0) return out.set_part({});
    n = static_cast<int32_t>(static_cast<int64_t>(fields) + n + 1);
  }
  for (; n > 1; --n) {
    const size_t at = text.find(separator);
    if (at == text_in::npos) return out.set_part({});
    text.remove_prefix(at + separator.size());
  }
  out.set_part(text.substr(0, text.find(separator)));
}

void replace_text(text_out& out, text_in text, text_in from, text_in to) {
  if (from.empty()) return out.set_part(text);
  size_t at = text.find(from);
  if (at == text_in::npos) return out.set_part(text);
  std::string made;
  size_t done = 0;
  for (; at != text_in::npos; at = text.find(from, done)) {
    made.append(text, done, at - done);
    made += to;
    done = at + from.size();
    if (made.size() > limits::text_value_bytes) return out.fail(failures::text_too_long);
  }
  made.append(text, done);
  out.set(made);
}

}  // namespace

void add_text_search_functions(std::vector<function_entry>& table) {
  using enum type_id;
  constexpr auto part = text_result::part_of_argument;
  table.push_back({"strpos", {text, text}, int32, row_kernel<&position_of>});
  table.push_back({"position", {text, text}, int32, row_kernel<&position_of>});
  table.push_back({"starts_with", {text, text}, boolean, row_kernel<&starts_with_text>});
  table.push_back({"^@", {text, text}, boolean, row_kernel<&starts_with_text>});
  table.push_back({"split_part", {text, text, int32}, text, row_kernel<&split_part_of, part>, fallible});
  table.push_back({"replace", {text, text, text}, text, row_kernel<&replace_text, part>, slow_fallible});
}

}  // namespace systole
