#include <gtest/gtest.h>

#include "connectors/factory.h"
#include "sink_cases.h"
#include "sink_harness.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

class exactly_once : public ::testing::TestWithParam<sink_case> {
 protected:
  sink_run run_in(const std::string& folder, file_system& files, bool check_epochs = true) {
    return sink_run(
        [this, folder, &files, check_epochs]() -> result<std::unique_ptr<sink_factory>> {
          proto::Node node;
          node.set_step("out");
          GetParam().settings(*node.mutable_sink(), folder);
          connector_context context;
          context.job = "test";
          context.outbox_directory = folder + "/outbox";
          context.time = &time_;
          context.files = &files;
          context.guards.epoch_check = check_epochs;
          context.attempt = ++attempts_;
          return make_sink(node, {test_columns(), GetParam().changelog, {}}, context);
        },
        stream(GetParam().changelog));
  }
  std::string undisturbed(uint64_t& steps) {
    temporary_directory folder;
    sink_run run = run_in(folder.path(), posix_file_system());
    const auto ran = run.run();
    EXPECT_TRUE(ran.has_value()) << ran.error().message;
    steps = run.steps();
    return GetParam().result(folder.path());
  }
  /// Dies at `step`, then at `again` (if any) of the second attempt; what is there at the end, or the error.
  std::string disturbed(uint64_t step, std::optional<uint64_t> again, bool check_epochs) {
    temporary_directory folder;
    fault_injecting_file_system files(folder.path());  // without faults: it spares the disk its syncs
    sink_run run = run_in(folder.path(), files, check_epochs);
    run.crash_at(step);
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto ran = run.run();
      if (ran) return GetParam().result(folder.path());
      if (ran.error().code != error_code::cancelled) return ran.error().message;
      run.drop();
      if (attempt == 0 && again) run.crash_at(*again);
    }
    return "does not come to its end";
  }
  manual_clock time_;
  uint64_t attempts_ = 0;
};

TEST_P(exactly_once, after_a_crash_at_every_step) {
  uint64_t steps = 0;
  const std::string expected = undisturbed(steps);
  ASSERT_FALSE(expected.empty());
  ASSERT_GT(steps, 20u);
  for (uint64_t step = 0; step < steps; ++step) {
    ASSERT_EQ(disturbed(step, std::nullopt, true), expected) << step;
    ASSERT_EQ(disturbed(step, step % 5, true), expected) << step;
  }
}

using exactly_once_control = exactly_once;

TEST_P(exactly_once_control, fails_without_the_epoch_check) {
  uint64_t steps = 0;
  const std::string expected = undisturbed(steps);
  bool wrong = false;
  for (uint64_t step = 0; step < steps && !wrong; ++step) wrong = disturbed(step, std::nullopt, false) != expected;
  EXPECT_TRUE(wrong);
}

using exactly_once_files = exactly_once;

TEST_P(exactly_once_files, after_a_power_cut_at_every_operation) {
  uint64_t steps = 0;
  const std::string expected = undisturbed(steps);
  uint64_t operations = 0;
  for (uint64_t moment = 0; moment <= operations; ++moment) {
    for (const std::optional<uint64_t> seed : {std::optional<uint64_t>(), std::optional<uint64_t>(moment)}) {
      temporary_directory folder;
      fault_injecting_file_system files(folder.path());
      sink_run run = run_in(folder.path(), files);
      if (moment > 0) files.stop_after_operations(moment - 1);
      std::string error = "none";
      for (int attempt = 0; attempt < 3 && !error.empty(); ++attempt) {
        const auto ran = run.run();
        error = ran ? "" : ran.error().message;
        if (ran) break;
        run.drop();
        files.cut_power(seed);
      }
      if (moment == 0) operations = files.operations();
      ASSERT_EQ(error, "") << moment;
      ASSERT_EQ(GetParam().result(folder.path()), expected) << moment;
    }
  }
}

std::vector<sink_case> cases_with(bool sink_case::*property) {
  std::vector<sink_case> all = sink_cases();
  std::erase_if(all, [property](const sink_case& each) { return !(each.*property); });
  return all;
}

const auto case_name = [](const auto& each) { return each.param.name; };
INSTANTIATE_TEST_SUITE_P(sinks, exactly_once, ::testing::ValuesIn(sink_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(sinks, exactly_once_control, ::testing::ValuesIn(cases_with(&sink_case::doubles_without_check)), case_name);
INSTANTIATE_TEST_SUITE_P(sinks, exactly_once_files, ::testing::ValuesIn(cases_with(&sink_case::uses_files_only)), case_name);

}  // namespace
}  // namespace systole::testing
