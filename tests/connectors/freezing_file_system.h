#pragma once

#include <functional>
#include <string>
#include <utility>

#include "base/file_system.h"

namespace systole::testing {

/// Another file system, seen by a process that is frozen once: before its `at`th operation from the next on, `meanwhile`
/// happens.
class freezing_file_system final : public file_system {
 public:
  explicit freezing_file_system(file_system& files) : files_(files) {}
  void freeze(uint64_t at, std::function<void()> meanwhile) {
    left_ = at;
    meanwhile_ = std::move(meanwhile);
  }
  /// False where it has not come to the operation yet.
  bool was_frozen() const { return !meanwhile_; }

  result<std::unique_ptr<writable_file>> create(const std::string& path) override { return step().create(path); }
  result<std::unique_ptr<writable_file>> overwrite(const std::string& path) override { return step().overwrite(path); }
  result<std::unique_ptr<writable_file>> open_append(const std::string& path) override { return step().open_append(path); }
  result<std::unique_ptr<readable_file>> open(const std::string& path) override { return step().open(path); }
  result<std::string> read_all(const std::string& path, uint64_t limit) override { return step().read_all(path, limit); }
  result<bool> exists(const std::string& path) override { return step().exists(path); }
  result<std::vector<std::string>> list(const std::string& directory) override { return step().list(directory); }
  result<void> create_directories(const std::string& path) override { return step().create_directories(path); }
  result<void> rename(const std::string& from, const std::string& to) override { return step().rename(from, to); }
  result<void> rename_no_replace(const std::string& from, const std::string& to) override { return step().rename_no_replace(from, to); }
  result<void> link(const std::string& from, const std::string& to) override { return step().link(from, to); }
  result<void> remove(const std::string& path) override { return step().remove(path); }
  result<void> remove_all(const std::string& directory) override { return step().remove_all(directory); }
  result<void> sync_directory(const std::string& path) override { return step().sync_directory(path); }
  result<std::unique_ptr<file_lock>> lock(const std::string& path) override { return step().lock(path); }

 private:
  file_system& step() {
    if (meanwhile_ && left_-- == 0) std::exchange(meanwhile_, nullptr)();
    return files_;
  }
  file_system& files_;
  uint64_t left_ = 0;
  std::function<void()> meanwhile_;
};

}  // namespace systole::testing
