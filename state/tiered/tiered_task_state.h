#pragma once

#include <memory>
#include <string>
#include <vector>

#include "state/changes/delta_log.h"
#include "state/table_registry.h"
#include "state/tables/state_tier.h"
#include "state/task_state.h"
#include "state/tiered/base_loader.h"
#include "state/tiered/tiered_chain.h"

namespace systole {

/// A task_state of hash tables over a RocksDB base that is made when it is first needed: when the deltas have outgrown their
/// limit, or the tables their memory. Task's thread; files and RocksDB are written by the state thread and tiered_chain's own.
class tiered_task_state final : public task_state, private state_tier {
 public:
  static result<std::unique_ptr<task_state>> open(const task_state_options& options,
                                                  const std::vector<restored_state>& restored);

  result<value_table*> open_values(const table_descriptor& descriptor) override { return tables_.open_values(descriptor); }
  result<map_table*> open_map(const table_descriptor& descriptor) override { return tables_.open_map(descriptor); }
  result<timer_table*> open_timers(const table_descriptor& descriptor) override { return tables_.open_timers(descriptor); }
  uint64_t memory_bytes() const override;
  result<std::unique_ptr<state_snapshot>> begin_snapshot(epoch_id epoch) override;
  uint64_t memory_bytes_of(const std::string& step) const override { return tables_.memory_bytes_of(step); }
  std::vector<proto::TableDescriptor> descriptors(const std::string& step) const override {
    return tables_.descriptors(step);
  }

 private:
  tiered_task_state(const task_state_options& options, const std::vector<restored_state>& restored);
  result<void> restore_files();
  int64_t on_budget(state_table& table) override;
  /// Takes in what the loader has read; true while it has more to come.
  bool absorb();
  result<void> absorb_chunk(const base_loader::chunk& read);
  void notice_base();
  void expect_eviction();
  bool may_evict() const { return base_ != nullptr && keeps_tombstones_ && cut_ >= first_evicting_cut_ && chain_->ingested_cut() + 1 == cut_; }
  uint64_t budget_bytes() const;
  void ask_for_ingest(state_table& table);
  /// Makes room by evicting from one table, or asks for the ingestion that must come first.
  void shrink(state_table& table, uint64_t bytes);
  void cut(std::optional<epoch_id> epoch);
  void settle();

  task_state_options options_;
  std::shared_ptr<tiered_chain> chain_;  ///< shared with snapshots, which may outlive the task
  delta_log log_;
  table_registry tables_;
  bool settled_ = false;  ///< operators have opened their tables
  std::unique_ptr<base_loader> loader_;
  uint64_t first_evicting_cut_ = 0;  ///< erased entries have been kept as tombstones since its beginning
  uint64_t calls_since_cut_ = 0;
  std::optional<failure> failed_;  ///< of loading; returned by the next snapshot
};

}  // namespace systole
