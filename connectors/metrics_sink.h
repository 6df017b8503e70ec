#pragma once

#include <memory>

#include "connectors/factory.h"

namespace systole {

/// Shows the current row of each key as gauges of the process's metrics, with the epoch that made them: what is shown
/// is what all sinks of the job have published. One shard. Its rows are its state, so that they are there at once after a
/// restart. Keys beyond the sink's limit are left out and told as full.
result<std::unique_ptr<sink_factory>> make_metrics_sink(const proto::Node& node, const sink_input& input,
                                                        const connector_context& context);

}  // namespace systole
