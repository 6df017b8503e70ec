#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace systole {

/// Gives read buffers and takes them back when their last reference is gone, wherever that happens, so that a source does
/// not ask the operating system for fresh pages with each megabyte. Thread-safe; buffers may outlive the pool.
class buffer_pool {
 public:
  buffer_pool() : returned_(std::make_shared<returned>()) {}

  /// A buffer of at least `bytes`, uninitialised.
  std::shared_ptr<char[]> take(size_t bytes) {
    std::unique_ptr<char[]> memory;
    {
      const std::lock_guard lock(returned_->mutex);
      if (!returned_->buffers.empty() && returned_->bytes == bytes) {
        memory = std::move(returned_->buffers.back());
        returned_->buffers.pop_back();
      }
    }
    if (!memory) memory.reset(new char[bytes]);
    return {memory.release(), [bytes, home = returned_](char* each) { give_back(*home, each, bytes); }};
  }

 private:
  static constexpr size_t kept_buffers = 4;
  struct returned {
    std::mutex mutex;
    size_t bytes = 0;  ///< the size of those kept: the last one given back
    std::vector<std::unique_ptr<char[]>> buffers;
  };
  static void give_back(returned& home, char* each, size_t bytes) {
    std::unique_ptr<char[]> memory(each);
    const std::lock_guard lock(home.mutex);
    if (home.bytes != bytes) home.buffers.clear();
    home.bytes = bytes;
    if (home.buffers.size() < kept_buffers) home.buffers.push_back(std::move(memory));
  }
  std::shared_ptr<returned> returned_;
};

}  // namespace systole
