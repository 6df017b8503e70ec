#include "connectors/outbox/pending_syncs.h"

#include <utility>

namespace systole {

void pending_syncs::add(std::shared_ptr<writable_file> file) {
  const std::lock_guard lock(mutex_);
  added_.push_back({std::move(file), false});
}

void pending_syncs::add_ended(std::shared_ptr<writable_file> file) {
  const std::lock_guard lock(mutex_);
  added_.push_back({std::move(file), true});
}

result<bool> pending_syncs::sync_all() {
  {
    const std::lock_guard lock(mutex_);
    for (entry& each : added_) taken_.push_back(std::move(each));
    added_.clear();
  }
  const bool any = !taken_.empty();
  // In their order: a file that was added twice may be closed the second time.
  while (!taken_.empty()) {
    const entry& next = taken_.front();
    SYSTOLE_TRY(next.file->sync());
    if (!read_again_) next.file->forget_cached();
    if (next.ended) SYSTOLE_TRY(next.file->close());
    taken_.pop_front();
  }
  return any;
}

}  // namespace systole
