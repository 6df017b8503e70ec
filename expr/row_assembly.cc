#include "expr/row_assembly.h"

#include <cstring>

namespace systole {
namespace {

struct sixteen_bytes {
  uint64_t low, high;
};

}  // namespace

template <class T>
void row_assembly::copy(const operand& from, const selection& rows) {
  const T* source = static_cast<const T*>(from.values->raw_values());
  T* target = static_cast<T*>(builder_.mutable_bytes());
  if (from.constant) {
    const T value = source[0];
    rows.for_each([&](size_t row) { target[row] = value; });
  } else {
    rows.for_each([&](size_t row) { target[row] = source[row]; });
  }
}

void row_assembly::take(const operand& from, const selection& rows) {
  if (rows.count == 0) return;
  switch (value_width(builder_.type().id)) {
    case 1: copy<uint8_t>(from, rows); break;
    case 4: copy<uint32_t>(from, rows); break;
    case 8: copy<uint64_t>(from, rows); break;
    default: copy<sixteen_bytes>(from, rows);
  }
  if (uint8_t* scales = builder_.mutable_scales())
    rows.for_each([&](size_t row) { scales[row] = from.values->scale(from.row(row)); });
  if (from.values->may_have_nulls()) {
    rows.for_each([&](size_t row) {
      if (from.values->is_null(from.row(row))) builder_.set_null(row);
    });
  }
  builder_.add_owners(from.values->owners());
}

void row_assembly::take_null(const selection& rows) {
  const size_t width = value_width(builder_.type().id);
  rows.for_each([&](size_t row) {
    std::memset(static_cast<char*>(builder_.mutable_bytes()) + row * width, 0, width);
    builder_.set_null(row);
  });
}

void row_assembly::take_indexed(const column& constants, const int32_t* index, const selection& rows) {
  const size_t width = value_width(builder_.type().id);
  const char* source = static_cast<const char*>(constants.raw_values());
  char* target = static_cast<char*>(builder_.mutable_bytes());
  uint8_t* scales = builder_.mutable_scales();
  const bool nulls = constants.may_have_nulls();
  rows.for_each([&](size_t row) {
    if (index[row] < 0) return;
    const auto from = static_cast<size_t>(index[row]);
    if (width == 16) std::memcpy(target + row * 16, source + from * 16, 16);
    else std::memcpy(target + row * width, source + from * width, width);
    if (scales) scales[row] = constants.scale(from);
    if (nulls && constants.is_null(from)) builder_.set_null(row);
  });
  builder_.add_owners(constants.owners());
}

}  // namespace systole
