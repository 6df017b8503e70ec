#include "state/task_state.h"

#include <map>

#include "state/memory_task_state.h"
#include "state/tiered/tiered_task_state.h"

namespace systole {
namespace {

/// Numbers are hashes of names; two tables that were in different tasks may have the same one, however unlikely that is.
result<void> check_numbers(const std::vector<restored_state>& restored) {
  std::map<uint32_t, std::string> names;
  for (const restored_state& state : restored) {
    for (const restored_table& table : state.tables) {
      const std::string name = table.step + "/" + table.descriptor.name();
      const auto [known, is_new] = names.emplace(table.descriptor.number(), name);
      if (is_new || known->second == name) continue;
      return fail(error_code::incompatible, "the saved tables " + known->second + " and " + name +
                                                " have the same number and cannot be in one task: keep the parallelism, or rename "
                                                "one of the steps to start it with empty state");
    }
  }
  return {};
}

}  // namespace

result<std::unique_ptr<task_state>> open_task_state(const task_state_options& options,
                                                    const std::vector<restored_state>& restored) {
  SYSTOLE_TRY(check_numbers(restored));
  SYSTOLE_TRY(options.files->remove_all(options.directory));
  SYSTOLE_TRY(options.files->create_directories(options.directory));
  if (options.in_memory) return memory_task_state::open(options, restored);
  return tiered_task_state::open(options, restored);
}

}  // namespace systole
