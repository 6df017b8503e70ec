#include "state/store/checkpoint_log.h"

#include <algorithm>
#include <cstdlib>
#include <random>

#include "tests/state/state_fixture.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/seed.h"

namespace systole::testing {
namespace {

proto::LogRecord completed(uint64_t epoch, const std::string& nonce) {
  proto::LogRecord record;
  record.set_term(1);
  record.set_nonce(nonce);
  record.mutable_completed()->set_epoch(epoch);
  return record;
}

/// What a log says, folded as its readers do: all completed epochs.
std::vector<uint64_t> epochs_of(const std::vector<proto::LogRecord>& log) {
  std::vector<uint64_t> epochs;
  for (const proto::LogRecord& record : log) {
    if (record.has_base() && &record == &log.front())
      for (const auto& each : record.base().completed()) epochs.push_back(each.epoch());
    if (record.has_completed()) epochs.push_back(record.completed().epoch());
  }
  return epochs;
}

proto::LogRecord base_of(const std::vector<proto::LogRecord>& log, const std::string& nonce) {
  proto::LogRecord record;
  record.set_term(1);
  record.set_nonce(nonce);
  record.mutable_base();
  for (const uint64_t epoch : epochs_of(log)) record.mutable_base()->add_completed()->set_epoch(epoch);
  return record;
}

TEST(checkpoint_log_test, a_folded_log_is_short_and_says_the_same) {
  scratch_directory scratch;
  checkpoint_log log(posix_file_system(), scratch.path());
  std::vector<uint64_t> wanted;
  for (uint64_t epoch = 1; epoch <= 40; ++epoch) {
    must(log.append(completed(epoch, "n" + std::to_string(epoch))));
    wanted.push_back(epoch);
    if (epoch % 10 == 0) {
      must(log.append(base_of(must(log.read()), "b" + std::to_string(epoch))));
      must(log.trim());
    }
  }
  must(log.append(completed(41, "last")));
  wanted.push_back(41);
  checkpoint_log reader(posix_file_system(), scratch.path());
  EXPECT_EQ(epochs_of(must(reader.read())), wanted);
  EXPECT_EQ(must(posix_file_system().list(scratch.path())).size(), 2u) << "the base, and what follows it";
}

TEST(checkpoint_log_test, a_record_that_is_missing_after_the_base_is_told) {
  scratch_directory scratch;
  checkpoint_log log(posix_file_system(), scratch.path());
  for (uint64_t epoch = 1; epoch <= 3; ++epoch) must(log.append(completed(epoch, "n" + std::to_string(epoch))));
  must(log.append(base_of(must(log.read()), "b")));
  for (uint64_t epoch = 4; epoch <= 6; ++epoch) must(log.append(completed(epoch, "n" + std::to_string(epoch))));
  must(posix_file_system().remove(scratch.path() + "/00000000000000000006"));
  const auto damaged = checkpoint_log(posix_file_system(), scratch.path()).read();
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, error_code::corrupt);
  EXPECT_NE(damaged.error().message.find("00000000000000000006"), std::string::npos) << damaged.error().message;
}

/// A process that slept while another folded the log and removed records finds its next number free again.
TEST(checkpoint_log_test, who_slept_through_a_fold_is_fenced_although_its_number_is_free) {
  for (uint64_t slept_at = 0; slept_at <= 6; ++slept_at) {
    scratch_directory scratch;
    checkpoint_log sleeper(posix_file_system(), scratch.path());
    checkpoint_log other(posix_file_system(), scratch.path());
    for (uint64_t epoch = 1; epoch <= slept_at; ++epoch)
      must(other.append(completed(epoch, "n" + std::to_string(epoch))));
    (void)must(sleeper.read());
    for (uint64_t epoch = slept_at + 1; epoch <= 8; ++epoch)
      must(other.append(completed(epoch, "n" + std::to_string(epoch))));
    must(other.append(base_of(must(other.read()), "b")));
    must(other.trim());
    const std::string number = scratch.path() + "/0000000000000000000" + std::to_string(slept_at + 1);
    ASSERT_FALSE(must(posix_file_system().exists(number))) << "else this shows nothing";
    const auto done = sleeper.append(completed(9, "sleeper"));
    ASSERT_FALSE(done) << "slept after record " << slept_at;
    EXPECT_EQ(done.error().code, error_code::fenced) << done.error().message;
    // Nobody reads what it left, and the next fold removes it.
    EXPECT_EQ(epochs_of(must(checkpoint_log(posix_file_system(), scratch.path()).read())).back(), 8u);
    must(other.append(completed(9, "other")));
    must(other.append(base_of(must(other.read()), "b2")));
    must(other.trim());
    EXPECT_EQ(must(posix_file_system().list(scratch.path())).size(), 1u);
  }
}

/// The power goes at every moment of appending, folding and trimming; afterwards the log says what was acknowledged.
TEST(checkpoint_log_test, no_moment_of_a_fold_loses_a_record) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  for (const bool partly : {false, true}) {
    uint64_t stop = 1;
    for (bool cut = true; cut; ++stop) {
      scratch_directory scratch;
      fault_injecting_file_system files(scratch.path());
      const std::string folder = scratch.path() + "/log";
      must(files.create_directories(folder));
      files.stop_after_operations(stop);
      uint64_t acknowledged = 0;
      cut = false;
      {
        checkpoint_log log(files, folder);
        for (uint64_t epoch = 1; epoch <= 9 && !cut; ++epoch) {
          cut = !log.append(completed(epoch, "n" + std::to_string(epoch)));
          if (!cut) acknowledged = epoch;
          if (epoch % 3 != 0 || cut) continue;
          const auto records = log.read();
          cut = !records || !log.append(base_of(*records, "b" + std::to_string(epoch))) || !log.trim();
        }
      }
      files.cut_power(partly ? std::optional(seed + stop) : std::nullopt);
      checkpoint_log log(files, folder);
      const auto after = log.read();
      ASSERT_TRUE(after) << "cut after " << stop << " operations: " << after.error().message;
      const std::vector<uint64_t> epochs = epochs_of(*after);
      ASSERT_GE(epochs.size(), acknowledged) << "cut after " << stop << " operations";
      ASSERT_LE(epochs.size(), acknowledged + 1);
      for (size_t i = 0; i < epochs.size(); ++i) ASSERT_EQ(epochs[i], i + 1);
      ASSERT_TRUE(log.append(completed(epochs.size() + 1, "next")));
      ASSERT_TRUE(log.append(base_of(must(log.read()), "nextbase")));
      ASSERT_TRUE(log.trim());
    }
    EXPECT_GT(stop, 60u);
  }
}

/// Three processes of one term append, fold, trim and sleep at random: each epoch that one was told is complete is in
/// the log, once, in the order of the answers.
TEST(checkpoint_log_test, of_several_writers_one_wins_each_number) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  int fenced = 0;
  for (int round = 0; round < 20; ++round) {
    scratch_directory scratch;
    std::vector<std::unique_ptr<checkpoint_log>> writers(3);
    std::vector<uint64_t> told;
    for (int step = 0; step < 120; ++step) {
      std::unique_ptr<checkpoint_log>& it = writers[random() % writers.size()];
      if (!it) {
        it = std::make_unique<checkpoint_log>(posix_file_system(), scratch.path());
        (void)must(it->read());
      }
      const std::string nonce = "n" + std::to_string(step);
      const auto action = random() % 10;
      if (action == 0) {
        const auto records = checkpoint_log(posix_file_system(), scratch.path()).read();
        ASSERT_TRUE(records) << records.error().message;
        if (!it->append(base_of(*records, nonce))) it.reset();
      } else if (action == 1) {
        must(it->trim());
      } else if (it->append(completed(static_cast<uint64_t>(step) + 1, nonce))) {
        told.push_back(static_cast<uint64_t>(step) + 1);
      } else {
        ++fenced;
        it.reset();  // it stops; another process takes its place
      }
    }
    const auto log = checkpoint_log(posix_file_system(), scratch.path()).read();
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ(epochs_of(*log), told);
  }
  EXPECT_GT(fenced, 100);
}

}  // namespace
}  // namespace systole::testing
