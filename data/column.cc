#include "data/column.h"

#include <algorithm>

namespace systole {
namespace {

constexpr size_t arena_block_bytes = 32 * 1024;

size_t words(size_t bits) { return (bits + 63) / 64; }

std::shared_ptr<char[]> allocate_values(size_t bytes) {
  // Default-initialised: every row is written before it is read.
  return std::shared_ptr<char[]>(new char[std::max<size_t>(bytes, 1)]);
}

template <class T, bool AllowNull>
void gather_values(const void* from, std::span<const uint32_t> rows, void* into) {
  const T* source = static_cast<const T*>(from);
  T* target = static_cast<T*>(into);
  for (size_t i = 0; i < rows.size(); ++i) {
    if constexpr (AllowNull) {
      if (rows[i] == null_row) {
        std::memset(static_cast<void*>(target + i), 0, sizeof(T));
        continue;
      }
    }
    target[i] = source[rows[i]];
  }
}

struct sixteen_bytes {
  uint64_t low, high;
};

template <bool AllowNull>
column_ptr gather_rows(const column& source, std::span<const uint32_t> rows) {
  column_builder builder(source.type(), rows.size());
  switch (value_width(source.type().id)) {
    case 1: gather_values<uint8_t, AllowNull>(source.raw_values(), rows, builder.mutable_values<uint8_t>()); break;
    case 4: gather_values<uint32_t, AllowNull>(source.raw_values(), rows, builder.mutable_values<uint32_t>()); break;
    case 8: gather_values<uint64_t, AllowNull>(source.raw_values(), rows, builder.mutable_values<uint64_t>()); break;
    default:
      gather_values<sixteen_bytes, AllowNull>(source.raw_values(), rows, builder.mutable_values<sixteen_bytes>());
  }
  if (source.scales()) gather_values<uint8_t, AllowNull>(source.scales(), rows, builder.mutable_scales());
  builder.set_size(rows.size());
  if (source.may_have_nulls() || AllowNull) {
    for (size_t i = 0; i < rows.size(); ++i)
      if ((AllowNull && rows[i] == null_row) || source.is_null(rows[i])) builder.set_null(i);
  }
  builder.add_owners(source.owners());
  return builder.finish();
}

}  // namespace

size_t column::memory_bytes() const {
  return size_ * value_width(type_.id) + (validity_ ? words(size_) * 8 : 0) + (scales_ ? size_ : 0);
}

column_builder::column_builder(data_type type, size_t capacity)
    : type_(type),
      capacity_(capacity),
      width_(value_width(type.id)),
      values_(allocate_values(capacity * value_width(type.id))) {
  if (type.has_row_scales()) scales_ = std::shared_ptr<uint8_t[]>(new uint8_t[std::max<size_t>(capacity, 1)]());
}

void column_builder::allocate_validity() {
  const size_t n = std::max<size_t>(words(capacity_), 1);
  validity_ = std::shared_ptr<uint64_t[]>(new uint64_t[n]);
  std::fill_n(validity_.get(), n, ~uint64_t{0});
}

char* column_builder::reserve_text(size_t length) {
  if (length > arena_left_) {
    const size_t block = std::max(length, arena_block_bytes);
    std::shared_ptr<char[]> bytes(new char[block]);
    arena_next_ = bytes.get();
    arena_left_ = block;
    owners_.push_back(std::move(bytes));
  }
  char* space = arena_next_;
  arena_next_ += length;
  arena_left_ -= length;
  return space;
}

std::string_view column_builder::copy_to_arena(std::string_view text) {
  char* space = reserve_text(text.size());
  std::memcpy(space, text.data(), text.size());
  return {space, text.size()};
}

void column_builder::add_owner(buffer_ptr owner) {
  if (std::find(owners_.begin(), owners_.end(), owner) == owners_.end()) owners_.push_back(std::move(owner));
}

column_ptr column_builder::finish() {
  auto made = std::make_shared<column>();
  made->type_ = type_;
  made->size_ = size_;
  made->values_ = std::move(values_);
  made->validity_ = std::move(validity_);
  made->scales_ = std::move(scales_);
  made->owners_ = std::move(owners_);
  return made;
}

column_ptr gather(const column& source, std::span<const uint32_t> rows) { return gather_rows<false>(source, rows); }

column_ptr gather_runs(const column& source, std::span<const row_run> runs, size_t rows) {
  const size_t width = value_width(source.type().id);
  column_builder builder(source.type(), rows);
  builder.set_size(rows);
  size_t at = 0;
  for (const row_run& run : runs) {
    std::memcpy(static_cast<char*>(builder.mutable_bytes()) + at * width, static_cast<const char*>(source.raw_values()) + run.first * width,
                run.count * width);
    if (source.scales()) std::memcpy(builder.mutable_scales() + at, source.scales() + run.first, run.count);
    if (source.validity()) copy_bits(source.validity(), run.first, builder.mutable_validity(), at, run.count);
    at += run.count;
  }
  builder.add_owners(source.owners());
  return builder.finish();
}

column_ptr gather_copy(const column& source, std::span<const uint32_t> rows) {
  if (!source.type().is_text_like()) return gather(source, rows);
  const text_view* const from = source.values<text_view>();
  size_t bytes = 0;
  for (const uint32_t row : rows) bytes += from[row].is_inline() ? 0 : from[row].size();
  column_builder builder(source.type(), rows.size());
  char* space = bytes == 0 ? nullptr : builder.reserve_text(bytes);
  text_view* const into = builder.mutable_values<text_view>();
  for (size_t i = 0; i < rows.size(); ++i) {
    const text_view& text = from[rows[i]];
    if (text.is_inline()) {
      into[i] = text;
      continue;
    }
    std::memcpy(space, text.data(), text.size());
    into[i] = text_view(std::string_view(space, text.size()));
    space += text.size();
  }
  builder.set_size(rows.size());
  if (source.may_have_nulls()) {
    for (size_t i = 0; i < rows.size(); ++i)
      if (source.is_null(rows[i])) builder.set_null(i);
  }
  return builder.finish();
}

column_ptr gather_or_null(const column& source, std::span<const uint32_t> rows) {
  return gather_rows<true>(source, rows);
}

column_ptr slice(const column& source, size_t offset, size_t length) {
  assert(offset + length <= source.size());
  const row_run run{static_cast<uint32_t>(offset), static_cast<uint32_t>(length)};
  return gather_runs(source, {&run, 1}, length);
}

column_ptr concatenate(std::span<const column_ptr> sources) {
  assert(!sources.empty());
  if (sources.size() == 1) return sources[0];
  size_t total = 0;
  for (const column_ptr& source : sources) total += source->size();
  const data_type type = sources[0]->type();
  const size_t width = value_width(type.id);
  column_builder builder(type, total);
  builder.set_size(total);
  size_t at = 0;
  for (const column_ptr& source : sources) {
    assert(source->type() == type);
    std::memcpy(static_cast<char*>(builder.mutable_bytes()) + at * width, source->raw_values(), source->size() * width);
    if (source->scales()) std::memcpy(builder.mutable_scales() + at, source->scales(), source->size());
    if (source->validity()) copy_bits(source->validity(), 0, builder.mutable_validity(), at, source->size());
    builder.add_owners(source->owners());
    at += source->size();
  }
  return builder.finish();
}

column_ptr null_column(data_type type, size_t size) {
  column_builder builder(type, size);
  std::memset(builder.mutable_bytes(), 0, size * value_width(type.id));
  builder.set_size(size);
  uint64_t* validity = builder.mutable_validity();
  std::fill_n(validity, words(size), 0);
  return builder.finish();
}

column_ptr repeat(const column& source, size_t row, size_t size) {
  const std::vector<uint32_t> rows(size, static_cast<uint32_t>(row));
  return gather(source, rows);
}

column_ptr compact(const column& source) {
  if (!source.type().is_text_like()) return slice(source, 0, source.size());
  column_builder builder(source.type(), source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source.is_null(i)) builder.append_null();
    else builder.append_text_copy(source.text(i));
  }
  return builder.finish();
}

}  // namespace systole
