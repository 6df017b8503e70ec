#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "state/store/store_place.h"

namespace systole {

/// Objects as files of a directory. Created by temporary file, fsync, link(2), so that of two processes only one can
/// write a name; a file is a hard link of the local one where the file system has them. Thread-safe.
class directory_place final : public store_place {
 public:
  directory_place(file_system& files, std::string directory) : files_(files), directory_(std::move(directory)) {}

  /// Makes the folders.
  result<void> open(const std::vector<std::string>& folders);

  result<std::vector<std::string>> list(const std::string& folder) override;
  result<bool> exists(const std::string& name) override;
  result<std::string> read(const std::string& name, uint64_t limit_bytes) override;
  result<void> write(const std::string& name, std::string_view bytes) override;
  result<void> create(const std::string& name, const std::string& nonce, std::string_view bytes) override;
  result<void> settle(const std::string& folder) override;
  result<void> remove(const std::string& name) override;
  result<void> add_file(const std::string& name, const std::string& local_path,
                        const proto::FileReference& file) override;
  result<std::string> path_of(const std::string& name, const proto::FileReference& file) override;
  result<void> verify(const std::string& name, const proto::FileReference& file) override;
  std::string describe(const std::string& name) const override { return path(name); }

 private:
  std::string path(const std::string& name) const;
  result<void> copy_into(const std::string& from, const std::string& to, uint64_t bytes);

  file_system& files_;
  std::string directory_;
};

}  // namespace systole
