#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes a tumbling or hopping event-time window. A window is [start, end), end = start + size, starts are offset + n *
/// slide. window_time = end - 1 us is the event time of its results. A row belongs to size/slide windows; it is late
/// (rule "late", or only counted with on_late = drop) when end - 1 us + allowed lateness <= watermark holds for all of
/// them, and is left out of those for which it holds. Rows without an event time are rejected (rule "late" says a time
/// that is past: these get "expression", 22004). `final` emits each (window, key) once, when the watermark reaches end
/// - 1 us + lateness; `onTime` when it reaches end - 1 us and then corrections as -U/+U (-D when a changelog input took
/// the last row away).
result<std::unique_ptr<stream_operator>> make_window(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                     const operator_context& context);

}  // namespace systole
