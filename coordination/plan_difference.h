#pragma once

#include <string>
#include <vector>

#include "proto/plan.pb.h"

namespace systole {

/// What became of a step between two plans of a job. Names are the manifest's.
struct step_difference {
  enum class kind { same, changed, added, removed };
  std::string step;
  kind what = kind::same;
};
const char* name_of(step_difference::kind what);

/// Steps in the order of `after`, then those that only `before` has. A step is the same where it does the same with the
/// same inputs; at which parallelism it runs does not count. Pure.
std::vector<step_difference> compare_plans(const proto::PhysicalPlan& before, const proto::PhysicalPlan& after);

}  // namespace systole
