#include "data/wire.h"

#include <algorithm>

#include "base/bytes.h"

// Format: docs/format/wire.md.
namespace systole {
namespace {

constexpr uint32_t magic = 0x42535953;  // "SYSB"
constexpr uint8_t flag_validity = 1;
constexpr uint8_t flag_scales = 2;
constexpr uint8_t known_flags = flag_validity | flag_scales;
constexpr uint32_t most_columns = 65'536;
constexpr uint8_t most_scale = 38;

size_t validity_words(size_t rows) { return (rows + 63) / 64; }

failure corrupt(std::string_view what) {
  return fail(error_code::corrupt, "a batch on the wire is damaged: " + std::string(what));
}

template <class T>
void append_raw(std::string& out, const T* values, size_t count) {
  out.append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

// ---- text: views of 16 bytes as in memory, with an offset into the text bytes in place of the pointer

void append_texts(std::string& out, const column& values) {
  const size_t rows = values.size();
  const text_view* const texts = values.values<text_view>();
  const size_t views_at = out.size();
  append_raw(out, texts, rows);
  append_fixed(out, uint64_t{0});  // length of the text bytes, filled in below
  const size_t bytes_at = out.size();
  const char* last_data = nullptr;  // repeated values (constants) are written once
  size_t last_size = 0;
  uint64_t last_offset = 0;
  for (size_t row = 0; row < rows; ++row) {
    const size_t view_at = views_at + row * sizeof(text_view);
    if (values.is_null(row)) {
      std::memset(out.data() + view_at, 0, sizeof(text_view));
      continue;
    }
    const text_view& text = texts[row];
    if (text.is_inline()) continue;
    if (text.data() != last_data || text.size() != last_size) {
      last_data = text.data();
      last_size = text.size();
      last_offset = out.size() - bytes_at;
      out.append(last_data, last_size);
    }
    std::memcpy(out.data() + view_at + 8, &last_offset, sizeof last_offset);
  }
  const uint64_t length = out.size() - bytes_at;
  std::memcpy(out.data() + bytes_at - sizeof length, &length, sizeof length);
}

/// The bytes of a view that an inline text of each length uses, as two words.
struct inline_bytes_used {
  uint64_t words[text_view::inline_bytes + 1][2] = {};
  constexpr inline_bytes_used() {
    for (size_t length = 0; length <= text_view::inline_bytes; ++length)
      for (size_t byte = 0; byte < 4 + length; ++byte) words[length][byte / 8] |= uint64_t{0xff} << byte % 8 * 8;
  }
};
constexpr inline_bytes_used used;

/// Points the views of the wire into `bytes`, checking each.
result<void> rebase_texts(text_view* views, size_t rows, std::string_view bytes) {
  for (size_t row = 0; row < rows; ++row) {
    uint64_t words[2];
    std::memcpy(words, views + row, sizeof words);
    const auto length = static_cast<uint32_t>(words[0]);
    if (length <= text_view::inline_bytes) {  // bytes past the length become zero
      words[0] &= used.words[length][0];
      words[1] &= used.words[length][1];
      std::memcpy(static_cast<void*>(views + row), words, sizeof words);
      continue;
    }
    const uint64_t offset = words[1];
    if (offset > bytes.size() || length > bytes.size() - offset) return corrupt("a text lies outside of its bytes");
    views[row] = text_view(bytes.substr(offset, length));
  }
  return {};
}

// ---- columns

void append_column(std::string& out, const column& values) {
  const data_type type = values.type();
  const auto flags =
      static_cast<uint8_t>((values.validity() ? flag_validity : 0) | (values.scales() ? flag_scales : 0));
  append_fixed(out, static_cast<uint8_t>(type.id));
  append_fixed(out, type.precision);
  append_fixed(out, type.scale);
  append_fixed(out, flags);
  if (values.validity()) append_raw(out, values.validity(), validity_words(values.size()));
  if (type.is_text_like()) append_texts(out, values);
  else append_raw(out, static_cast<const char*>(values.raw_values()), values.size() * value_width(type.id));
  if (values.scales()) append_raw(out, values.scales(), values.size());
}

result<data_type> read_type(byte_reader& reader) {
  data_type type;
  type.id = static_cast<type_id>(reader.fixed<uint8_t>());
  type.precision = reader.fixed<uint8_t>();
  type.scale = reader.fixed<uint8_t>();
  const bool scaled = type.is(type_id::numeric);
  if (!reader.ok() || value_width(type.id) == 0) return corrupt("unknown type");
  if (type.precision > most_scale || type.scale > type.precision || (!scaled && type.precision))
    return corrupt("bad type");
  return type;
}

/// What a value may hold beyond its width: a boolean 0 or 1, a NUMERIC 38 digits.
result<void> check_values(column_builder& builder, size_t rows) {
  if (builder.type().is(type_id::boolean)) {
    const uint8_t* values = builder.mutable_values<uint8_t>();
    uint8_t all = 0;
    for (size_t row = 0; row < rows; ++row) all |= values[row];
    // Row kinds travel as booleans too: 0 to 3.
    if (all > 3) return corrupt("bad boolean");
  }
  if (uint8_t* const scales = builder.mutable_scales()) {
    if (std::any_of(scales, scales + rows, [](uint8_t scale) { return scale > most_scale; }))
      return corrupt("bad scale");
  }
  return {};
}

result<column_ptr> read_column(byte_reader& reader, size_t rows, const buffer_ptr& owner) {
  SYSTOLE_ASSIGN(const data_type type, read_type(reader));
  const auto flags = reader.fixed<uint8_t>();
  if (!reader.ok() || flags & ~known_flags || (flags & flag_scales ? 1 : 0) != type.has_row_scales())
    return corrupt("bad column flags");
  const std::string_view validity = flags & flag_validity ? reader.take(validity_words(rows) * 8) : std::string_view{};
  const std::string_view values = reader.take(static_cast<uint64_t>(rows) * value_width(type.id));
  std::string_view text;
  if (type.is_text_like()) text = reader.take(reader.fixed<uint64_t>());
  const std::string_view scales = flags & flag_scales ? reader.take(rows) : std::string_view{};
  if (!reader.ok()) return corrupt("it ends within a column");

  // All lengths are known to be there: only now memory is taken.
  column_builder builder(type, rows);
  if (rows > 0) {
    std::memcpy(builder.mutable_bytes(), values.data(), values.size());
    if (!validity.empty()) std::memcpy(builder.mutable_validity(), validity.data(), validity.size());
    if (!scales.empty()) std::memcpy(builder.mutable_scales(), scales.data(), scales.size());
  }
  SYSTOLE_TRY(check_values(builder, rows));
  if (type.is_text_like()) {
    if (owner) {
      if (!text.empty()) builder.add_owner(owner);
    } else if (!text.empty()) {
      std::shared_ptr<char[]> copy(new char[text.size()]);
      std::memcpy(copy.get(), text.data(), text.size());
      text = {copy.get(), text.size()};
      builder.add_owner(std::move(copy));
    }
    SYSTOLE_TRY(rebase_texts(builder.mutable_values<text_view>(), rows, text));
  }
  builder.set_size(rows);
  return builder.finish();
}

}  // namespace

void append_batch(std::string& out, const batch& rows) {
  const size_t start = out.size();
  out.reserve(start + rows.memory_bytes() + 256);
  append_fixed(out, magic);
  append_fixed(out, wire_version);
  append_fixed(out, uint64_t{0});  // bytes after this field, filled in below
  const size_t body = out.size();
  append_fixed(out, static_cast<uint32_t>(rows.rows()));
  append_fixed(out, static_cast<uint32_t>(rows.columns().size()));
  uint8_t present = 0;
  for (size_t i = 0; i < hidden_count; ++i)
    if (rows.has(static_cast<hidden>(i))) present |= static_cast<uint8_t>(1u << i);
  append_fixed(out, present);
  for (const column_ptr& each : rows.columns()) append_column(out, *each);
  for (size_t i = 0; i < hidden_count; ++i)
    if (const column_ptr& each = rows.hidden_column(static_cast<hidden>(i))) append_column(out, *each);
  const uint64_t length = out.size() - body;
  std::memcpy(out.data() + body - sizeof length, &length, sizeof length);
}

result<batch> read_batch(std::string_view& bytes, buffer_ptr owner) {
  byte_reader frame(bytes);
  const auto found_magic = frame.fixed<uint32_t>();
  const auto version = frame.fixed<uint32_t>();
  const auto length = frame.fixed<uint64_t>();
  if (!frame.ok()) return corrupt("it ends within its header");
  if (found_magic != magic) return corrupt("it does not start with SYSB");
  if (version != wire_version) {
    return fail(error_code::incompatible, "a batch has wire layout version " + std::to_string(version) +
                                              "; this build reads version " + std::to_string(wire_version));
  }
  const std::string_view body = frame.take(length);
  if (!frame.ok()) return corrupt("it is shorter than its header says");

  byte_reader reader(body);
  const size_t rows = reader.fixed<uint32_t>();
  const size_t column_count = reader.fixed<uint32_t>();
  const auto present = reader.fixed<uint8_t>();
  if (!reader.ok() || column_count > most_columns || present >> hidden_count) return corrupt("bad header");
  std::vector<column_ptr> columns;
  columns.reserve(std::min(column_count, reader.remaining() / 4));
  for (size_t i = 0; i < column_count; ++i) {
    SYSTOLE_ASSIGN(column_ptr made, read_column(reader, rows, owner));
    columns.push_back(std::move(made));
  }
  batch made(rows, std::move(columns));
  for (size_t i = 0; i < hidden_count; ++i) {
    if (!(present >> i & 1)) continue;
    SYSTOLE_ASSIGN(column_ptr values, read_column(reader, rows, owner));
    if (values->type() != hidden_types[i]) return corrupt("bad type of a hidden column");
    made.set_hidden(static_cast<hidden>(i), std::move(values));
  }
  if (!reader.at_end()) return corrupt("bytes are left over");
  bytes.remove_prefix(16 + body.size());
  return made;
}

}  // namespace systole
