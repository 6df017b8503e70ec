#include "state/changes/delta_drainer.h"

namespace systole {

delta_drainer::~delta_drainer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void delta_drainer::wake(std::shared_ptr<delta_segment> segment) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty() || waiting_.back() != segment) waiting_.push_back(std::move(segment));
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  woken_.notify_one();
}

void delta_drainer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    woken_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<delta_segment> segment = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    segment->drain();
    lock.lock();
  }
}

}  // namespace systole
