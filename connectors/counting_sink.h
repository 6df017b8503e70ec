#pragma once

#include <memory>

#include "connectors/factory.h"
#include "connectors/sink.h"

namespace systole {

/// Counts rows, retractions too, and keeps none. With option `out` the count is written there at the end, as JSON.
result<std::unique_ptr<sink_factory>> make_blackhole_sink(const proto::Node& node, const connector_context& context);

/// Sums checksums of rows, whatever their order: for each row its canonical CSV (no quoting, null is nothing, times as
/// integer microseconds), the first 8 bytes of its SHA-256 as a big-endian integer, summed mod 2^64; a retraction
/// subtracts, so that a changelog's sum is that of its final rows. REQUIRES of a changelog: -U for each replaced row.
/// At the end {"rows":n,"changes":n,"checksum":"16 hex digits"} goes to the file in option `out`, else to stdout.
result<std::unique_ptr<sink_factory>> make_collect_sink(const proto::Node& node, const sink_input& input,
                                                        const connector_context& context);

}  // namespace systole
