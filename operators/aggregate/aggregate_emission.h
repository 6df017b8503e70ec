#pragma once

#include <memory>

#include "operators/aggregate/aggregate_groups.h"

namespace systole {

/// The ways in which an aggregate emits (see aggregate.h); each makes the operator that does so.

/// After each batch: one change per touched group, or with `each_change` one per row.
std::unique_ptr<stream_operator> make_aggregate_on_change(std::unique_ptr<aggregate_groups> groups, bool each_change,
                                                          bool omit_update_before);

/// At most one change per group within `interval_us` of the clock. The groups must keep their keys.
std::unique_ptr<stream_operator> make_aggregate_held(std::unique_ptr<aggregate_groups> groups, int64_t interval_us,
                                                     bool omit_update_before, const operator_context& context);

/// One row per group when all inputs have ended. The groups must keep their keys.
std::unique_ptr<stream_operator> make_aggregate_final(std::unique_ptr<aggregate_groups> groups, bool changelog,
                                                      const operator_context& context);

}  // namespace systole
