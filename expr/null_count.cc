#include "expr/null_count.h"

#include <algorithm>

namespace systole {
namespace {

template <bool Nulls>
column_ptr count_kernel(const call_frame& frame) {
  column_builder builder(frame.type, frame.rows.size);
  builder.set_size(frame.rows.size);
  int32_t* out = builder.mutable_values<int32_t>();
  std::fill_n(out, frame.rows.size, 0);
  for (const operand& each : frame.arguments)
    for (size_t row = 0; row < frame.rows.size; ++row) out[row] += each.values->is_null(each.row(row)) == Nulls;
  return builder.finish();
}

}  // namespace

node_ptr make_null_count(std::vector<node_ptr> of, bool nulls) {
  return make_call_node(nulls ? count_kernel<true> : count_kernel<false>, {type_id::int32}, std::move(of),
                        {.strict = false, .never_null = true});
}

}  // namespace systole
