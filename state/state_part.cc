#include "state/state_part.h"

#include <algorithm>

namespace systole {

state_part part_of(const restored_state& restored, key_group_range groups) {
  state_part part;
  part.groups = {static_cast<uint16_t>(std::max<uint32_t>(groups.first, restored.handle.first_key_group())),
                 static_cast<uint16_t>(std::min<uint32_t>(groups.last, restored.handle.last_key_group()))};
  part.all_tables = !restored.has_others;
  for (const restored_table& table : restored.tables) {
    part.tables[table.descriptor.number()] = table.descriptor.timers()    ? table_kind::timers
                                             : table.descriptor.ordered() ? table_kind::map
                                                                          : table_kind::values;
  }
  return part;
}

bool is_whole(const std::vector<restored_state>& restored, key_group_range groups) {
  return restored.size() == 1 && !restored[0].has_others && restored[0].handle.first_key_group() == groups.first &&
         restored[0].handle.last_key_group() == groups.last;
}

}  // namespace systole
