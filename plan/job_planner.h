#pragma once

#include "plan/plan_context.h"

namespace systole {

/// Makes the logical plan of a job's checked `spec`. Reports everything that is wrong; what depends on a wrong step is
/// not complained about again.
logical_plan plan_job(plan_context& context, const object_view& spec);

}  // namespace systole
