#include "data/row_encoding.h"

#include <algorithm>

#include "base/bytes.h"
#include "data/uuid_text.h"

namespace systole {
namespace {

constexpr uint64_t packed_uuid_mark = 0;  // a text's header: 0 = 16 bytes of a packed UUID, else 1 + length
constexpr int narrow_digits = 18;         // NUMERIC of so many digits fits 8 bytes

uint8_t fixed_width(data_type type) {
  if (type.is_text_like()) return 0;
  if (!type.is(type_id::numeric)) return static_cast<uint8_t>(value_width(type.id));
  if (type.has_row_scales()) return 17;
  return type.precision <= narrow_digits ? 8 : 16;
}

failure mismatch() {
  return fail(error_code::corrupt, "an encoded row does not match its layout; restore from another checkpoint");
}

void append_text(std::string& out, const text_view& text) {
  if (text.size() == uuid_text_bytes) {
    char packed[1 + uuid_packed_bytes];
    if (pack_uuid(text.data(), packed + 1)) {
      packed[0] = packed_uuid_mark;
      out.append(packed, sizeof packed);
      return;
    }
  }
  append_varint(out, text.size() + 1);
  out.append(text.data(), text.size());
}

/// Reads a text into the builder's own buffer.
bool read_text(byte_reader& reader, column_builder& builder) {
  const uint64_t header = reader.varint();
  if (!reader.ok()) return false;
  if (header == packed_uuid_mark) {
    const std::string_view packed = reader.take(uuid_packed_bytes);
    if (!reader.ok()) return false;
    char* const text = builder.reserve_text(uuid_text_bytes);
    unpack_uuid(packed.data(), text);
    builder.append_text_reference({text, uuid_text_bytes});
    return true;
  }
  const std::string_view text = reader.take(header - 1);
  if (!reader.ok()) return false;
  builder.append_text_copy(text);
  return true;
}

}  // namespace

row_layout layout_of(const batch& rows) {
  row_layout layout;
  layout.types.reserve(rows.columns().size());
  for (const column_ptr& each : rows.columns()) layout.types.push_back(each->type());
  layout.event_time = rows.has(hidden::event_time);
  layout.ingestion_time = rows.has(hidden::ingestion_time);
  layout.position = rows.has(hidden::position);
  return layout;
}

row_plan::row_plan(const row_layout& layout) {
  for (size_t i = 0; i < layout.types.size(); ++i)
    cells_.push_back({.type = layout.types[i], .visible = static_cast<int>(i)});
  const auto add_hidden = [this](bool present, hidden which) {
    if (present) cells_.push_back({.type = hidden_types[static_cast<size_t>(which)], .which = which});
  };
  add_hidden(layout.event_time, hidden::event_time);
  add_hidden(layout.ingestion_time, hidden::ingestion_time);
  add_hidden(layout.position, hidden::position);
  fixed_bytes_ = (cells_.size() + 7) / 8;
  for (cell& each : cells_) {
    // The position fills all its 128 bits.
    each.bytes = each.visible < 0 && each.which == hidden::position ? 16 : fixed_width(each.type);
    each.offset = each.bytes ? static_cast<uint32_t>(fixed_bytes_) : 0;
    fixed_bytes_ += each.bytes;
  }
}

void row_encoder::bind(const batch& rows) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    const row_plan::cell& cell = plan_.cells()[i];
    columns_[i] =
        cell.visible >= 0 ? &rows.at(static_cast<size_t>(cell.visible)) : rows.hidden_column(cell.which).get();
    assert(columns_[i] && columns_[i]->type() == cell.type);
  }
}

void row_encoder::append(std::string& out, size_t row) const {
  const size_t before = out.size();
  out.resize(before + plan_.fixed_bytes());  // zeros: no nulls, and the values of nulls
  char* const start = out.data() + before;
  bool has_text = false;
  const std::vector<row_plan::cell>& cells = plan_.cells();
  for (size_t i = 0; i < cells.size(); ++i) {
    const row_plan::cell& cell = cells[i];
    const column& values = *columns_[i];
    if (values.is_null(row)) {
      start[i / 8] = static_cast<char>(start[i / 8] | 1 << (i % 8));
      continue;
    }
    char* const to = start + cell.offset;
    const char* const from = static_cast<const char*>(values.raw_values());
    switch (cell.bytes) {  // constant sizes, so that each copy is one move
      case 0: has_text = true; break;
      case 1: to[0] = from[row]; break;
      case 4: std::memcpy(to, from + row * 4, 4); break;
      // The low half of a narrow NUMERIC; else a value of 8 bytes.
      case 8: std::memcpy(to, from + row * value_width(cell.type.id), 8); break;
      case 16: std::memcpy(to, from + row * 16, 16); break;
      default: std::memcpy(to, from + row * 16, 16); to[16] = static_cast<char>(values.scale(row));
    }
  }
  if (!has_text) return;
  for (size_t i = 0; i < cells.size(); ++i)
    if (cells[i].bytes == 0 && columns_[i]->is_valid(row)) append_text(out, columns_[i]->values<text_view>()[row]);
}

void append_row(std::string& out, const row_layout& layout, const batch& rows, size_t row) {
  row_encoder encoder(layout);
  encoder.bind(rows);
  encoder.append(out, row);
}

row_decoder::row_decoder(row_layout layout, size_t capacity) : plan_(layout), capacity_(capacity) { start(); }

void row_decoder::start() {
  builders_.clear();
  builders_.reserve(plan_.cells().size());
  for (const row_plan::cell& cell : plan_.cells()) builders_.emplace_back(cell.type, capacity_);
  rows_ = 0;
}

result<void> row_decoder::append(std::string_view encoded) {
  assert(!full());
  if (encoded.size() < plan_.fixed_bytes()) return mismatch();
  const char* const start = encoded.data();
  byte_reader texts(encoded.substr(plan_.fixed_bytes()));
  const std::vector<row_plan::cell>& cells = plan_.cells();
  bool good = true;
  size_t done = 0;
  for (; good && done < cells.size(); ++done) {
    const row_plan::cell& cell = cells[done];
    column_builder& builder = builders_[done];
    if (start[done / 8] >> (done % 8) & 1) {
      builder.append_null();
      continue;
    }
    const char* const from = start + cell.offset;
    switch (cell.bytes) {
      case 0: good = read_text(texts, builder); break;
      case 1: builder.append<uint8_t>(from[0] != 0); break;
      case 4: builder.append(*reinterpret_cast<const std::array<char, 4>*>(from)); break;
      case 8: {
        int64_t value;
        std::memcpy(&value, from, 8);
        if (cell.type.is(type_id::numeric)) builder.append<int128>(value);
        else builder.append(value);
        break;
      }
      default: {
        int128 value;
        std::memcpy(&value, from, 16);
        if (cell.bytes == 17) good = static_cast<uint8_t>(from[16]) <= 38;
        if (good) builder.append_numeric(value, static_cast<uint8_t>(cell.bytes == 17 ? from[16] : 0));
      }
    }
  }
  if (good && texts.at_end()) {
    ++rows_;
    return {};
  }
  // Take back what the row's first columns were given, their nulls too.
  for (size_t i = 0; i < done; ++i) {
    builders_[i].set_size(rows_);
    if (start[i / 8] >> (i % 8) & 1) builders_[i].mutable_validity()[rows_ / 64] |= uint64_t{1} << (rows_ % 64);
  }
  return mismatch();
}

batch row_decoder::finish() {
  std::vector<column_ptr> visible;
  batch hidden_part(rows_, {});
  for (size_t i = 0; i < builders_.size(); ++i) {
    const row_plan::cell& cell = plan_.cells()[i];
    column_ptr made = builders_[i].finish();
    if (cell.visible >= 0) visible.push_back(std::move(made));
    else hidden_part.set_hidden(cell.which, std::move(made));
  }
  start();
  return hidden_part.with_columns(std::move(visible));
}

}  // namespace systole
