#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "data/column.h"
#include "data/key_encoding.h"
#include "state/store/checkpoint_store.h"
#include "state/task_state.h"

namespace systole::testing {

/// A directory of its own for one test, removed at its end.
class scratch_directory {
 public:
  scratch_directory() {
    static std::atomic<int> count{0};
    // In memory where that can be: what is tested is not the disk, and its syncs take most of the time.
    const bool in_memory = ::access("/dev/shm", W_OK | X_OK) == 0;
    path_ = ((in_memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) /
             ("systole-state-" + std::to_string(getpid()) + "-" + std::to_string(count++)))
                .string();
    std::filesystem::create_directories(path_);
  }
  ~scratch_directory() {
    std::error_code ignored;  // a leftover in the temporary folder fails no test
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <class T>
T must(result<T> r) {
  if (!r) throw std::runtime_error(r.error().message);
  return std::move(r).value();
}
inline void must(result<void> r) {
  if (!r) throw std::runtime_error(r.error().message);
}

/// Encoded keys of a TEXT column.
inline encoded_keys keys_of(const std::vector<std::string>& texts) {
  column_builder builder({type_id::text}, texts.size());
  for (const std::string& text : texts) builder.append_text_copy(text);
  const column_ptr made = builder.finish();
  const column* columns[] = {made.get()};
  encoded_keys keys;
  keys.encode(columns, texts.size());
  return keys;
}

/// Options of a task in `root`, with `in_memory` or not.
inline task_state_options options_in(const std::string& root, checkpoint_store& store, bool in_memory,
                                     key_group_range groups = {0, 127}) {
  task_state_options options;
  options.directory = root + "/task-" + std::to_string(groups.first);
  options.in_memory = in_memory;
  options.groups = groups;
  options.files = &posix_file_system();
  options.store = &store;
  return options;
}

inline table_descriptor table_named(const std::string& name, uint32_t fixed_value_bytes = 0) {
  return {"step", name, 1, "layout of " + name, "fingerprint of " + name, fixed_value_bytes};
}

}  // namespace systole::testing
