#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace systole {

/// The offsets of one time zone over time. Immutable, thread-safe.
class zone_rule {
 public:
  virtual ~zone_rule() = default;
  /// UTC to the clock on the wall; both in microseconds.
  virtual int64_t to_local(int64_t utc) const = 0;
  /// The wall's clock to UTC. In the gap in spring the offset before it counts, in the doubled hour in autumn the one
  /// after it, as in PostgreSQL.
  virtual int64_t to_utc(int64_t local) const = 0;
};

/// A zone by its name in the operating system's time zone data ("Europe/Berlin"), "UTC", or POSIX-like as PostgreSQL
/// reads texts: '+02' is *west* of Greenwich, 'EST5' likewise. nullptr for an unknown one. Cached.
std::shared_ptr<const zone_rule> find_zone(std::string_view name);
/// A fixed offset, east positive.
std::shared_ptr<const zone_rule> fixed_zone(int64_t offset_micros);

}  // namespace systole
