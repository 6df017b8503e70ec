#pragma once

#include <memory>

#include "connectors/factory.h"
#include "connectors/sink.h"

namespace systole {

/// Shows rows on stdout, for people who try things out; delivery is not exactly once. On a terminal a changelog is a
/// table that is redrawn, at most once per interval, in place; elsewhere, and for append-only streams, each row is a line
/// of CSV (with its kind, +I, -U, +U or -D, before it where the stream is a changelog).
result<std::unique_ptr<sink_factory>> make_console_sink(const proto::Node& node, const sink_input& input,
                                                        const connector_context& context);

}  // namespace systole
