#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plan/plan_context.h"

namespace systole {

/// Fills a sink's message from its `kafka`; `input` null: it is the dead letter's. False after an error.
bool fill_kafka_sink(plan_context& context, const object_view& sink, const stream* input, proto::Sink& message);
/// Gives each Kafka sink its transactions' time-out: an epoch's, and 10 s more.
void set_transaction_timeouts(proto::PhysicalPlan& plan);
/// What `explain` shows of it.
std::vector<std::pair<std::string, std::string>> kafka_sink_settings_told(const proto::Sink& sink);

}  // namespace systole
