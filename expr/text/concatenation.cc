#include "expr/text/concatenation.h"

#include <cstring>

#include "expr/row_kernel.h"

namespace systole {
namespace {

/// One pass over the rows: adds up the lengths, takes the space, copies. A result of one part alone points into it.
template <bool Separated>
column_ptr concatenation_kernel(const call_frame& frame) {
  constexpr size_t first = Separated ? 1 : 0;
  const size_t size = frame.rows.size;
  const size_t parts = frame.arguments.size();
  column_builder builder(frame.type, size);
  builder.set_size(size);
  clear_values(builder, size);
  text_view* out = builder.mutable_values<text_view>();
  std::vector<const text_view*> views(parts);
  std::vector<size_t> masks(parts);
  for (size_t i = 0; i < parts; ++i) {
    views[i] = frame.arguments[i].values->values<text_view>();
    masks[i] = frame.arguments[i].constant ? 0 : ~size_t{0};
    builder.add_owners(frame.arguments[i].values->owners());
  }
  // Parts without NULLs need no look at a bitmap.
  std::vector<const uint64_t*> validity(parts);
  for (size_t i = 0; i < parts; ++i) validity[i] = frame.arguments[i].values->validity();
  std::vector<text_view> present(parts);
  frame.rows.for_each([&](size_t row) {
    const auto valid = [&](size_t i) {
      const size_t at = row & masks[i];
      return !validity[i] || (validity[i][at / 64] >> (at % 64) & 1);
    };
    if (Separated && !valid(0)) return builder.set_null(row);
    size_t count = 0, length = 0;
    for (size_t i = first; i < parts; ++i) {
      if (!valid(i)) continue;
      present[count] = views[i][row & masks[i]];
      length += present[count++].size();
    }
    if (count == 1) {
      out[row] = present[0];
      return;
    }
    const text_view separator = Separated ? views[0][row & masks[0]] : text_view();
    if (Separated && count > 0) length += separator.size() * (count - 1);
    if (length > limits::text_value_bytes) {
      builder.set_null(row);
      return frame.run.fail(row, failures::text_too_long);
    }
    char inline_space[text_view::inline_bytes];
    char* const space = length <= text_view::inline_bytes ? inline_space : builder.reserve_text(length);
    char* at = space;
    for (size_t i = 0; i < count; ++i) {
      if (Separated && i > 0) {
        std::memcpy(at, separator.data(), separator.size());
        at += separator.size();
      }
      std::memcpy(at, present[i].data(), present[i].size());
      at += present[i].size();
    }
    out[row] = text_view(std::string_view(space, length));
  });
  return builder.finish();
}

/// || of all: the rows with a NULL part are NULL.
column_ptr strict_concatenation(const call_frame& frame) {
  const size_t size = frame.rows.size;
  bool nulls = false;
  for (const operand& each : frame.arguments) nulls |= each.values->may_have_nulls();
  if (!nulls) return concatenation_kernel<false>(frame);
  std::vector<uint32_t> whole;
  whole.reserve(frame.rows.count);
  std::vector<evaluation::failed_row> missing;
  frame.rows.for_each([&](size_t row) {
    for (const operand& each : frame.arguments)
      if (each.values->is_null(each.row(row))) return missing.push_back({static_cast<uint32_t>(row), nullptr});
    whole.push_back(static_cast<uint32_t>(row));
  });
  const selection rows = selection::of(whole, size);
  return with_nulls(concatenation_kernel<false>({frame.run, rows, frame.arguments, frame.type, nullptr}), missing);
}

}  // namespace

node_ptr make_concatenation(std::vector<node_ptr> parts, data_type type) {
  return make_call_node(strict_concatenation, type, std::move(parts), {.can_fail = true, .cheap = false});
}

node_ptr make_lenient_concatenation(std::vector<node_ptr> parts) {
  return make_call_node(concatenation_kernel<false>, {type_id::text}, std::move(parts),
                        {.strict = false, .can_fail = true, .cheap = false, .never_null = true});
}

node_ptr make_separated_concatenation(std::vector<node_ptr> parts) {
  const bool nullable = parts[0]->nullable();
  return make_call_node(concatenation_kernel<true>, {type_id::text}, std::move(parts),
                        {.strict = false, .can_fail = true, .cheap = false, .never_null = !nullable});
}

}  // namespace systole
