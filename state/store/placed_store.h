#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "state/store/checkpoint_log.h"
#include "state/store/checkpoint_store.h"
#include "state/store/store_place.h"

namespace systole {

/// A checkpoint_store in a place: files/<xxh3>-<bytes>-<writer>-<number>, metadata/<epoch>-<xxh3>, log/<sequence>. Thread-safe.
/// No name of a file comes twice: one process stores files while another removes what no epoch names any more, and a removal
/// may be carried out late; it must not hit a new file of equal content.
class placed_store final : public checkpoint_store {
 public:
  /// The folders of a place, which it has made.
  static std::vector<std::string> folders() { return {"files", "metadata", "log"}; }
  static result<std::unique_ptr<checkpoint_store>> open(std::unique_ptr<store_place> place, const std::string& job);

  result<proto::FileReference> put_file(const std::string& local_path, uint64_t bytes, uint64_t xxh3) override;
  result<std::string> path_of(const proto::FileReference& file) override;
  result<void> verify(const proto::FileReference& file) override;
  result<proto::FileReference> put_metadata(const proto::CheckpointMetadata& metadata) override;
  result<proto::CheckpointMetadata> read_metadata(const proto::FileReference& file) override;
  result<void> append(proto::LogRecord record) override;
  result<std::vector<proto::LogRecord>> read_log() override { return log_.read(); }
  result<void> collect_garbage(uint32_t retained) override;
  result<void> clear() override;

 private:
  placed_store(std::unique_ptr<store_place> place, std::string job);
  result<std::set<std::string>> names_in(const std::vector<proto::FileReference>& metadata);
  result<bool> is_there(const proto::FileReference& metadata);

  std::unique_ptr<store_place> place_;
  std::string job_;
  checkpoint_log log_;
  const uint64_t writer_;  ///< random

  std::mutex mutex_;
  uint64_t next_file_ = 0;
  /// Put since this store was opened and not seen in a complete epoch yet: collect_garbage must leave them.
  std::set<std::string> fresh_;
  /// In files/ and metadata/ when the store was opened: what no complete epoch names of these, a crash has left behind.
  std::vector<std::string> old_files_;
  std::vector<std::string> old_metadata_;
  /// An epoch was completed through this store. Before, tasks of other processes that a coordinator has taken over may
  /// hold files of an epoch that was under way: they name them with the next one that they complete.
  bool completed_here_ = false;
  /// Metadata that collect_garbage found gone or has removed: a place that is far away is not asked again.
  std::set<std::string> gone_;
};

}  // namespace systole
