#include "data/row_runs.h"

#include <algorithm>

namespace systole {

std::vector<row_run> runs_of(std::span<const uint32_t> rows) {
  constexpr size_t least_mean = 8;
  std::vector<row_run> runs;
  const size_t most = rows.size() / least_mean;
  for (const uint32_t row : rows) {
    if (!runs.empty() && row == runs.back().first + runs.back().count) {
      ++runs.back().count;
      continue;
    }
    if (runs.size() == most) return {};
    runs.push_back({row, 1});
  }
  return runs;
}

void copy_bits(const uint64_t* from, size_t from_at, uint64_t* into, size_t into_at, size_t count) {
  while (count > 0) {
    const size_t shift = from_at % 64, place = into_at % 64;
    const size_t taken = std::min({count, 64 - shift, 64 - place});
    const uint64_t mask = (taken == 64 ? ~uint64_t{0} : (uint64_t{1} << taken) - 1) << place;
    const uint64_t bits = from[from_at / 64] >> shift << place;
    uint64_t& word = into[into_at / 64];
    word = (word & ~mask) | (bits & mask);
    from_at += taken;
    into_at += taken;
    count -= taken;
  }
}

}  // namespace systole
