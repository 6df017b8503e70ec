#include "actors/sink_meter.h"

namespace systole {

void sink_meter::on_written(uint64_t rows, timestamp_us read_us) {
  open_.rows += rows;
  if (read_us == 0) return;
  if (at_once_) return into_.latency.observe(time_.now_us() - read_us);
  if (open_.batches++ % open_.stride != 0) return;
  if (open_.sampled == sampled_batches) {
    // Every second one stays: the sample is spread over the epoch, however long it gets.
    for (size_t i = 0; i < sampled_batches / 2; ++i) open_.read_us[i] = open_.read_us[2 * i];
    open_.sampled = sampled_batches / 2;
    open_.stride *= 2;
    if ((open_.batches - 1) % open_.stride != 0) return;
  }
  open_.read_us[open_.sampled++] = read_us;
}

void sink_meter::on_sealed(epoch_id epoch) {
  open_.epoch = epoch;
  if (sealed_.size() == most_epochs) {
    sealed_.back().rows += open_.rows;
    sealed_.back().epoch = epoch;
  } else {
    sealed_.push_back(open_);
  }
  open_ = {};
}

void sink_meter::on_committed(epoch_id epoch) {
  constexpr auto relaxed = std::memory_order_relaxed;
  if (sealed_.empty() || sealed_.front().epoch > epoch) return;
  const timestamp_us now = at_once_ ? 0 : time_.now_us();
  for (; !sealed_.empty() && sealed_.front().epoch <= epoch; sealed_.pop_front()) {
    const epoch_rows& published = sealed_.front();
    into_.committed.store(into_.committed.load(relaxed) + published.rows, relaxed);
    for (size_t i = 0; i < published.sampled; ++i) into_.latency.observe(now - published.read_us[i]);
  }
}

}  // namespace systole
