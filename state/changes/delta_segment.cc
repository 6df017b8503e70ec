#include "state/changes/delta_segment.h"

namespace systole {

void delta_segment::push(delta_chunk chunk, bool unbounded) {
  std::unique_lock lock(queue_mutex_);
  if (!unbounded) taken_.wait(lock, [&] { return queue_.size() < limits::delta_chunks_buffered; });
  waiting_bytes_ += chunk.bytes.capacity();
  queue_.push_back(std::move(chunk));
}

bool delta_segment::take(delta_chunk& chunk) {
  const std::lock_guard lock(queue_mutex_);
  if (queue_.empty()) return false;
  chunk = std::move(queue_.front());
  queue_.pop_front();
  waiting_bytes_ -= chunk.bytes.capacity();
  taken_.notify_one();
  return true;
}

void delta_segment::drain() {
  const std::lock_guard lock(writer_mutex_);
  for (delta_chunk chunk; take(chunk);) {
    any_ = true;
    if (failed_) continue;  // seal() returns the failure; the rest is worthless and must not fill the memory
    if (auto written = writer_.append_chunk(chunk.table, chunk.records, chunk.bytes); !written) {
      failed_ = std::move(written).error();
    }
  }
}

result<std::optional<sealed_segment>> delta_segment::seal(epoch_id epoch) {
  drain();
  const std::lock_guard lock(writer_mutex_);
  if (failed_) return *failed_;
  if (!any_) return std::optional<sealed_segment>();
  SYSTOLE_ASSIGN(sealed_segment sealed, writer_.seal(epoch));
  return std::optional<sealed_segment>(std::move(sealed));
}

size_t delta_segment::waiting_bytes() const {
  const std::lock_guard lock(queue_mutex_);
  return waiting_bytes_;
}

}  // namespace systole
