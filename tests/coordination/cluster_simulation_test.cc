#include <gtest/gtest.h>

#include <cstdio>

#include "tests/coordination/simulated_cluster.h"

namespace systole::testing {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t runs = 500;
#else
constexpr uint64_t runs = 10'000;
#endif
constexpr uint64_t control_runs = 20'000;  ///< at most; the rarest damage shows once in some hundred runs

uint64_t runs_wanted(uint64_t usual) {
  if (std::getenv("SYSTOLE_SEED")) return 1;
  if (const char* given = std::getenv("SYSTOLE_RUNS")) return std::strtoull(given, nullptr, 10);
  return usual;
}

/// Two coordinators that may both believe they lead, three workers, loss, doubling, reordering, pauses, partitions,
/// crashes, requests of users. At every change: one chain of completed epochs; no epoch committed twice, incomplete or
/// out of order; each row exactly once in both sinks; no frame of another attempt taken; queues within their budget.
/// And once it is quiet, the job runs again and completes epochs within seconds.
TEST(cluster_simulation, nothing_is_lost_or_doubled_and_the_job_always_comes_back) {
  const uint64_t first = make_seed();
  uint64_t events = 0, epochs = 0, attempts = 0;
  timestamp_us slowest_us = 0;
  for (uint64_t i = 0; i < runs_wanted(runs); ++i) {
    simulated_cluster cluster(first + i, {});
    cluster.run();
    ASSERT_EQ(cluster.damage(), "") << "SYSTOLE_SEED=" << first + i;
    events += cluster.world.happened;
    epochs += cluster.storage.completed;
    attempts += cluster.attempts;
    slowest_us = std::max(slowest_us, cluster.calm_us);
  }
  std::printf("%llu events, %llu epochs, %llu attempts; running again after at most %.1f s\n",
              static_cast<unsigned long long>(events), static_cast<unsigned long long>(epochs),
              static_cast<unsigned long long>(attempts), slowest_us / 1e6);
}

/// Runs until something is damaged; returns the damage, empty where none was found.
std::string find_damage(const simulated_guards& guards) {
  const uint64_t first = make_seed();
  for (uint64_t i = 0; i < control_runs; ++i) {
    simulated_cluster cluster(first + i, guards);
    cluster.run();
    if (cluster.damage().empty()) continue;
    std::printf("run %llu: %s\n", static_cast<unsigned long long>(i + 1), cluster.damage().c_str());
    return cluster.damage();
  }
  return {};
}

struct left_out {
  const char* name;
  bool simulated_guards::*guard;
};

class cluster_simulation_control : public ::testing::TestWithParam<left_out> {};

TEST_P(cluster_simulation_control, is_noticed) {
  simulated_guards guards;
  guards.*GetParam().guard = false;
  EXPECT_NE(find_damage(guards), "");
}

INSTANTIATE_TEST_SUITE_P(without, cluster_simulation_control,
                         ::testing::Values(left_out{"attempt_check", &simulated_guards::attempt},
                                           left_out{"term_check", &simulated_guards::term},
                                           left_out{"create_if_absent", &simulated_guards::create},
                                           left_out{"sequence_check", &simulated_guards::sequence},
                                           left_out{"alignment", &simulated_guards::alignment},
                                           left_out{"sink_epoch_check", &simulated_guards::sink_epoch},
                                           left_out{"previous_in_the_barrier", &simulated_guards::previous}),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace systole::testing
