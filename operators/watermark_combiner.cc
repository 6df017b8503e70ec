#include "operators/watermark_combiner.h"

#include <algorithm>
#include <cassert>

namespace systole {

bool watermark_combiner::update(size_t channel, timestamp_us watermark, bool idle) {
  assert(channel < channels_.size());
  channel_state& it = channels_[channel];
  if (it.what == state::ended) return false;
  it.watermark = std::max(it.watermark, watermark);
  if (idle) it.what = state::idle;
  else if (it.what != state::active) it.what = it.watermark >= combined_ ? state::active : state::catching_up;
  return recombine();
}

bool watermark_combiner::end(size_t channel) {
  assert(channel < channels_.size());
  channel_state& it = channels_[channel];
  if (it.what == state::ended) return false;
  it = {state::ended, watermark_end};
  ++ended_channels_;
  return recombine();
}

void watermark_combiner::restore(timestamp_us combined, const std::vector<timestamp_us>& watermarks,
                                 const std::vector<bool>& ended) {
  combined_ = combined;
  if (watermarks.size() != channels_.size() || ended.size() != channels_.size()) return;
  ended_channels_ = 0;
  for (size_t i = 0; i < channels_.size(); ++i) {
    channels_[i] = {ended[i] ? state::ended : state::active, watermarks[i]};
    ended_channels_ += ended[i];
  }
}

bool watermark_combiner::recombine() {
  timestamp_us lowest = watermark_end;
  bool any_active = false, any_silent = false, any_catching_up = false;
  for (const channel_state& it : channels_) {
    if (it.what == state::active) {
      any_active = true;
      lowest = std::min(lowest, it.watermark);
    } else if (it.what != state::ended) {
      any_silent = true;
      any_catching_up |= it.what == state::catching_up;
    }
  }
  const timestamp_us before = combined_;
  const bool was_idle = idle_;
  if (any_active || !any_silent) combined_ = std::max(combined_, lowest);
  idle_ = !any_active && any_silent && !any_catching_up;
  return combined_ != before || idle_ != was_idle;
}

}  // namespace systole
