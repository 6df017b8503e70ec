#include "data/key_encoding.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "data/key_cells.h"

namespace systole {
namespace {

using namespace key_cells;

/// The most bytes that all cells of a column can take.
size_t most_bytes(const column& values, size_t rows) {
  if (!values.type().is_text_like()) return rows * fixed_cell_bytes;
  const text_view* texts = values.values<text_view>();
  size_t bytes = rows * text_overhead;
  if (!values.may_have_nulls()) {
    for (size_t i = 0; i < rows; ++i) bytes += texts[i].size();
  } else {
    for (size_t i = 0; i < rows; ++i) bytes += values.is_valid(i) ? texts[i].size() : 0;
  }
  return bytes;
}

// Cell writers for the columns that keys mostly have; the type is known outside of the loop.
struct int32_cell {
  const int32_t* values;
  explicit int32_cell(const column& from) : values(from.values<int32_t>()) {}
  char* operator()(char* at, size_t row) const { return put_int32(at, values[row]); }
};
struct int64_cell {
  const int64_t* values;
  explicit int64_cell(const column& from) : values(from.values<int64_t>()) {}
  char* operator()(char* at, size_t row) const { return put_int64(at, values[row]); }
};
struct text_cell {
  const text_view* values;
  explicit text_cell(const column& from) : values(from.values<text_view>()) {}
  char* operator()(char* at, size_t row) const { return put_text(at, values[row]); }
};
struct any_cell {
  const column& values;
  explicit any_cell(const column& from) : values(from) {}
  char* operator()(char* at, size_t row) const { return put_cell(at, values, row); }
};

/// Writes all keys from `start` with `write_key(at, row)`.
template <class WriteKey>
void encode_rows(char* start, size_t rows, uint64_t* offsets, uint64_t* hashes, const WriteKey& write_key) {
  char* at = start;
  for (size_t row = 0; row < rows; ++row) {
    char* const end = write_key(at, row);
    hashes[row] = XXH3_64bits(at, static_cast<size_t>(end - at));
    at = end;
    offsets[row + 1] = static_cast<uint64_t>(end - start);
  }
}

/// Calls `then` with the cell writer of a column.
template <class Then>
void with_cell(const column& values, const Then& then) {
  if (values.may_have_nulls()) return then(any_cell(values));
  switch (values.type().id) {
    case type_id::int32: return then(int32_cell(values));
    case type_id::int64: return then(int64_cell(values));
    case type_id::text: return then(text_cell(values));
    default: return then(any_cell(values));
  }
}

}  // namespace

void append_key_value(std::string& out, const column& values, size_t row) {
  const size_t before = out.size();
  const size_t text = values.type().is_text_like() && values.is_valid(row) ? values.values<text_view>()[row].size() : 0;
  out.resize(before + fixed_cell_bytes + text_overhead + text);
  char* const end = put_cell(out.data() + before, values, row);
  out.resize(static_cast<size_t>(end - out.data()));
}

void encoded_keys::encode(std::span<const column* const> columns, size_t rows) {
  size_t most = 0;
  bool any_nulls = false;
  for (const column* each : columns) {
    assert(each->size() >= rows);
    most += most_bytes(*each, rows);
    any_nulls |= each->may_have_nulls();
  }
  // Only ever grown: resizing to each batch's size would fill it with zeros each time.
  if (bytes_.size() < most) bytes_.resize(most);
  offsets_.resize(rows + 1);
  offsets_[0] = 0;
  hashes_.resize(rows);
  nulls_.clear();
  if (any_nulls) {
    nulls_.resize(rows, 0);
    for (const column* each : columns) {
      if (!each->may_have_nulls()) continue;
      for (size_t row = 0; row < rows; ++row) nulls_[row] |= static_cast<uint8_t>(each->is_null(row));
    }
  }
  const auto encode_with = [&](const auto& write_key) {
    encode_rows(bytes_.data(), rows, offsets_.data(), hashes_.data(), write_key);
  };
  if (columns.size() == 1) {
    with_cell(*columns[0], encode_with);
  } else if (columns.size() == 2) {
    with_cell(*columns[0], [&](const auto& first) {
      with_cell(*columns[1], [&](const auto& second) {
        encode_with([&](char* at, size_t row) { return second(first(at, row), row); });
      });
    });
  } else {
    encode_with([&](char* at, size_t row) {
      for (const column* each : columns) at = put_cell(at, *each, row);
      return at;
    });
  }
}

uint64_t hash_key(std::string_view encoded) { return XXH3_64bits(encoded.data(), encoded.size()); }

}  // namespace systole
