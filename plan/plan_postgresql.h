#pragma once

#include <string>

#include "plan/plan_context.h"

namespace systole {

// Shared by the sinks (plan_sink.cc).
/// Checks that `key` names columns and is the stream's upsert key. False after an error.
bool check_key(plan_context& context, const object_view& connector, const stream& input, proto::Sink& message);
bool needs_append(plan_context& context, const object_view& connector, const stream& input, const std::string& instead);

/// Fills a sink's message from its `postgresql`. False after an error.
bool fill_postgresql_sink(plan_context& context, const object_view& sink, const stream& input, proto::Sink& message);
/// Fills a table's source from its `postgresql` and `refresh`. False after an error.
bool fill_postgresql_table(plan_context& context, const object_view& table, proto::Source& message);
/// True where the table is read again while the job runs.
bool is_refreshed(const proto::Source& source);

}  // namespace systole
