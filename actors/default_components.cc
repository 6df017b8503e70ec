#include "actors/components.h"
#include "actors/local_job.h"

namespace systole {

job_components default_components() {
  return {.make_operator = make_operator,
          .make_source = make_source,
          .make_sink = make_sink,
          .open_state = open_task_state,
          .open_store = open_directory_store,
          .dead_letter_columns = dead_letter_schema(),
          .files = &posix_file_system(),
          .time = &system_clock(),
          .gauges = std::make_shared<gauge_board>()};
}

job_outcome run_local_job(const proto::PhysicalPlan& plan, const local_job_options& options) {
  return local_job(plan, options, default_components()).run();
}

}  // namespace systole
