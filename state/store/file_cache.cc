#include "state/store/file_cache.h"

#include <utility>

#include "base/log.h"

namespace systole {

file_cache::file_cache(file_system& files, std::string directory, uint64_t limit_bytes, size_t in_use)
    : files_(files), directory_(std::move(directory)), limit_bytes_(limit_bytes), in_use_(in_use) {}

result<void> file_cache::open() {
  SYSTOLE_TRY(files_.create_directories(directory_));
  SYSTOLE_ASSIGN(const std::vector<std::string> names, files_.list(directory_));
  const std::lock_guard lock(mutex_);
  for (const std::string& name : names) {
    if (name.starts_with("new-")) {  // its fetching was cut off
      SYSTOLE_TRY(files_.remove(path_of(name)));
      continue;
    }
    SYSTOLE_ASSIGN(const std::unique_ptr<readable_file> file, files_.open(path_of(name)));
    SYSTOLE_ASSIGN(const uint64_t size, file->size());
    add_locked(name, size, false);
  }
  shrink_locked();
  return {};
}

std::optional<file_cache::found> file_cache::find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, it->second);
  return found{path_of(name), it->second->known_sound};
}

std::string file_cache::path_for_new() {
  const std::lock_guard lock(mutex_);
  return directory_ + "/new-" + std::to_string(next_new_++);
}

result<std::string> file_cache::take(const std::string& new_path, const std::string& name, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  SYSTOLE_TRY(files_.rename(new_path, path_of(name)));
  add_locked(name, bytes, true);
  shrink_locked();
  return path_of(name);
}

bool file_cache::link(const std::string& local_path, const std::string& name, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (by_name_.contains(name)) return true;
  if (!files_.link(local_path, path_of(name))) return false;
  add_locked(name, bytes, true);
  shrink_locked();
  return true;
}

void file_cache::mark_sound(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (const auto it = by_name_.find(name); it != by_name_.end()) it->second->known_sound = true;
}

void file_cache::forget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (by_name_.contains(name)) remove_locked(name);
}

uint64_t file_cache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void file_cache::add_locked(const std::string& name, uint64_t bytes, bool known_sound) {
  if (const auto it = by_name_.find(name); it != by_name_.end()) {
    bytes_ -= it->second->bytes;
    entries_.erase(it->second);
  }
  entries_.push_front({name, bytes, known_sound});
  by_name_[name] = entries_.begin();
  bytes_ += bytes;
}

void file_cache::remove_locked(const std::string& name) {
  const auto it = by_name_.find(name);
  // What stays on the disk is taken in again at the next opening, and then goes.
  if (auto removed = files_.remove(path_of(name)); !removed)
    log_line(log_level::warning, "checkpoint", "a cached file cannot be removed: " + removed.error().message);
  bytes_ -= it->second->bytes;
  entries_.erase(it->second);
  by_name_.erase(it);
}

void file_cache::shrink_locked() {
  while (bytes_ > limit_bytes_ && entries_.size() > in_use_) remove_locked(std::string(entries_.back().name));
}

}  // namespace systole
