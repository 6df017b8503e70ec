#pragma once

#include <map>

#include "state/changes/delta_format.h"
#include "state/task_state.h"

namespace systole {

/// Which entries of files count for the task that takes them over.
struct state_part {
  key_group_range groups{0, UINT16_MAX};
  std::map<uint32_t, table_kind> tables;  ///< by number
  bool all_tables = true;                 ///< else only `tables`

  bool has(uint32_t table) const { return all_tables || tables.contains(table); }
};

/// What counts of a restored state for a task with these key groups.
state_part part_of(const restored_state& restored, key_group_range groups);

/// True where a task with these key groups may go on with the files as they are: nothing is in them that does not count.
bool is_whole(const std::vector<restored_state>& restored, key_group_range groups);

}  // namespace systole
