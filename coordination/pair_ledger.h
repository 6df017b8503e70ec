#pragma once

#include <cassert>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_set>

namespace systole {

/// Bytes that one process has under way to another, over all channels of all jobs: what its connection's unbounded
/// buffers may hold. Beside the credit of each channel: a channel's credit comes back when a task consumes, the pair's
/// when the frame arrives, whatever becomes of it there, so that a task that stands still holds up its own channels
/// only. Channels that find it used up wait in turn. The last frame may be larger than what is left. A new incarnation
/// of the peer needs a new ledger. Pure; one thread (the receiving end counts with credit_receiver).
class pair_ledger {
 public:
  using channel_key = uint64_t;  ///< the caller's: a channel of a job

  explicit pair_ledger(uint64_t budget_bytes) : budget_(budget_bytes) {}

  /// True where the channel may send one frame now; else it waits, and next() names it in its turn.
  bool may_send(channel_key channel) {
    if (outstanding_ < budget_ && waiting_.empty()) return true;
    if (known_.insert(channel).second) waiting_.push_back(channel);
    return false;
  }
  void spend(uint64_t bytes) { outstanding_ += bytes; }
  void on_arrived(uint64_t bytes) {
    assert(bytes <= outstanding_);
    outstanding_ -= bytes;
  }
  /// The channel whose turn it is, while there is room: it sends one frame (or has none any more), and the caller asks
  /// again. It waits anew, behind the others, with may_send().
  std::optional<channel_key> next() {
    if (outstanding_ >= budget_ || waiting_.empty()) return std::nullopt;
    const channel_key channel = waiting_.front();
    waiting_.pop_front();
    known_.erase(channel);
    return channel;
  }

  uint64_t outstanding() const { return outstanding_; }
  size_t waiting() const { return waiting_.size(); }

 private:
  uint64_t budget_;
  uint64_t outstanding_ = 0;
  std::deque<channel_key> waiting_;
  std::unordered_set<channel_key> known_;  ///< those that wait
};

}  // namespace systole
