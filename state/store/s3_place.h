#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "s3/client.h"
#include "state/store/checkpoint_store.h"
#include "state/store/file_cache.h"
#include "state/store/store_place.h"

namespace systole {

/// Objects under a prefix of an S3 bucket. Small ones are created with If-None-Match, so that of two processes only one
/// can write a name. Files are put and fetched a part at a time, and have local copies in a cache: those that were put
/// here by a hard link, those that were fetched after their checksum was found right. Thread-safe.
class s3_place final : public store_place {
 public:
  /// `cache`: a local directory of this process's own, on the file system of the state's where links are to work.
  s3_place(s3_client_options options, file_system& files, std::string cache,
           uint64_t cache_bytes = limits::s3_cache_bytes, size_t cache_in_use = limits::s3_cache_in_use);

  ~s3_place() override;

  /// The cache is left for the next one. As long as nobody says so it goes with this.
  void keep_cache() { keeps_cache_ = true; }
  /// Makes the cache, and asks the service once: `invalid_argument` where it refuses us.
  result<void> open();

  result<std::vector<std::string>> list(const std::string& folder) override;
  result<bool> exists(const std::string& name) override;
  result<std::string> read(const std::string& name, uint64_t limit_bytes) override;
  /// As all writers of a name write the same bytes, one that is there is compared and left.
  result<void> write(const std::string& name, std::string_view bytes) override;
  result<void> create(const std::string& name, const std::string& nonce, std::string_view bytes) override;
  result<void> settle(const std::string&) override { return {}; }
  result<void> remove(const std::string& name) override;
  result<void> add_file(const std::string& name, const std::string& local_path,
                        const proto::FileReference& file) override;
  result<std::string> path_of(const std::string& name, const proto::FileReference& file) override;
  result<void> verify(const std::string& name, const proto::FileReference& file) override;
  std::string describe(const std::string& name) const override { return client_.name_of(name); }

 private:
  result<std::optional<std::string>> sound_copy(const proto::FileReference& file);
  result<std::string> fetch(const std::string& name, const proto::FileReference& file);

  file_system& files_;
  s3_client client_;
  const std::string cache_directory_;
  file_cache cache_;
  bool keeps_cache_ = false;
};

}  // namespace systole
