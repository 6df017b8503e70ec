#include "actors/planned_tables.h"

#include <set>
#include <utility>

namespace systole {

result<planned_tables> tables_of_plan(const build_context& context) {
  planned_tables tables;
  for (const planned_task& task : context.whole->tasks) {
    if (task.subtask > 0) continue;  // all subtasks of a stage open the same
    std::unique_ptr<task_state> state;
    std::vector<std::unique_ptr<step_accounting>> accounting;  // outlives the operators
    std::vector<std::unique_ptr<stream_operator>> operators;
    std::set<std::string> steps;
    for (const uint32_t id : task.nodes) {
      const proto::Node& node = *find_node(*context.plan, id);
      if (!is_stateful(node)) continue;
      if (!state) {
        const task_state_options options{
            .directory = context.work_directory + "/comparison-" + std::to_string(task.index),
            .memory_bytes = context.memory_bytes,
            .in_memory = true,
            .groups = key_groups_of_subtask(task.subtask, task.parallelism, context.plan->max_parallelism()),
            .max_parallelism = context.plan->max_parallelism(),
            .files = context.components->files,
            .store = context.store};
        SYSTOLE_ASSIGN(state, context.components->open_state(options, {}));
      }
      accounting.push_back(std::make_unique<step_accounting>());
      const operator_context with{.step = node.step(),
                                  .max_parallelism = context.plan->max_parallelism(),
                                  .batch_rows = context.batch_rows,
                                  .state = state.get(),
                                  .time = context.components->time,
                                  .parameters = context.parameters,
                                  .accounting = accounting.back().get()};
      SYSTOLE_ASSIGN(auto made, context.components->make_operator(node, inputs_of(*context.plan, node), with));
      operators.push_back(std::move(made));
      SYSTOLE_TRY(operators.back()->open());
      steps.insert(node.step());
    }
    for (const std::string& step : steps)
      for (proto::TableDescriptor& table : state->descriptors(step)) tables[step].push_back(std::move(table));
    operators.clear();  // before the state that they point into
  }
  return tables;
}

}  // namespace systole
