#include <cstring>

#include "expr/column_edit.h"
#include "expr/conditional.h"
#include "expr/ordering.h"
#include "expr/row_assembly.h"

namespace systole {
namespace {

template <bool Greatest>
column_ptr extreme_kernel(const call_frame& frame) {
  // Which argument wins in each row: -1 where all are NULL so far.
  std::unique_ptr<int32_t[]> winner(new int32_t[frame.rows.size + 1]);
  std::fill_n(winner.get(), frame.rows.size, -1);
  with_storage(frame.type.id, [&](auto* type) {
    using stored = std::remove_pointer_t<decltype(type)>;
    std::vector<row_reader<stored>> readers;
    for (const operand& each : frame.arguments) readers.emplace_back(each);
    for (size_t i = 0; i < readers.size(); ++i) {
      const operand& argument = frame.arguments[i];
      frame.rows.for_each([&](size_t row) {
        if (argument.values->is_null(argument.row(row))) return;
        int32_t& best = winner[row];
        if (best < 0) {
          best = static_cast<int32_t>(i);
          return;
        }
        const int made = order(readers[i][row], readers[static_cast<size_t>(best)][row]);
        if (Greatest ? made > 0 : made < 0) best = static_cast<int32_t>(i);
      });
    }
  });
  row_assembly result(frame.type, frame.rows);
  std::vector<uint32_t> chosen;
  for (int32_t i = -1; i < static_cast<int32_t>(frame.arguments.size()); ++i) {
    chosen.clear();
    frame.rows.for_each([&](size_t row) {
      if (winner[row] == i) chosen.push_back(static_cast<uint32_t>(row));
    });
    const selection rows = selection::of(chosen, frame.rows.size);
    if (i < 0) result.take_null(rows);
    else result.take(frame.arguments[static_cast<size_t>(i)], rows);
  }
  return result.finish();
}

/// The last two are compared; the first is the value.
column_ptr null_if_kernel(const call_frame& frame) {
  row_assembly result(frame.type, frame.rows);
  const operand& a = frame.arguments[frame.arguments.size() - 2];
  const operand& b = frame.arguments[frame.arguments.size() - 1];
  std::vector<uint32_t> equal, others;
  with_storage(a.values->type().id, [&](auto* type) {
    using stored = std::remove_pointer_t<decltype(type)>;
    const row_reader<stored> left(a), right(b);
    frame.rows.for_each([&](size_t row) {
      const bool same =
          a.values->is_valid(a.row(row)) && b.values->is_valid(b.row(row)) && order(left[row], right[row]) == 0;
      (same ? equal : others).push_back(static_cast<uint32_t>(row));
    });
  });
  result.take(frame.arguments[0], selection::of(others, frame.rows.size));
  result.take_null(selection::of(equal, frame.rows.size));
  return result.finish();
}

}  // namespace

node_ptr make_extreme(data_type type, std::vector<node_ptr> choices, bool greatest) {
  bool nullable = true;
  for (const node_ptr& each : choices) nullable &= each->nullable();
  return make_call_node(greatest ? extreme_kernel<true> : extreme_kernel<false>, type, std::move(choices),
                        {.strict = false, .never_null = !nullable});
}

node_ptr make_null_if(node_ptr value, node_ptr a, node_ptr b) {
  const data_type type = value->type();
  std::vector<node_ptr> arguments{std::move(a), std::move(b)};
  if (value != arguments[0]) arguments.insert(arguments.begin(), std::move(value));
  return make_call_node(null_if_kernel, type, std::move(arguments), {.strict = false});
}

}  // namespace systole
