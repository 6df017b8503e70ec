#include "connectors/postgres/postgres_binary.h"

#include <array>
#include <bit>
#include <cstring>

#include "data/calendar.h"
#include "data/decimal.h"
#include "formats/utf8_check.h"

namespace systole {
namespace {

constexpr std::string_view signature("PGCOPY\n\377\r\n\0", 11);
/// PostgreSQL counts from 2000-01-01.
constexpr int32_t epoch_days = 10'957;
constexpr int64_t epoch_us = epoch_days * micros_per_day;
/// Julian day 0, 4714-11-24 BC: the first day of PostgreSQL's times.
constexpr int64_t first_day = -2'440'588;
constexpr uint32_t null_length = 0xffffffff;
constexpr uint16_t numeric_negative = 0x4000;
constexpr int digits_per_group = 4;
constexpr int64_t group_base = 10'000;

template <class T>
T swapped(T value) {
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  else if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  else return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
}
template <class T>
char* write(char* at, T value) {
  value = swapped(value);
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}
template <class T>
T read(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return swapped(value);
}

/// The most a value takes that is not a text: a NUMERIC of 38 digits, its head, and the length.
constexpr size_t widest_fixed = 64;

/// numeric_send's form: groups of four digits, the weight of the first, sign, and the scale to show.
char* write_numeric(char* at, decimal value) {
  const bool negative = value.unscaled < 0;
  uint128 rest = negative ? -static_cast<uint128>(value.unscaled) : static_cast<uint128>(value.unscaled);
  std::array<int16_t, 12> groups;  // the last first
  size_t count = 0;
  int places = value.scale;        // digits behind the point not yet taken
  const auto take = [&](int64_t base) {
    int64_t low;
    if (rest <= UINT64_MAX) {
      const auto small = static_cast<uint64_t>(rest);
      low = static_cast<int64_t>(small % static_cast<uint64_t>(base));
      rest = small / static_cast<uint64_t>(base);
    } else {
      low = static_cast<int64_t>(rest % static_cast<uint128>(base));
      rest /= static_cast<uint128>(base);
    }
    return low;
  };
  if (const int odd = places % digits_per_group; odd != 0) {
    static constexpr int64_t power[] = {1, 10, 100, 1000};
    groups[count++] = static_cast<int16_t>(take(power[odd]) * power[digits_per_group - odd]);
    places -= odd;
  }
  int behind = static_cast<int>(count) + places / digits_per_group;  // groups behind the point
  while (rest != 0) groups[count++] = static_cast<int16_t>(take(group_base));
  int weight = static_cast<int>(count) - behind - 1;
  while (count > 0 && groups[count - 1] == 0) --count, --weight;
  size_t first = 0;
  while (first < count && groups[first] == 0) ++first;
  if (count == first) weight = 0;
  char* const length_at = at;
  at = write<uint32_t>(at, 0);
  at = write<int16_t>(at, static_cast<int16_t>(count - first));
  at = write<int16_t>(at, static_cast<int16_t>(weight));
  at = write<uint16_t>(at, negative ? numeric_negative : 0);
  at = write<uint16_t>(at, value.scale);
  for (size_t i = count; i > first; --i) at = write<int16_t>(at, groups[i - 1]);
  write<uint32_t>(length_at, static_cast<uint32_t>(at - length_at - 4));
  return at;
}

decimal decimal_of(const column& values, size_t row) {
  switch (values.type().id) {
    case type_id::int32: return {values.values<int32_t>()[row], 0};
    case type_id::int64: return {values.values<int64_t>()[row], 0};
    default: return {values.values<int128>()[row], values.scale(row)};
  }
}

int64_t postgres_time(timestamp_us value) {
  // Where this would overflow the server is to refuse it, not to read another time: INT64_MIN + 1 is out of its range.
  return value < INT64_MIN + epoch_us + 1 ? INT64_MIN + 1 : value - epoch_us;
}

char* write_value(char* at, const column& values, postgres_wire wire, size_t row) {
  switch (wire) {
    case postgres_wire::boolean: {
      at = write<uint32_t>(at, 1);
      *at = static_cast<char>(values.values<uint8_t>()[row]);
      return at + 1;
    }
    case postgres_wire::int4: return write<int32_t>(write<uint32_t>(at, 4), values.values<int32_t>()[row]);
    case postgres_wire::int8:
      return write<int64_t>(write<uint32_t>(at, 8), values.type().id == type_id::int32 ? values.values<int32_t>()[row]
                                                                                      : values.values<int64_t>()[row]);
    case postgres_wire::float8:
      return write<uint64_t>(write<uint32_t>(at, 8), std::bit_cast<uint64_t>(values.values<double>()[row]));
    case postgres_wire::numeric: return write_numeric(at, decimal_of(values, row));
    case postgres_wire::text:
    case postgres_wire::bytea: {
      const text_view& text = values.values<text_view>()[row];
      at = write<uint32_t>(at, static_cast<uint32_t>(text.size()));
      std::memcpy(at, text.data(), text.size());
      return at + text.size();
    }
    case postgres_wire::date: {
      const int64_t days = static_cast<int64_t>(values.values<int32_t>()[row]) - epoch_days;
      return write<int32_t>(write<uint32_t>(at, 4), days < INT32_MIN + 1 ? INT32_MIN + 1 : static_cast<int32_t>(days));
    }
    case postgres_wire::timestamptz:
      return write<int64_t>(write<uint32_t>(at, 8), postgres_time(values.values<int64_t>()[row]));
    case postgres_wire::interval: {
      const interval_value& value = values.values<interval_value>()[row];
      at = write<int64_t>(write<uint32_t>(at, 16), value.micros);
      return write<int32_t>(write<int32_t>(at, value.days), value.months);
    }
  }
  return at;
}

bool is_textual(postgres_wire wire) { return wire == postgres_wire::text || wire == postgres_wire::bytea; }

}  // namespace

void postgres_encoder::append_header(std::string& out) const {
  out.append(signature);
  out.append(8, '\0');  // flags, no extension
}

void postgres_encoder::append_trailer(std::string& out) const { out.append(2, '\377'); }

void postgres_encoder::append_rows(std::string& out, const batch& rows, size_t from, size_t to, int32_t first_number) const {
  const size_t columns = wires_.size();
  std::vector<const column*> texts;
  for (size_t c = 0; c < columns; ++c)
    if (is_textual(wires_[c])) texts.push_back(&rows.at(c));
  const size_t fixed = 2 + 8 + widest_fixed * columns;
  for (size_t row = from; row < to; ++row) {
    size_t most = fixed;
    for (const column* each : texts)
      if (each->is_valid(row)) most += each->values<text_view>()[row].size();
    const size_t before = out.size();
    if (out.capacity() < before + most) out.reserve(std::max(out.capacity() * 2, before + most));
    out.resize(before + most);
    char* at = out.data() + before;
    at = write<int16_t>(at, static_cast<int16_t>(columns + (numbered_ ? 1 : 0)));
    if (numbered_) at = write<int32_t>(write<uint32_t>(at, 4), first_number + static_cast<int32_t>(row - from));
    for (size_t c = 0; c < columns; ++c) {
      const column& values = rows.at(c);
      at = values.is_null(row) ? write<uint32_t>(at, null_length) : write_value(at, values, wires_[c], row);
    }
    out.resize(static_cast<size_t>(at - out.data()));
  }
}

std::vector<unreadable_value> find_unreadable(const batch& rows, std::span<const postgres_wire> wires) {
  std::vector<unreadable_value> found;
  for (size_t c = 0; c < wires.size(); ++c) {
    const column& values = rows.at(c);
    for (size_t row = 0; row < rows.rows(); ++row) {
      if (values.is_null(row)) continue;
      if (wires[c] == postgres_wire::text) {
        const std::string_view text = values.text(row);
        if (!is_text(text)) found.push_back({row, c, "22021"});
      } else if (wires[c] == postgres_wire::timestamptz && values.values<int64_t>()[row] / micros_per_day < first_day) {
        found.push_back({row, c, "22008"});
      } else if (wires[c] == postgres_wire::date && values.values<int32_t>()[row] < first_day) {
        found.push_back({row, c, "22008"});
      }
    }
  }
  return found;
}

postgres_decoder::postgres_decoder(schema columns, size_t batch_rows) : columns_(std::move(columns)), batch_rows_(batch_rows) {
  begin();
}

void postgres_decoder::begin() {
  building_.clear();
  for (const field& each : columns_.fields) building_.emplace_back(each.type, batch_rows_);
  rows_ = 0;
}

result<void> postgres_decoder::add(std::string_view bytes) {
  const failure broken = fail(error_code::corrupt, "PostgreSQL's COPY is not in the binary format that is known");
  if (!pending_.empty()) {
    pending_.append(bytes);
    bytes = pending_;
  }
  if (!header_read_) {
    constexpr size_t head = signature.size() + 8;
    if (bytes.size() < head) {
      if (pending_.empty()) pending_ = bytes;
      return {};
    }
    if (!bytes.starts_with(signature) || read<uint32_t>(bytes.data() + signature.size() + 4) != 0) return broken;
    header_read_ = true;
    bytes.remove_prefix(head);
  }
  while (!bytes.empty() && !ended_) {
    SYSTOLE_ASSIGN(const size_t used, add_row(bytes));
    if (used == 0) break;
    bytes.remove_prefix(used);
  }
  pending_ = std::string(bytes);
  return {};
}

/// Reads one row if all of it is there: its length, or 0.
result<size_t> postgres_decoder::add_row(std::string_view bytes) {
  if (bytes.size() < 2) return size_t(0);
  const auto fields = read<int16_t>(bytes.data());
  if (fields < 0) {
    ended_ = true;
    return size_t(2);
  }
  if (static_cast<size_t>(fields) != columns_.fields.size())
    return fail(error_code::corrupt, "PostgreSQL's COPY has another number of columns than was asked for");
  size_t at = 2;
  for (int16_t i = 0; i < fields; ++i) {
    if (bytes.size() - at < 4) return size_t(0);
    const auto length = read<uint32_t>(bytes.data() + at);
    at += 4;
    if (length == null_length) continue;
    if (bytes.size() - at < length) return size_t(0);
    at += length;
  }
  if (rows_ == batch_rows_) return fail(error_code::internal, "a batch of PostgreSQL's rows was not taken");
  const size_t whole = at;
  at = 2;
  for (size_t c = 0; c < columns_.fields.size(); ++c) {
    const auto length = read<uint32_t>(bytes.data() + at);
    at += 4;
    if (length == null_length) {
      building_[c].append_null();
      continue;
    }
    SYSTOLE_TRY(add_value(c, bytes.substr(at, length)));
    at += length;
  }
  ++rows_;
  return whole;
}

namespace {

/// A numeric_send value; nothing where it does not fit 38 digits, is NaN or infinite.
std::optional<decimal> read_numeric(std::string_view bytes) {
  if (bytes.size() < 8) return std::nullopt;
  const auto groups = read<uint16_t>(bytes.data());
  const auto weight = read<int16_t>(bytes.data() + 2);
  const auto sign = read<uint16_t>(bytes.data() + 4);
  const auto scale = read<uint16_t>(bytes.data() + 6);
  if ((sign != 0 && sign != numeric_negative) || scale > 38 || bytes.size() != 8 + size_t{2} * groups) return std::nullopt;
  // The digits up to the scale: those of the last group that are behind it are zeros.
  int128 value = 0;
  const int last = -((scale + digits_per_group - 1) / digits_per_group);  // the power of 10^4 of the last group
  for (int power = weight; power >= last; --power) {
    const int index = weight - power;
    int64_t group = index < groups ? read<int16_t>(bytes.data() + 8 + 2 * index) : 0;
    int digits = digits_per_group;
    if (power == last && scale % digits_per_group != 0) {
      static constexpr int64_t cut[] = {1, 1000, 100, 10};
      group /= cut[scale % digits_per_group];
      digits = scale % digits_per_group;
    }
    static constexpr int64_t shift[] = {1, 10, 100, 1000, 10000};
    if (value > power_of_ten(38 - digits)) return std::nullopt;
    value = value * shift[digits] + group;
    if (!fits_digits(value, 38)) return std::nullopt;
  }
  return decimal{sign == numeric_negative ? -value : value, static_cast<uint8_t>(scale)};
}

}  // namespace

result<void> postgres_decoder::add_value(size_t index, std::string_view bytes) {
  column_builder& into = building_[index];
  const field& of = columns_.fields[index];
  const auto wrong = [&](const char* sqlstate) {
    return fail(error_code::data, "column " + of.name + " has a value that " + to_string(of.type) + " does not hold", sqlstate);
  };
  const size_t width = of.type.id == type_id::boolean ? 1 : of.type.id == type_id::interval ? 16 : value_width(of.type.id);
  const bool is_fixed = !of.type.is_text_like() && of.type.id != type_id::numeric;
  if (is_fixed && bytes.size() != width) return fail(error_code::corrupt, "PostgreSQL's COPY has a value of an unknown form: column " + of.name);
  switch (of.type.id) {
    case type_id::boolean: into.append<uint8_t>(bytes[0] != 0); break;
    case type_id::int32: into.append<int32_t>(read<int32_t>(bytes.data())); break;
    case type_id::int64: into.append<int64_t>(read<int64_t>(bytes.data())); break;
    case type_id::float64: into.append<double>(std::bit_cast<double>(read<uint64_t>(bytes.data()))); break;
    case type_id::numeric: {
      const std::optional<decimal> value = read_numeric(bytes);
      if (!value) return wrong("22003");
      if (of.type.precision == 0) {
        into.append_numeric(value->unscaled, value->scale);
        break;
      }
      const auto fitted = fit(*value, of.type.precision, of.type.scale);
      if (!fitted) return wrong("22003");
      into.append_numeric(fitted->unscaled, fitted->scale);
      break;
    }
    case type_id::date: {
      const auto days = read<int32_t>(bytes.data());
      // The two ends are infinities, which have no place here.
      if (days == INT32_MIN || days > INT32_MAX - epoch_days) return wrong("22008");
      into.append<int32_t>(days + epoch_days);
      break;
    }
    case type_id::timestamptz: {
      const auto time = read<int64_t>(bytes.data());
      if (time == INT64_MIN || time > INT64_MAX - epoch_us) return wrong("22008");
      into.append<int64_t>(time + epoch_us);
      break;
    }
    case type_id::interval:
      into.append<interval_value>({read<int32_t>(bytes.data() + 12), read<int32_t>(bytes.data() + 8), read<int64_t>(bytes.data())});
      break;
    default: into.append_text_copy(bytes); break;
  }
  return {};
}

batch postgres_decoder::take(bool rest) {
  if (rows_ == 0 || (!rest && rows_ < batch_rows_)) return batch(0, {});
  const size_t rows = rows_;
  std::vector<column_ptr> columns;
  for (column_builder& each : building_) columns.push_back(each.finish());
  begin();
  return batch(rows, std::move(columns));
}

}  // namespace systole
