#pragma once

#include <cstdint>
#include <limits>

namespace systole {

/// PostgreSQL's ranges: 4714-11-24 BC up to the year 294246 for timestamps (PostgreSQL counts from 2000 and so reaches
/// 294276), 5874897 for dates.
inline constexpr int64_t timestamp_first = -210'866'803'200'000'000;
inline constexpr int64_t timestamp_end = std::numeric_limits<int64_t>::max();
inline constexpr int32_t date_first = -2'440'588;
inline constexpr int32_t date_end = 2'145'042'906;
constexpr bool is_timestamp(int64_t micros) { return micros >= timestamp_first && micros < timestamp_end; }
constexpr bool is_date(int64_t days) { return days >= date_first && days < date_end; }

}  // namespace systole
