#include "coordination/barrier_alignment.h"

#include <algorithm>
#include <cassert>

namespace systole {

void barrier_alignment::on_barrier(size_t channel, const barrier& what) {
  if (what.epoch <= closed_) return;
  if (current_ && what.epoch < current_->epoch) return;
  if (!current_ || what.epoch > current_->epoch) {
    release();
    current_ = what;
  }
  if (!aligns_ && what.kind == barrier_kind::checkpoint) {
    aligned_ = current_;
    return;
  }
  blocked_[channel] = true;
  check();
}

void barrier_alignment::on_end(size_t channel) {
  finished_[channel] = true;
  if (current_) check();
}

void barrier_alignment::on_abort(epoch_id epoch) {
  closed_ = std::max(closed_, epoch);
  if (current_ && current_->epoch <= epoch) release();
}

void barrier_alignment::taken() {
  assert(aligned_);
  closed_ = aligned_->epoch;
  release();
}

void barrier_alignment::release() {
  current_.reset();
  aligned_.reset();
  std::fill(blocked_.begin(), blocked_.end(), false);
}

void barrier_alignment::check() {
  for (size_t i = 0; i < blocked_.size(); ++i)
    if (!blocked_[i] && !finished_[i]) return;
  aligned_ = current_;
}

}  // namespace systole
