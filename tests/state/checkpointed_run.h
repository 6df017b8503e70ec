#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tests/state/state_fixture.h"

namespace systole::testing {

/// A job as far as its state and checkpoints go: restores the last complete epoch, checks that it is right, and goes on
/// with changes that depend on the epoch's number only, so that what an epoch must hold is known without asking the
/// store.
class checkpointed_run {
 public:
  /// `root` must exist; store and work folders are made below it.
  checkpointed_run(file_system& files, std::string root, bool in_memory, uint32_t retained = 2)
      : files_(files), root_(std::move(root)), in_memory_(in_memory), retained_(retained) {}

  /// Goes on until `last` is complete. Fails where the store does, or with `internal` where what it gave back is wrong.
  result<void> run_until(uint64_t last);
  /// The last epoch that run_until() has seen complete; it must never be lost.
  uint64_t acknowledged() const { return acknowledged_; }
  /// Reads and verifies all files of the last complete epoch, as a restart does. 0: none is complete.
  result<uint64_t> verify_last();
  /// The metadata of the last complete epochs, oldest first.
  result<std::vector<proto::CheckpointMetadata>> complete_epochs();
  std::string store_directory() const { return root_ + "/store"; }

 private:
  result<std::unique_ptr<checkpoint_store>> open_store() {
    return open_directory_store(files_, store_directory(), "job");
  }
  result<std::optional<proto::CheckpointMetadata>> last_complete(checkpoint_store& store);
  result<std::unique_ptr<task_state>> open_state(checkpoint_store& store,
                                                 const std::optional<proto::CheckpointMetadata>& from);
  result<void> check(value_table& values, map_table& lists, uint64_t epoch);
  result<void> complete(checkpoint_store& store, task_state& state, uint64_t epoch);

  file_system& files_;
  std::string root_;
  bool in_memory_;
  uint32_t retained_;
  uint64_t acknowledged_ = 0;
};

}  // namespace systole::testing
