#include <cstdlib>
#include <functional>
#include <random>

#include "tests/state/checkpointed_run.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/seed.h"

namespace systole::testing::power_cut_tests {
namespace {

constexpr uint64_t epochs = 5;

/// What the power cuts of one sweep did.
struct sweep_outcome {
  int cuts = 0;
  std::vector<std::string> losses;
};

/// Cuts the power after every `step`th operation of a run, in a fresh directory each time, and lets the run go on.
/// `spoil` may leave out syncs.
sweep_outcome sweep(bool in_memory, uint64_t step, const std::function<void(fault_injecting_file_system&)>& spoil,
                    std::optional<uint64_t> seed = std::nullopt) {
  sweep_outcome made;
  for (uint64_t stop = 1;; stop += step) {
    scratch_directory scratch;
    fault_injecting_file_system files(scratch.path());
    if (spoil) spoil(files);
    checkpointed_run run(files, scratch.path(), in_memory);
    files.stop_after_operations(stop);
    if (run.run_until(epochs)) return made;  // it had ended before the cut
    ++made.cuts;
    files.cut_power(seed ? std::optional(*seed + stop) : std::nullopt);
    if (const auto resumed = run.run_until(epochs); !resumed)
      made.losses.push_back("cut after " + std::to_string(stop) + " operations: " + resumed.error().message);
  }
}

TEST(power_cut_test, no_moment_loses_a_complete_epoch) {
  const sweep_outcome outcome = sweep(true, 1, nullptr);
  EXPECT_GT(outcome.cuts, 60);
  EXPECT_EQ(outcome.losses, std::vector<std::string>());
}

TEST(power_cut_test, nor_where_a_part_of_what_is_not_durable_survives) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  for (uint64_t round = 0; round < 3; ++round)
    EXPECT_EQ(sweep(true, 1, nullptr, seed + 1'000 * round).losses, std::vector<std::string>());
}

TEST(power_cut_test, nor_with_a_rocksdb_base) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  const sweep_outcome outcome = sweep(false, 3, nullptr, seed);
  EXPECT_GT(outcome.cuts, 40);
  EXPECT_EQ(outcome.losses, std::vector<std::string>());
}

/// The negative control: each of these syncs is needed, so a store without it must be caught.
TEST(power_cut_test, each_sync_left_out_is_noticed) {
  const auto content = [](const char* part) {
    return [part](fault_injecting_file_system& files) { files.skip_syncs_of(part); };
  };
  const auto directory = [](const char* tail) {
    return [tail](fault_injecting_file_system& files) { files.skip_syncs_at(tail); };
  };
  EXPECT_FALSE(sweep(true, 1, content("/work/")).losses.empty()) << "segments' content";
  EXPECT_FALSE(sweep(true, 1, directory("/files")).losses.empty()) << "names of state files";
  EXPECT_FALSE(sweep(true, 1, content("/metadata/")).losses.empty()) << "metadata's content";
  EXPECT_FALSE(sweep(true, 1, directory("/metadata")).losses.empty()) << "names of metadata";
  EXPECT_FALSE(sweep(true, 1, content("/log/")).losses.empty()) << "log records' content";
  EXPECT_FALSE(sweep(true, 1, directory("/log")).losses.empty()) << "names of log records";
}

}  // namespace
}  // namespace systole::testing::power_cut_tests
