#include "operators/time_to_live.h"

#include <algorithm>
#include <vector>

namespace systole {
namespace {

/// Keys of absent entries that one pass over a table collects before it erases them.
constexpr size_t purge_keys = size_t{1} << 18;

}  // namespace

result<void> time_to_live::purge(value_table& table) {
  const timestamp_us now = processing_time_ ? time_->now_us() : watermark_;
  if (!enabled() || now == watermark_none || now < next_purge_) return {};
  if (__builtin_add_overflow(now, std::max<int64_t>(ttl_us_ / 4, 1), &next_purge_)) next_purge_ = watermark_end;
  std::vector<std::string> keys;
  do {
    keys.clear();
    SYSTOLE_TRY(table.for_each([&](std::string_view key, std::string_view value) {
      timestamp_us written;
      std::memcpy(&written, value.data(), sizeof written);
      if (absent(written, now)) keys.emplace_back(key);
      return keys.size() < purge_keys;
    }));
    for (const std::string& key : keys) SYSTOLE_TRY(table.erase(key, hash_key(key)));
  } while (keys.size() == purge_keys);
  return {};
}

result<void> time_to_live::restore(std::string_view bytes) {
  if (bytes.size() != sizeof watermark_) return fail(error_code::corrupt, "a restored watermark does not have 8 bytes");
  timestamp_us watermark;
  std::memcpy(&watermark, bytes.data(), sizeof watermark);
  watermark_ = restored_ ? std::min(watermark_, watermark) : watermark;
  restored_ = true;
  return {};
}

std::string time_to_live::fingerprint() const {
  if (!enabled()) return "no ttl";
  return "ttl " + std::to_string(ttl_us_) + (processing_time_ ? " us processing time" : " us event time");
}

}  // namespace systole
