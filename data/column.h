#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "data/row_runs.h"
#include "data/type.h"
#include "data/value.h"

namespace systole {

/// Immutable bytes that columns point into, freed with the last reference. Thread-safe to share.
using buffer_ptr = std::shared_ptr<const void>;

/// One column of a batch: values and validity in Arrow's order, with text as text_view and booleans as bytes.
/// A column is built by column_builder or by a kernel and immutable afterwards; sharing it between batches and threads
/// is free. Values of null rows are unspecified but initialised.
class column {
 public:
  data_type type() const { return type_; }
  size_t size() const { return size_; }

  /// Values as T, whose size must be value_width(type().id).
  template <class T>
  const T* values() const {
    assert(sizeof(T) == value_width(type_.id));
    return static_cast<const T*>(values_.get());
  }
  const void* raw_values() const { return values_.get(); }

  /// Arrow's validity bitmap, least significant bit first; nullptr means that no row is null.
  const uint64_t* validity() const { return validity_.get(); }
  bool may_have_nulls() const { return validity_ != nullptr; }
  bool is_valid(size_t row) const { return !validity_ || (validity_[row / 64] >> (row % 64) & 1); }
  bool is_null(size_t row) const { return !is_valid(row); }

  /// Plain NUMERIC only: the scale of each row; nullptr for other types.
  const uint8_t* scales() const { return scales_.get(); }
  uint8_t scale(size_t row) const { return scales_ ? scales_[row] : type_.scale; }

  std::string_view text(size_t row) const { return values<text_view>()[row].view(); }

  /// The buffers that text_views point into.
  const std::vector<buffer_ptr>& owners() const { return owners_; }
  /// Bytes of values, validity and scales; text outside of them is counted by its buffers' owners.
  size_t memory_bytes() const;

 private:
  friend class column_builder;
  friend struct column_access;
  data_type type_;
  size_t size_ = 0;
  std::shared_ptr<const void> values_;
  std::shared_ptr<const uint64_t[]> validity_;
  std::shared_ptr<const uint8_t[]> scales_;
  std::vector<buffer_ptr> owners_;
};
using column_ptr = std::shared_ptr<const column>;

/// Builds a column of at most `capacity` rows. Two ways: append row by row, or write whole arrays through
/// `mutable_values` and `set_size`. One thread.
class column_builder {
 public:
  column_builder(data_type type, size_t capacity);

  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  data_type type() const { return type_; }

  template <class T>
  T* mutable_values() {
    assert(sizeof(T) == value_width(type_.id));
    return reinterpret_cast<T*>(values_.get());
  }
  /// The values buffer, whatever the type's width.
  void* mutable_bytes() { return values_.get(); }
  uint8_t* mutable_scales() { return scales_.get(); }
  /// For whole-array writers: rows [0, n) are filled, valid unless set_null is called.
  void set_size(size_t n) {
    assert(n <= capacity_);
    size_ = n;
  }
  /// Marks a filled row as null.
  void set_null(size_t row) {
    if (!validity_) allocate_validity();
    validity_[row / 64] &= ~(uint64_t{1} << (row % 64));
  }
  /// The bitmap of at least capacity() bits, made (all valid) on first use.
  uint64_t* mutable_validity() {
    if (!validity_) allocate_validity();
    return validity_.get();
  }

  /// Appends a value; T's width must be the type's.
  template <class T>
  void append(T value) {
    assert(size_ < capacity_);
    mutable_values<T>()[size_++] = value;
  }
  void append_null() {
    assert(size_ < capacity_);
    std::memset(values_.get() + size_ * width_, 0, width_);
    if (scales_) scales_[size_] = 0;
    set_null(size_++);
  }
  /// NUMERIC: for NUMERIC(p,s) `unscaled` is at the type's scale; for plain NUMERIC at `scale`.
  void append_numeric(int128 unscaled, uint8_t scale) {
    if (scales_) scales_[size_] = scale;
    append<int128>(unscaled);
  }
  /// Copies text that is longer than 12 bytes into the builder's own buffer.
  void append_text_copy(std::string_view text) { append<text_view>(store_text(text)); }
  /// Points at the caller's bytes, whose buffer was given to add_owner.
  void append_text_reference(std::string_view text) { append<text_view>(text_view(text)); }
  /// Copies text into the builder's buffer and returns its view, for whole-array writers.
  text_view store_text(std::string_view text) {
    return text.size() <= text_view::inline_bytes ? text_view(text) : text_view(copy_to_arena(text));
  }
  /// Space of `length` bytes in the builder's buffer, to be filled and then viewed.
  char* reserve_text(size_t length);
  /// Keeps a buffer alive that appended views point into.
  void add_owner(buffer_ptr owner);
  void add_owners(const std::vector<buffer_ptr>& owners) {
    for (const buffer_ptr& owner : owners) add_owner(owner);
  }

  /// Ends the building; the builder is empty afterwards and must not be used again.
  column_ptr finish();

 private:
  void allocate_validity();
  std::string_view copy_to_arena(std::string_view text);

  data_type type_;
  size_t capacity_ = 0;
  size_t size_ = 0;
  size_t width_ = 0;
  std::shared_ptr<char[]> values_;
  std::shared_ptr<uint64_t[]> validity_;
  std::shared_ptr<uint8_t[]> scales_;
  std::vector<buffer_ptr> owners_;
  char* arena_next_ = nullptr;
  size_t arena_left_ = 0;
};

/// The rows of `source` at `rows`, in that order; text still points into the source's buffers.
column_ptr gather(const column& source, std::span<const uint32_t> rows);
/// As gather, of the rows of runs (row_runs.h), `rows` in all.
column_ptr gather_runs(const column& source, std::span<const row_run> runs, size_t rows);
/// As gather, with text copied, so that the result does not keep the source's buffers.
column_ptr gather_copy(const column& source, std::span<const uint32_t> rows);
/// As gather, with row index `null_row` giving null (for unmatched rows of outer joins).
inline constexpr uint32_t null_row = 0xffffffffu;
column_ptr gather_or_null(const column& source, std::span<const uint32_t> rows);
/// Rows [offset, offset + length).
column_ptr slice(const column& source, size_t offset, size_t length);
/// All rows of all columns, which have one type.
column_ptr concatenate(std::span<const column_ptr> sources);
/// `size` rows of null.
column_ptr null_column(data_type type, size_t size);
/// `size` rows of one value given as row 0 of `source`.
column_ptr repeat(const column& source, size_t row, size_t size);
/// Copies text that points into foreign buffers, so that the column no longer keeps those alive.
column_ptr compact(const column& source);

}  // namespace systole
