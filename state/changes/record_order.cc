#include "state/changes/record_order.h"

#include <algorithm>
#include <cstring>

namespace systole {
namespace {

template <class T>
void append_big_endian(std::string& out, T value) {
  for (int shift = (sizeof(T) - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

template <class T>
T read_big_endian(std::string_view bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value << 8 | static_cast<unsigned char>(bytes[i]));
  return value;
}

uint64_t first_eight(std::string_view key) {
  unsigned char bytes[8] = {};
  if (!key.empty()) std::memcpy(bytes, key.data(), std::min<size_t>(key.size(), 8));
  uint64_t value = 0;
  std::memcpy(&value, bytes, 8);
  return __builtin_bswap64(value);
}

/// Flips the sign bit, so that unsigned order is the times' order.
uint64_t ordered_time(int64_t time) { return static_cast<uint64_t>(time) ^ uint64_t{1} << 63; }

}  // namespace

int compare_records(table_kind kind, const delta_record& a, const delta_record& b) {
  switch (kind) {
    case table_kind::map:
      if (a.key.size() != b.key.size()) return a.key.size() < b.key.size() ? -1 : 1;
      if (const int keys = a.key.compare(b.key); keys != 0) return keys;
      return a.subkey.compare(b.subkey);
    case table_kind::timers:
      if (a.time != b.time) return a.time < b.time ? -1 : 1;
      return a.key.compare(b.key);
    default:
      return a.key.compare(b.key);
  }
}

uint64_t order_prefix(table_kind kind, const delta_record& record) {
  switch (kind) {
    case table_kind::map: return uint64_t{record.key.size()} << 48 | first_eight(record.key) >> 16;
    case table_kind::timers: return ordered_time(record.time);
    default: return first_eight(record.key);
  }
}

void append_state_key_prefix(std::string& out, uint16_t group, uint32_t table) {
  append_big_endian(out, group);
  append_big_endian(out, table);
}

void append_state_key(std::string& out, uint16_t group, const table_shape& table, const delta_record& record) {
  append_state_key_prefix(out, group, table.number);
  if (table.kind == table_kind::timers) append_big_endian(out, ordered_time(record.time));
  if (table.kind == table_kind::map) append_big_endian(out, static_cast<uint16_t>(record.key.size()));
  out.append(record.key);
  if (table.kind == table_kind::map) out.append(record.subkey);
}

bool read_state_key(std::string_view bytes, table_kind kind, uint16_t& group, uint32_t& table, delta_record& record) {
  if (bytes.size() < state_key_prefix_bytes) return false;
  group = read_big_endian<uint16_t>(bytes);
  table = read_big_endian<uint32_t>(bytes.substr(2));
  bytes.remove_prefix(state_key_prefix_bytes);
  if (kind == table_kind::map) {
    if (bytes.size() < 2) return false;
    const size_t length = read_big_endian<uint16_t>(bytes);
    if (bytes.size() - 2 < length) return false;
    record.key = bytes.substr(2, length);
    record.subkey = bytes.substr(2 + length);
    return true;
  }
  if (kind == table_kind::timers) {
    if (bytes.size() < 8) return false;
    record.time = static_cast<int64_t>(read_big_endian<uint64_t>(bytes) ^ uint64_t{1} << 63);
    bytes.remove_prefix(8);
  }
  record.key = bytes;
  return true;
}

}  // namespace systole
