#pragma once

#include <atomic>
#include <functional>
#include <utility>

namespace systole {

/// Wakes the reader that sleeps, once per sleep: the threads that fetch and that find partitions call it.
class kafka_alarm {
 public:
  void set(std::function<void()> wake) { wake_ = std::move(wake); }
  /// To be called before the last look at the queues.
  void arm() { armed_.store(true); }
  void disarm() { armed_.store(false); }
  void ring() {
    if (armed_.exchange(false) && wake_) wake_();
  }

 private:
  std::function<void()> wake_;  ///< set before the first partition starts
  std::atomic<bool> armed_{false};
};

}  // namespace systole
