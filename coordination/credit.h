#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>

namespace systole {

/// A channel's byte budget as its sender sees it. A frame may be sent while has_credit(); the last one may be larger
/// than what is left, so that outstanding bytes stay under the budget plus one frame. Pure; one thread.
class credit_sender {
 public:
  explicit credit_sender(uint64_t budget_bytes) : available_(static_cast<int64_t>(budget_bytes)) {}
  bool has_credit() const { return available_ > 0; }
  void spend(uint64_t bytes) {
    assert(has_credit());
    available_ -= static_cast<int64_t>(bytes);
  }
  void grant(uint64_t bytes) { available_ += static_cast<int64_t>(bytes); }
  int64_t available() const { return available_; }

 private:
  int64_t available_;
};

/// The receiver's side: gives back what was consumed, not in smaller pieces than worth a message, but at once when the
/// sender could be waiting for it. Pure; one thread.
class credit_receiver {
 public:
  credit_receiver(uint64_t budget_bytes, uint64_t least_grant_bytes)
      : budget_(budget_bytes), least_grant_(std::min(least_grant_bytes, std::max<uint64_t>(budget_bytes / 2, 1))) {}
  void on_received(uint64_t bytes) { outstanding_ += bytes; }
  /// Returns the bytes to grant now; 0 for none.
  uint64_t on_consumed(uint64_t bytes) {
    assert(bytes + consumed_ <= outstanding_);
    consumed_ += bytes;
    // All of what the sender may have spent: it may be out of credit with less than the least grant missing.
    if (consumed_ < least_grant_ && outstanding_ < budget_) return 0;
    outstanding_ -= consumed_;
    const uint64_t grant = consumed_;
    consumed_ = 0;
    return grant;
  }
  /// Bytes received and not yet granted back: at most the budget and one frame.
  uint64_t outstanding() const { return outstanding_; }

 private:
  uint64_t budget_;
  uint64_t least_grant_;
  uint64_t outstanding_ = 0;
  uint64_t consumed_ = 0;
};

}  // namespace systole
