#pragma once

#include <memory>
#include <string>
#include <vector>

#include "state/changes/delta_log.h"
#include "state/changes/segment_chain.h"
#include "state/table_registry.h"
#include "state/task_state.h"

namespace systole {

/// A task_state whose entries are all in hash tables; its checkpoints are segment files only. Task's thread.
class memory_task_state final : public task_state {
 public:
  static result<std::unique_ptr<task_state>> open(const task_state_options& options,
                                                  const std::vector<restored_state>& restored);

  result<value_table*> open_values(const table_descriptor& descriptor) override { return tables_.open_values(descriptor); }
  result<map_table*> open_map(const table_descriptor& descriptor) override { return tables_.open_map(descriptor); }
  result<timer_table*> open_timers(const table_descriptor& descriptor) override { return tables_.open_timers(descriptor); }
  uint64_t memory_bytes() const override { return tables_.memory_bytes() + log_.waiting_bytes(); }
  result<std::unique_ptr<state_snapshot>> begin_snapshot(epoch_id epoch) override;
  uint64_t memory_bytes_of(const std::string& step) const override { return tables_.memory_bytes_of(step); }
  std::vector<proto::TableDescriptor> descriptors(const std::string& step) const override {
    return tables_.descriptors(step);
  }

 private:
  memory_task_state(const task_state_options& options, const std::vector<restored_state>& restored);
  result<void> load(const proto::FileReference& file, const state_part& part);

  task_state_options options_;
  std::shared_ptr<segment_chain> chain_;  ///< shared with snapshots, which may outlive the task
  delta_log log_;
  no_tier tier_;
  table_registry tables_;
  bool settled_ = false;  ///< the first snapshot has dropped what no operator opened
};

}  // namespace systole
