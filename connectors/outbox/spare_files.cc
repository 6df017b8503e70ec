#include "connectors/outbox/spare_files.h"

#include <optional>
#include <utility>

namespace systole {

spare_files::~spare_files() {
  // What cannot be removed is left for the next attempt, which removes all files of this one.
  for (const std::string& each : spares_) (void)files_.remove(each);
}

result<void> spare_files::give(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    if (spares_.size() < limit_) {
      spares_.push_back(path);
      return {};
    }
  }
  return files_.remove(path);
}

result<std::unique_ptr<writable_file>> spare_files::make(const std::string& path) {
  std::optional<std::string> taken;
  {
    const std::lock_guard lock(mutex_);
    if (!spares_.empty()) {
      taken = std::move(spares_.back());  // what was given last is in memory most likely
      spares_.pop_back();
    }
  }
  if (!taken) return files_.create(path);
  const auto renamed = files_.rename(*taken, path);
  if (renamed) return files_.overwrite(path);
  // Whoever has taken the sink over has removed what was left.
  if (renamed.error().code == error_code::not_found) return files_.create(path);
  return renamed.error();
}

}  // namespace systole
