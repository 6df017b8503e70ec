#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/key_encoding.h"
#include "state/changes/delta_format.h"

namespace systole {

/// The order of records in sorted segments and the bytes of RocksDB keys (docs/format/state_keys.md): key group, table, then
/// values: key; maps: key length, key, subkey; timers: time, key.

/// What follows group and table compares like this; < 0, 0 or > 0.
int compare_records(table_kind kind, const delta_record& a, const delta_record& b);

/// The first eight bytes of that order: unequal prefixes order the records, equal ones tell nothing.
uint64_t order_prefix(table_kind kind, const delta_record& record);

/// Appends [group: 2 bytes BE][table: 4 bytes BE][rest], which memcmp orders the same way.
void append_state_key(std::string& out, uint16_t group, const table_shape& table, const delta_record& record);
inline constexpr size_t state_key_prefix_bytes = 6;
void append_state_key_prefix(std::string& out, uint16_t group, uint32_t table);
/// Reads what append_state_key wrote into key, subkey and time; false where it is malformed.
bool read_state_key(std::string_view bytes, table_kind kind, uint16_t& group, uint32_t& table, delta_record& record);

}  // namespace systole
