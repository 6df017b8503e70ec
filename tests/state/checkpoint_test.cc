#include <algorithm>
#include <set>

#include "tests/state/checkpointed_run.h"
#include "tests/support/fault_injecting_file_system.h"

namespace systole::testing {
namespace {

constexpr uint64_t epochs = 6;

std::set<std::string> files_of(const proto::CheckpointMetadata& metadata) {
  std::set<std::string> names;
  for (const proto::FileReference& file : metadata.tasks(0).keyed_state().base()) names.insert(file.name());
  for (const proto::FileReference& file : metadata.tasks(0).keyed_state().deltas()) names.insert(file.name());
  return names;
}

std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    names.insert(entry.path().filename().string());
  return names;
}

class checkpoint_test : public ::testing::TestWithParam<bool> {
 protected:
  checkpointed_run make_run(uint32_t retained = 2) {
    return checkpointed_run(posix_file_system(), scratch_.path(), GetParam(), retained);
  }
  scratch_directory scratch_;
};

TEST_P(checkpoint_test, keeps_what_the_retained_epochs_name_and_nothing_else) {
  for (const uint32_t retained : {1u, 3u}) {
    checkpointed_run run = make_run(retained);
    must(run.run_until(epochs * retained));
    const auto complete = must(run.complete_epochs());
    ASSERT_EQ(complete.size(), retained);
    EXPECT_EQ(complete.back().epoch(), epochs * retained);
    std::set<std::string> wanted;
    for (const proto::CheckpointMetadata& each : complete) wanted.merge(files_of(each));
    EXPECT_EQ(names_in(run.store_directory() + "/files"), wanted);
    EXPECT_EQ(names_in(run.store_directory() + "/metadata").size(), retained);
  }
}

TEST_P(checkpoint_test, an_epoch_shares_its_older_files_with_the_one_before) {
  checkpointed_run run = make_run();
  must(run.run_until(epochs));
  if (GetParam()) {
    const auto complete = must(run.complete_epochs());
    std::set<std::string> before = files_of(complete[0]);
    const std::set<std::string> after = files_of(complete[1]);
    EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
    EXPECT_EQ(after.size(), before.size() + 1);
  } else {
    // A base's table files are shared until they are compacted.
    const auto complete = must(run.complete_epochs());
    std::set<std::string> before = files_of(complete[0]), shared;
    const std::set<std::string> after = files_of(complete[1]);
    std::set_intersection(before.begin(), before.end(), after.begin(), after.end(),
                          std::inserter(shared, shared.end()));
    EXPECT_FALSE(shared.empty());
  }
}

TEST_P(checkpoint_test, a_flipped_bit_in_any_file_is_detected_and_the_file_named) {
  checkpointed_run run = make_run(1);
  must(run.run_until(epochs));
  ASSERT_EQ(must(run.verify_last()), epochs);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(run.store_directory())) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const uint64_t bytes = entry.file_size();
    for (const uint64_t at : {uint64_t{0}, uint64_t{9}, bytes / 3, bytes / 2, bytes - 9, bytes - 1}) {
      if (at >= bytes) continue;
      SCOPED_TRACE(entry.path().string() + " at " + std::to_string(at));
      must(fault_injecting_file_system::flip_bit(entry.path().string(), at, static_cast<unsigned>(at % 8)));
      const auto verified = run.verify_last();
      must(fault_injecting_file_system::flip_bit(entry.path().string(), at, static_cast<unsigned>(at % 8)));
      ASSERT_FALSE(verified);
      EXPECT_TRUE(verified.error().code == error_code::corrupt || verified.error().code == error_code::incompatible)
          << verified.error().message;
      EXPECT_NE(verified.error().message.find(entry.path().filename().string()), std::string::npos)
          << verified.error().message;
    }
  }
  EXPECT_GT(files, GetParam() ? 7 : 10);
  must(run.run_until(epochs + 1));
}

TEST_P(checkpoint_test, a_full_disk_is_told_and_loses_nothing) {
  uint64_t full = 0;
  for (uint64_t space = 100; space < 40'000; space = space * (GetParam() ? 5 : 8) / 4) {
    scratch_directory scratch;
    fault_injecting_file_system files(scratch.path());
    checkpointed_run run(files, scratch.path(), GetParam());
    must(run.run_until(2));
    files.set_space(space);
    const auto stopped = run.run_until(epochs);
    if (!stopped) {
      ++full;
      ASSERT_EQ(stopped.error().code, error_code::disk_full) << stopped.error().message;
      EXPECT_NE(stopped.error().message.find(scratch.path()), std::string::npos) << stopped.error().message;
    }
    files.set_space(std::nullopt);
    const auto resumed = run.run_until(epochs + 1);
    ASSERT_TRUE(resumed) << resumed.error().message;
  }
  EXPECT_GT(full, 3u);
}

INSTANTIATE_TEST_SUITE_P(backends, checkpoint_test, ::testing::Values(true, false),
                         [](const auto& each) { return each.param ? "memory" : "rocksdb"; });

}  // namespace
}  // namespace systole::testing
