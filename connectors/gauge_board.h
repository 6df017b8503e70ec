#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace systole {

/// The rows that one metrics sink shows; never changed once it is shown.
struct shown_gauges {
  std::string job;
  std::string step;
  std::vector<std::string> labels;  ///< names
  std::vector<std::string> values;  ///< names
  struct row {
    std::vector<std::string> labels;
    std::vector<std::optional<double>> values;  ///< none: NULL
  };
  std::vector<row> rows;
  bool full = false;  ///< rows were left out: the sink's limit
};

/// What the metrics sinks of a process show, for whoever exposes it. Thread-safe; locked once for an epoch of a sink and
/// once for a scrape.
class gauge_board {
 public:
  /// Replaces what `from` has shown.
  void show(const void* from, std::shared_ptr<const shown_gauges> what) {
    const std::lock_guard lock(mutex_);
    shown_[from] = std::move(what);
  }
  /// The sink is gone from this process.
  void clear(const void* from) {
    const std::lock_guard lock(mutex_);
    shown_.erase(from);
  }
  std::vector<std::shared_ptr<const shown_gauges>> read() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<const shown_gauges>> made;
    for (const auto& [from, what] : shown_) made.push_back(what);
    return made;
  }

 private:
  mutable std::mutex mutex_;
  std::map<const void*, std::shared_ptr<const shown_gauges>> shown_;
};

}  // namespace systole
