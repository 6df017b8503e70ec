#pragma once

#include <algorithm>
#include <cstdint>

namespace systole {

/// Keeps a task's outboxes within their limits. They are freed by commits only, so at half of a limit an epoch is asked
/// for, while the sources go on; near the limit the sources pause too. What they had sent by then is still taken, for
/// the barrier comes behind it: room for that, `on_the_way`, is left below the limit. Pure; one thread.
class outbox_gate {
 public:
  struct limits {
    uint64_t disk_bytes = 0;    ///< of the largest outbox, its memory included: that goes to disk with the barrier
    uint64_t memory_bytes = 0;  ///< of rows held back in memory
    uint64_t on_the_way = 0;    ///< what channels may hold in front of the sinks
  };
  struct change {
    bool ask = false;    ///< an epoch is wanted
    bool pause = false;  ///< stop the sources; no more credit until they are known to have stopped
    bool go_on = false;
  };

  explicit outbox_gate(const limits& with)
      : with_(with), pause_at_(with.disk_bytes - std::min(with.on_the_way, with.disk_bytes / 2)) {}

  /// Call after rows were written and after a commit, with what the outboxes hold.
  change on_bytes(uint64_t disk, uint64_t memory) {
    change made;
    const bool half = disk > with_.disk_bytes / 2 || memory > with_.memory_bytes / 2;
    // The barrier of an epoch under way has passed: what it sealed will be freed by its commit, or join the next.
    if (half && !asked_ && !sealed_) made.ask = asked_ = true;
    // From half on again, so that the sources do not stutter.
    const bool closed = closed_ ? half : disk >= pause_at_ || memory >= with_.memory_bytes;
    made.pause = closed && !closed_;
    made.go_on = closed_ && !closed;
    closed_ = closed;
    return made;
  }
  void on_sealed() {
    sealed_ = true;
    asked_ = false;
  }
  void on_committed() { sealed_ = asked_ = false; }
  bool closed() const { return closed_; }

 private:
  limits with_;
  uint64_t pause_at_;
  bool asked_ = false;
  bool sealed_ = false;  ///< an epoch of this task waits for its commit
  bool closed_ = false;
};

}  // namespace systole
