#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "state/changes/delta_log.h"
#include "state/changes/segment_reader.h"
#include "state/keyed_state.h"
#include "state/state_part.h"
#include "state/state_table.h"
#include "state/tables/state_tier.h"
#include "state/task_state.h"

namespace systole {

/// A table's number in stored keys where it has none yet: the low 32 bits of XXH3-64 of step, a zero byte and name, so that all
/// subtasks agree without asking (docs/format/state_keys.md).
uint32_t table_number(std::string_view step, std::string_view name);

/// The tables of a task: those that operators have opened and those that a restored checkpoint holds. Task's thread only.
class table_registry {
 public:
  table_registry(const task_state_options& options, delta_log& log, state_tier& tier,
                 const std::vector<restored_state>& restored);

  /// With a base below, the restored tables begin by looking everything up there.
  void set_restored_base(bool is_there) { restored_base_ = is_there; }
  /// Loads the records of a restored segment that count.
  result<void> restore(segment_reader& reader, const state_part& part);
  result<void> finish_restore();

  result<value_table*> open_values(const table_descriptor& descriptor);
  result<map_table*> open_map(const table_descriptor& descriptor);
  result<timer_table*> open_timers(const table_descriptor& descriptor);

  /// Forgets restored tables that no operator has opened. Returns their numbers.
  std::set<uint32_t> drop_unopened();
  std::set<uint32_t> opened_numbers() const;

  result<void> flush_changes();
  void flush_logged();
  /// Leaves each table with this share of its memory; REQUIRES what state_table::evict requires.
  void evict(double share);
  /// nullptr where no such table is open.
  state_table* state_of(uint32_t number);
  std::vector<table_shape> shapes() const;
  uint64_t memory_bytes() const;
  uint64_t memory_bytes_of(const std::string& step) const;
  std::vector<proto::TableDescriptor> descriptors(const std::string& step) const;

 private:
  struct held_table {
    std::string step;
    proto::TableDescriptor descriptor;
    bool opened = false;
    bool restored = false;
    table_shape shape;
    std::unique_ptr<state_table> state;
    void* interface = nullptr;  ///< value_table, map_table or timer_table, by shape.kind
  };
  result<void*> open(const table_descriptor& descriptor, table_kind kind);
  result<void> make(held_table& table);
  template <class Table, class Interface>
  void build(held_table& table);
  /// A restored table, made when its first record comes.
  result<held_table*> table_of(const table_shape& shape);
  held_table* find(const std::string& step, const std::string& name);
  uint32_t free_number(const table_descriptor& descriptor) const;

  const task_state_options& options_;
  delta_log& log_;
  std::map<uint32_t, held_table> tables_;
  state_tier& tier_;
  bool restored_base_ = false;
};

}  // namespace systole
