#pragma once

#include <memory>

#include "base/result.h"
#include "connectors/factory.h"
#include "connectors/source.h"
#include "proto/plan.pb.h"

namespace systole {

/// Makes the source of a node whose proto::Source kind is GENERATOR: the events of connectors/patient_flow_generator.h as
/// NDJSON, decoded as a file's lines would be. The settings (all text, all optional but `kind`):
///   kind         patient-flow
///   seed         the same seed gives the same events; default 1
///   count        events, duplicates included; 0 (default) = no end
///   rate         events per second of the clock; 0 (default) = as fast as they are asked for
///   start        simulated time of the first step, ISO 8601; default 2026-01-01T00:00:00Z
///   speedup      simulated seconds per second of the clock; makes the rate follow from the simulated one; excludes rate
///   and those of patient_flow_options by name: hospitals, stays, surge, step, and the dirt rates.
/// One split: with a parallelism above 1 the other readers finish at once. A position is the number of events given.
result<std::unique_ptr<source_factory>> make_generator_source(const proto::Node& node, const connector_context& context);

}  // namespace systole
