#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "actors/local_job.h"
#include "tests/actors/fakes.h"
#include "tests/support/seed.h"

namespace systole::testing {
namespace {

constexpr int64_t records = 3'000;

/// Runs a job in processes of its own that end by kill, until one finishes; state and checkpoints are real files.
/// With the parallelism, and whether the sink's shards commit by themselves.
class kill_test : public ::testing::TestWithParam<std::tuple<uint32_t, bool>> {
 protected:
  kill_test() {
    std::string pattern = (std::filesystem::temp_directory_path() / "systole-kill-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~kill_test() override { std::filesystem::remove_all(directory_); }

  /// In the child: exits with 0 where the job has finished, 1 where it failed.
  [[noreturn]] void run_child(const std::string& crash_at, uint32_t parallelism) {
    auto world = std::make_shared<fake_world>();
    world->records = records;
    world->rows_per_cut = 300;  // so that every run has several epochs, however fast the machine is
    world->directory = directory_;
    world->shards_commit = std::get<1>(GetParam());
    world->real_state = true;
    load_published(*world);
    local_job_options options;
    options.state_directory = directory_ + "/state";
    options.in_memory = true;
    options.checkpoint_interval = std::chrono::microseconds(1'000);
    options.crash_at = crash_at;
    const job_outcome outcome = local_job(counting_plan(parallelism, true), options,
                                          fake_components(world, posix_file_system(), system_clock()))
                                    .run();
    if (outcome.cause) fprintf(stderr, "the job failed: %s\n", outcome.cause->message.c_str());
    _exit(outcome.how == job_outcome::kind::finished ? 0 : 1);
  }

  /// True where the child finished before `kill_after`, if any.
  bool run_process(const std::string& crash_at, uint32_t parallelism,
                   std::optional<std::chrono::microseconds> kill_after = std::nullopt) {
    const pid_t child = ::fork();
    if (child == 0) run_child(crash_at, parallelism);
    if (kill_after) {
      // A sleep on purpose: what is tested is a kill of a real process at any moment, not behind a condition.
      std::this_thread::sleep_for(*kill_after);
      ::kill(child, SIGKILL);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
      EXPECT_EQ(WTERMSIG(status), SIGKILL);
      return false;
    }
    if (WEXITSTATUS(status) == 137) return false;
    EXPECT_EQ(WEXITSTATUS(status), 0);
    return true;
  }

  uint32_t parallelism() const { return std::get<0>(GetParam()); }

  void expect_exactly_once() {
    fake_world world;
    world.directory = directory_;
    load_published(world);
    std::sort(world.published["out"].begin(), world.published["out"].end());
    EXPECT_EQ(world.published["out"], expected_counts(records, true));
    EXPECT_EQ(world.published["rejected"].size(), static_cast<size_t>(records / 10));
  }

  std::string directory_;
};

TEST_P(kill_test, a_crash_at_every_point_of_a_checkpoint_loses_and_doubles_nothing) {
  for (const char* point :
       {"barrier", "sealed", "durable", "metadata", "completed", "before_commit", "mid_commit", "after_commit"}) {
    for (int occurrence = 1; occurrence <= 2; ++occurrence) {
      SCOPED_TRACE(std::string(point) + ":" + std::to_string(occurrence));
      EXPECT_FALSE(run_process(std::string(point) + ":" + std::to_string(occurrence), parallelism()));
      ASSERT_TRUE(run_process("", parallelism()));
      expect_exactly_once();
      std::filesystem::remove_all(directory_);
      std::filesystem::create_directory(directory_);
    }
  }
}

TEST_P(kill_test, kills_at_random_moments_lose_and_double_nothing) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  dice random(seed);
  for (int round = 0; round < 3; ++round) {
    bool finished = false;
    for (int kills = 0; !finished; ++kills) {
      const std::chrono::microseconds after(random.between(500, 30'000 + kills * 10'000));
      finished = run_process("", parallelism(), after);
      ASSERT_FALSE(HasFailure());
    }
    expect_exactly_once();
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directory(directory_);
  }
}

TEST_P(kill_test, goes_on_with_another_parallelism) {
  const uint32_t other = parallelism() == 1 ? 3 : 1;
  EXPECT_FALSE(run_process("completed:2", parallelism()));
  EXPECT_FALSE(run_process("durable:2", other));
  ASSERT_TRUE(run_process("", 2));
  expect_exactly_once();
}

INSTANTIATE_TEST_SUITE_P(parallelism, kill_test, ::testing::Values(std::tuple(1u, false), std::tuple(3u, false), std::tuple(3u, true)));

}  // namespace
}  // namespace systole::testing
