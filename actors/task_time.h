#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace systole {

/// Where a task's time goes: told at its changes, so that a task that works on and on reads no clock for it. The task's
/// thread writes, any thread reads; a reading is of one moment (a sequence lock: the writer never waits).
class task_time {
 public:
  enum class state : uint8_t {
    idle,     ///< nothing to do
    working,  ///< what it can do now is being done, waiting for the processor included
    held,     ///< it has something to do and may not: no credit downstream, or a sink's outbox is full
  };

  state current() const { return static_cast<state>(state_.load(std::memory_order_relaxed)); }

  /// Task's thread. `now`: the clock's monotonic().
  void enter(state next, std::chrono::nanoseconds now) {
    constexpr auto relaxed = std::memory_order_relaxed;
    const uint32_t version = version_.load(relaxed);
    version_.store(version + 1, relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    const int64_t since = since_ns_.load(relaxed);
    const state before = current();
    if (before == state::working) working_ns_.store(working_ns_.load(relaxed) + now.count() - since, relaxed);
    if (before == state::held) held_ns_.store(held_ns_.load(relaxed) + now.count() - since, relaxed);
    since_ns_.store(now.count(), relaxed);
    state_.store(static_cast<uint8_t>(next), relaxed);
    version_.store(version + 2, std::memory_order_release);
  }

  struct reading {
    std::chrono::nanoseconds working{0};
    std::chrono::nanoseconds held{0};
  };
  /// Up to `now`. Any thread.
  reading read(std::chrono::nanoseconds now) const {
    constexpr auto relaxed = std::memory_order_relaxed;
    while (true) {
      const uint32_t version = version_.load(std::memory_order_acquire);
      reading made{std::chrono::nanoseconds(working_ns_.load(relaxed)), std::chrono::nanoseconds(held_ns_.load(relaxed))};
      const state is = current();
      const std::chrono::nanoseconds since(since_ns_.load(relaxed));
      std::atomic_thread_fence(std::memory_order_acquire);
      if (version % 2 != 0 || version_.load(relaxed) != version) continue;
      if (is == state::working && now > since) made.working += now - since;
      if (is == state::held && now > since) made.held += now - since;
      return made;
    }
  }

 private:
  std::atomic<uint32_t> version_{0};  ///< odd while it is written
  std::atomic<uint8_t> state_{static_cast<uint8_t>(state::idle)};
  std::atomic<int64_t> since_ns_{0};
  std::atomic<int64_t> working_ns_{0};
  std::atomic<int64_t> held_ns_{0};
};

}  // namespace systole
