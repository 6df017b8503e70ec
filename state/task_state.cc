#include "state/task_state.h"

#include "state/memory_task_state.h"
#include "state/tiered_task_state.h"

namespace systole {

result<std::unique_ptr<task_state>> open_task_state(const task_state_options& options,
                                                    const std::vector<proto::KeyedStateHandle>& restored,
                                                    const std::vector<restored_table>& tables) {
  SYSTOLE_TRY(options.files->remove_all(options.directory));
  SYSTOLE_TRY(options.files->create_directories(options.directory));
  if (options.in_memory) return memory_task_state::open(options, restored, tables);
  return tiered_task_state::open(options, restored, tables);
}

}  // namespace systole
