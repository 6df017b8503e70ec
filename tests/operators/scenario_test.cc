#include "tests/operators/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace systole::testing {
namespace {

const std::string folder = std::string(SYSTOLE_SOURCE_DIR) + "/tests/operators/scenarios";

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const auto& each : std::filesystem::directory_iterator(folder))
    if (each.path().extension() == ".txt") names.push_back(each.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class scenario_test : public ::testing::TestWithParam<std::string> {};

TEST_P(scenario_test, gives_the_same_rows_in_every_way_of_running) {
  const scenario golden = read_scenario(folder + "/" + GetParam() + ".txt");
  for (const size_t batch_rows : {1, 7, 4096})
    for (const uint32_t parallelism : {1u, 3u})
      for (const bool in_memory : {true, false})
        for (const bool crash : {false, true}) expect_scenario(golden, {batch_rows, parallelism, in_memory, crash});
}

INSTANTIATE_TEST_SUITE_P(all, scenario_test, ::testing::ValuesIn(scenario_names()),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace systole::testing
