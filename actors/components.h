#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/safeguards.h"
#include "connectors/factory.h"
#include "operators/factory.h"
#include "state/store/checkpoint_store.h"
#include "state/task_state.h"

namespace systole {

/// How a job's parts are made: the seam where tests put scripted sources, sinks and operators.
struct job_components {
  std::function<result<std::unique_ptr<stream_operator>>(const proto::Node&, const std::vector<operator_input>&,
                                                         const operator_context&)>
      make_operator;
  std::function<result<std::unique_ptr<source_factory>>(const proto::Node&, const connector_context&)> make_source;
  std::function<result<std::unique_ptr<sink_factory>>(const proto::Node&, const sink_input&, const connector_context&)>
      make_sink;
  std::function<result<std::unique_ptr<task_state>>(const task_state_options&, const std::vector<restored_state>&)> open_state;
  std::function<result<std::unique_ptr<checkpoint_store>>(file_system&, const std::string& directory,
                                                          const std::string& job)>
      open_store;
  schema dead_letter_columns;
  file_system* files = nullptr;
  const clock* time = nullptr;
  std::shared_ptr<gauge_board> gauges;  ///< what metrics sinks show; null: nobody asks
  safeguards guards;
};

/// The real ones.
job_components default_components();

}  // namespace systole
