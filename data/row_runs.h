#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace systole {

/// Rows that lie one behind the other.
struct row_run {
  uint32_t first = 0, count = 0;
};

/// The runs of `rows`, in their order; empty where they are so short that copying row by row is faster (a filter that lets few
/// rows through, an order that a sort has made).
std::vector<row_run> runs_of(std::span<const uint32_t> rows);

/// Copies `count` bits from bit `from_at` of `from` over those from bit `into_at` of `into` on. The ranges do not overlap.
void copy_bits(const uint64_t* from, size_t from_at, uint64_t* into, size_t into_at, size_t count);

}  // namespace systole
