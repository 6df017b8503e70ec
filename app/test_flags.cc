#include "app/test_flags.h"

#include <utility>

namespace systole {

void add_test_flags(CLI::App& verb, test_flags& flags) {
  verb.add_option("--test-crash-at", flags.crash_at, "")->group("");
  verb.add_option_function<std::string>(
          "--test-without",
          [&flags](const std::string& names) {
            auto left = safeguards_without(names);
            if (!left) throw CLI::ValidationError("--test-without", left.error().message);
            flags.guards = *left;
          },
          "")
      ->group("");
}

job_components components_for(const test_flags& flags) {
  job_components made = default_components();
  made.guards = flags.guards;
  return made;
}

}  // namespace systole
