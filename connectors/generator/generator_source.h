#pragma once

#include <memory>

#include "base/result.h"
#include "connectors/factory.h"
#include "connectors/source.h"
#include "proto/plan.pb.h"

namespace systole {

/// Makes the source of a node whose proto::Source kind is GENERATOR: the events of connectors/generator/patient_flow_generator.h
/// as NDJSON, decoded as a file's lines would be. The settings, as text, all optional:
///   kind         patient-flow
///   seed, count, stays, surge, hospitals    as in patient_flow_options
///   start        the virtual clock's start, ISO 8601
///   step         virtual seconds from step to step
///   dirt         multiplies the rates of all kinds of dirt
///   rate         events per second of the clock; 0: as fast as they are asked for
///   speed        virtual seconds per second of the clock, where rate is 0 and this is not
/// One split: with a parallelism above 1 the other readers finish at once. The position of a row is its byte offset in
/// all lines from the start, as if they were one file.
result<std::unique_ptr<source_factory>> make_generator_source(const proto::Node& node,
                                                              const connector_context& context);

}  // namespace systole
