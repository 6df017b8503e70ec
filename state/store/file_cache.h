#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/file_system.h"
#include "base/result.h"

namespace systole {

/// Local copies of immutable files that are kept elsewhere, under their names in one directory. Past a limit of bytes
/// those that were not asked for longest go, but never the newest `in_use`: somebody may be about to open them. What
/// was there when the cache was opened is `unknown` until somebody says that it is sound. Thread-safe.
class file_cache {
 public:
  file_cache(file_system& files, std::string directory, uint64_t limit_bytes, size_t in_use);

  /// Makes the directory, and takes in what is there.
  result<void> open();

  struct found {
    std::string path;
    bool known_sound = false;
  };
  std::optional<found> find(const std::string& name);
  /// Where a file that is being fetched is written, apart from all others'.
  std::string path_for_new();
  /// Takes in a file from path_for_new(), or any other by a link (which may fail: then it is not cached).
  result<std::string> take(const std::string& new_path, const std::string& name, uint64_t bytes);
  bool link(const std::string& local_path, const std::string& name, uint64_t bytes);
  void mark_sound(const std::string& name);
  void forget(const std::string& name);
  uint64_t bytes() const;

 private:
  struct entry {
    std::string name;
    uint64_t bytes = 0;
    bool known_sound = false;
  };
  std::string path_of(const std::string& name) const { return directory_ + "/" + name; }
  void add_locked(const std::string& name, uint64_t bytes, bool known_sound);
  void remove_locked(const std::string& name);
  void shrink_locked();

  file_system& files_;
  std::string directory_;
  uint64_t limit_bytes_;
  size_t in_use_;
  mutable std::mutex mutex_;
  std::list<entry> entries_;  ///< newest first
  std::unordered_map<std::string, std::list<entry>::iterator> by_name_;
  uint64_t bytes_ = 0;
  uint64_t next_new_ = 0;
};

}  // namespace systole
