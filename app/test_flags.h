#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "actors/components.h"

namespace systole {

/// What tests do to a process; not in its help.
struct test_flags {
  std::string crash_at;  ///< see crash_points
  safeguards guards;
};

void add_test_flags(CLI::App& verb, test_flags& flags);

/// The real ones, with these safeguards.
job_components components_for(const test_flags& flags);

}  // namespace systole
