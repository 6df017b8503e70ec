#include "connectors/split_alignment.h"

#include <algorithm>

#include "data/batch.h"

namespace systole {

void split_alignment::tell(size_t reader, timestamp_us slowest) {
  const std::lock_guard lock(mutex_);
  here_[reader] = slowest;
}

void split_alignment::hear(std::string_view who, timestamp_us slowest) {
  const std::lock_guard lock(mutex_);
  elsewhere_.insert_or_assign(std::string(who), slowest);
}

timestamp_us split_alignment::slowest_reader() const {
  timestamp_us lowest = watermark_end;
  for (const auto& [reader, slowest] : here_) lowest = std::min(lowest, slowest);
  return lowest;
}

timestamp_us split_alignment::slowest_here() const {
  const std::lock_guard lock(mutex_);
  return slowest_reader();
}

timestamp_us split_alignment::slowest() const {
  const std::lock_guard lock(mutex_);
  timestamp_us lowest = slowest_reader();
  for (const auto& [who, slowest] : elsewhere_) lowest = std::min(lowest, slowest);
  return lowest;
}

}  // namespace systole
