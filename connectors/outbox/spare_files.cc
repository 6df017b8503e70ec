#include "connectors/outbox/spare_files.h"

#include <optional>
#include <utility>

namespace systole {

spare_files::~spare_files() {
  // What cannot be removed is left for the next attempt, which removes all files of this one.
  for (const spare& each : spares_) (void)files_.remove(each.path);
}

result<void> spare_files::give(const std::string& path, uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (spares_.size() < limit_) {
      spares_.push_back({path, bytes});
      bytes_ += bytes;
      return {};
    }
  }
  return files_.remove(path);
}

result<spare_files::file> spare_files::make(const std::string& path) {
  std::optional<spare> taken;
  {
    const std::lock_guard lock(mutex_);
    if (!spares_.empty()) {
      taken = std::move(spares_.back());  // what was given last is in memory most likely
      spares_.pop_back();
      bytes_ -= taken->bytes;
    }
  }
  if (taken) {
    const auto renamed = files_.rename(taken->path, path);
    if (renamed) {
      SYSTOLE_ASSIGN(auto opened, files_.overwrite(path));
      return file{std::move(opened), taken->bytes};
    }
    // Whoever has taken the sink over has removed what was left.
    if (renamed.error().code != error_code::not_found) return renamed.error();
  }
  SYSTOLE_ASSIGN(auto opened, files_.create(path));
  return file{std::move(opened), 0};
}

result<void> spare_files::keep_within(uint64_t bytes) {
  while (this->bytes() > bytes) {
    spare oldest;
    {
      const std::lock_guard lock(mutex_);
      if (spares_.empty()) return {};
      oldest = std::move(spares_.front());
      spares_.erase(spares_.begin());
      bytes_ -= oldest.bytes;
    }
    SYSTOLE_TRY(files_.remove(oldest.path));
  }
  return {};
}

}  // namespace systole
