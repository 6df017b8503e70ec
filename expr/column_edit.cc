#include "expr/column_edit.h"

#include <algorithm>
#include <cstring>

#include "expr/node.h"

namespace systole {
namespace {

struct sixteen {
  uint64_t low, high;
};

template <class T>
void fill(column_builder& builder, const void* value, size_t size) {
  T one;
  std::memcpy(&one, value, sizeof one);
  std::fill_n(static_cast<T*>(builder.mutable_bytes()), size, one);
}

}  // namespace

column_ptr fill_column(const column& value, size_t size) {
  if (value.is_null(0)) return null_column(value.type(), size);
  column_builder builder(value.type(), size);
  switch (value_width(value.type().id)) {
    case 1: fill<uint8_t>(builder, value.raw_values(), size); break;
    case 4: fill<uint32_t>(builder, value.raw_values(), size); break;
    case 8: fill<uint64_t>(builder, value.raw_values(), size); break;
    default: fill<sixteen>(builder, value.raw_values(), size);
  }
  if (value.scales()) std::fill_n(builder.mutable_scales(), size, value.scales()[0]);
  builder.set_size(size);
  builder.add_owners(value.owners());
  return builder.finish();
}

column_ptr with_nulls(const column_ptr& values, const std::vector<evaluation::failed_row>& rows) {
  if (std::all_of(rows.begin(), rows.end(), [&](const auto& each) { return values->is_null(each.row); })) return values;
  const size_t size = values->size();
  column_builder builder(values->type(), size);
  std::memcpy(builder.mutable_bytes(), values->raw_values(), size * value_width(values->type().id));
  if (values->scales()) std::memcpy(builder.mutable_scales(), values->scales(), size);
  if (values->validity()) std::memcpy(builder.mutable_validity(), values->validity(), (size + 63) / 64 * 8);
  builder.set_size(size);
  for (const auto& each : rows) builder.set_null(each.row);
  builder.add_owners(values->owners());
  return builder.finish();
}

column_ptr retype(const column_ptr& values, data_type type) {
  if (values->type() == type) return values;
  const size_t size = values->size();
  column_builder builder(type, size);
  std::memcpy(builder.mutable_bytes(), values->raw_values(), size * value_width(type.id));
  if (type.has_row_scales()) {
    if (values->scales()) std::memcpy(builder.mutable_scales(), values->scales(), size);
    else std::fill_n(builder.mutable_scales(), size, values->type().scale);
  }
  if (values->validity()) std::memcpy(builder.mutable_validity(), values->validity(), (size + 63) / 64 * 8);
  builder.set_size(size);
  builder.add_owners(values->owners());
  return builder.finish();
}

bool merge_validity(column_builder& builder, const operand* operands, size_t count, size_t size) {
  bool any = false;
  for (size_t i = 0; i < count; ++i) {
    if (operands[i].constant || !operands[i].values->validity()) continue;
    const uint64_t* from = operands[i].values->validity();
    uint64_t* into = builder.mutable_validity();
    const size_t words = (size + 63) / 64;
    for (size_t w = 0; w < words; ++w) into[w] = any ? into[w] & from[w] : from[w];
    any = true;
  }
  return any;
}

void clear_values(column_builder& builder, size_t size) {
  std::memset(builder.mutable_bytes(), 0, size * value_width(builder.type().id));
}

}  // namespace systole
