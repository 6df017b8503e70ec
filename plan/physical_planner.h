#pragma once

#include <cstdint>
#include <map>

#include "plan/compile.h"
#include "plan/logical_plan.h"

namespace systole {

/// Lays a prepared plan out: nodes with ids, stages (chains that one task runs) and the exchanges between them. With a
/// parallelism of 1 all is one stage.
void make_physical_plan(const logical_plan& logical, uint32_t parallelism, proto::PhysicalPlan& plan,
                        std::map<uint32_t, node_notes>& notes);

}  // namespace systole
