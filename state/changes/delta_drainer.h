#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "state/changes/delta_segment.h"

namespace systole {

/// A thread that writes delta chunks between barriers. Started by the first full chunk, so that a small job has none.
/// wake() is called by the task's thread.
class delta_drainer {
 public:
  delta_drainer() = default;
  ~delta_drainer();
  delta_drainer(const delta_drainer&) = delete;
  delta_drainer& operator=(const delta_drainer&) = delete;

  /// Has what is in the segment written soon.
  void wake(std::shared_ptr<delta_segment> segment);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable woken_;
  std::deque<std::shared_ptr<delta_segment>> waiting_;  ///< at most one entry per pushed chunk, and chunks are bounded
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace systole
