#include "coordination/checkpoint_history.h"

#include <gtest/gtest.h>

#include "tests/support/seed.h"

namespace systole::testing {
namespace {

struct log_writer {
  std::vector<proto::LogRecord> records;
  proto::LogRecord& add() {
    proto::LogRecord& made = records.emplace_back();
    made.set_sequence(records.size());
    made.set_term(1);
    return made;
  }
  log_writer& started() {
    add().mutable_started()->set_attempt(1);
    return *this;
  }
  log_writer& completed(uint64_t epoch) {
    add().mutable_completed()->set_epoch(epoch);
    return *this;
  }
  log_writer& rewound(uint64_t from, uint64_t to) {
    proto::LogRecord& made = add();
    made.mutable_rewound()->set_from_epoch(from);
    made.mutable_rewound()->set_to_epoch(to);
    return *this;
  }
  log_writer& failed(uint64_t attempt) {
    proto::LogRecord::Failed& made = *add().mutable_failed();
    made.set_attempt(attempt);
    made.set_at_us(static_cast<int64_t>(attempt * 1'000));
    made.set_code("unavailable");
    made.set_message("worker " + std::to_string(attempt) + " is gone");
    return *this;
  }
  log_writer& finished(uint64_t epoch) {
    add().mutable_finished()->set_epoch(epoch);
    return *this;
  }
};

TEST(checkpoint_history, an_empty_log_is_a_fresh_start) {
  const auto history = read_history({});
  ASSERT_TRUE(history);
  EXPECT_FALSE(history->last());
  EXPECT_EQ(history->next_epoch, epoch_id(1));
  EXPECT_FALSE(history->finished);
}

TEST(checkpoint_history, the_last_completed_epoch_is_restored) {
  const auto history = read_history(log_writer().started().completed(1).completed(4).started().records);
  ASSERT_TRUE(history);
  EXPECT_EQ(history->last()->epoch, epoch_id(4));
  EXPECT_EQ(history->attempts, 2u);
}

TEST(checkpoint_history, numbers_that_an_attempt_may_have_used_and_aborted_are_never_used_again) {
  // The attempt that completed 4 may have aborted up to 104 when it crashed; one more may have aborted up to 204.
  EXPECT_GT(read_history(log_writer().started().completed(4).records)->next_epoch, epoch_id(104));
  EXPECT_GT(read_history(log_writer().started().completed(4).started().records)->next_epoch, epoch_id(204));
  EXPECT_GT(read_history(log_writer().started().started().records)->next_epoch, epoch_id(200));
}

TEST(checkpoint_history, epochs_that_go_back_are_corrupt) {
  const auto history = read_history(log_writer().completed(4).completed(4).records);
  ASSERT_FALSE(history);
  EXPECT_EQ(history.error().code, error_code::corrupt);
}

TEST(checkpoint_history, a_rewind_forgets_later_epochs_but_not_their_numbers) {
  const auto history =
      read_history(log_writer().completed(1).completed(2).completed(3).finished(3).rewound(3, 1).records);
  ASSERT_TRUE(history);
  EXPECT_EQ(history->last()->epoch, epoch_id(1));
  EXPECT_FALSE(history->finished);
  EXPECT_GT(history->next_epoch, epoch_id(3));
}

TEST(checkpoint_history, a_rewind_to_the_start_leaves_nothing) {
  const auto history = read_history(log_writer().completed(1).rewound(1, 0).records);
  ASSERT_TRUE(history);
  EXPECT_FALSE(history->last());
}

TEST(checkpoint_history, a_record_of_a_newer_version_is_refused) {
  const auto history = read_history({proto::LogRecord()});
  ASSERT_FALSE(history);
  EXPECT_EQ(history.error().code, error_code::incompatible);
}

TEST(checkpoint_history, knows_that_a_job_has_finished) {
  EXPECT_TRUE(read_history(log_writer().started().completed(1).finished(1).records)->finished);
}

TEST(checkpoint_history, knows_the_last_failures_and_counts_no_attempt_for_them) {
  log_writer log;
  log.started();
  for (uint64_t attempt = 1; attempt <= 23; ++attempt) log.failed(attempt);
  const auto history = read_history(log.records);
  ASSERT_TRUE(history);
  ASSERT_EQ(history->failures.size(), kept_failures);
  EXPECT_EQ(history->failures.front().attempt, 4u);
  EXPECT_EQ(history->failures.back().attempt, 23u);
  EXPECT_EQ(history->failures.back().at_us, 23'000);
  EXPECT_EQ(history->failures.back().cause.message, "worker 23 is gone");
  EXPECT_EQ(history->attempts, 1u);
  EXPECT_EQ(history->next_epoch, read_history(log_writer().started().records)->next_epoch);
}

TEST(checkpoint_history, a_fold_keeps_failures_and_one_of_an_earlier_version_has_none) {
  proto::LogRecord base = folded(*read_history(log_writer().started().failed(1).failed(2).records), term_id(1), 3);
  log_writer after;
  after.records = {base};
  const auto history = read_history(after.failed(3).records);
  ASSERT_TRUE(history);
  ASSERT_EQ(history->failures.size(), 3u);
  EXPECT_EQ(history->failures[0].cause.message, "worker 1 is gone");
  EXPECT_EQ(history->failures[2].attempt, 3u);
  base.mutable_base()->clear_failures();
  const auto earlier = read_history({base});
  ASSERT_TRUE(earlier);
  EXPECT_TRUE(earlier->failures.empty());
  EXPECT_EQ(earlier->attempts, 1u);
}

/// Whatever a log holds, its fold and what follows say the same as all of it.
TEST(checkpoint_history, a_folded_log_says_the_same) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  dice random(seed);
  for (int round = 0; round < 500; ++round) {
    std::vector<proto::LogRecord> whole, short_one;
    uint64_t epoch = 0, attempt = 0;
    for (int64_t i = random.between(1, 60); i > 0; --i) {
      proto::LogRecord record;
      record.set_term(1 + attempt / 3);
      switch (random.between(0, 7)) {
        case 0:
          record.mutable_started()->set_attempt(++attempt);
          record.mutable_started()->set_parallelism(static_cast<uint32_t>(random.between(0, 4)));
          record.mutable_started()->add_sinks()->set_step("s");
          record.mutable_started()->mutable_sinks(0)->set_shards(static_cast<uint32_t>(random.between(1, 4)));
          break;
        case 1: record.mutable_led(); break;
        case 2:
          record.mutable_asked()->set_request("r" + std::to_string(i));
          record.mutable_asked()->set_kind(random.chance(0.5) ? proto::LogRecord::RESCALE : proto::LogRecord::STOP);
          record.mutable_asked()->set_parallelism(static_cast<uint32_t>(random.between(1, 4)));
          break;
        case 3:
          record.mutable_failed()->set_attempt(attempt);
          record.mutable_failed()->set_at_us(i);
          record.mutable_failed()->set_code("io");
          record.mutable_failed()->set_message("disk " + std::to_string(i));
          break;
        default:
          record.mutable_completed()->set_epoch(epoch += static_cast<uint64_t>(random.between(1, 9)));
          record.mutable_completed()->set_savepoint(random.chance(0.2));
      }
      whole.push_back(record);
      short_one.push_back(record);
      if (!random.chance(0.1)) continue;
      short_one = {folded(*read_history(short_one), term_id(record.term()), 1'000)};
    }
    const auto a = read_history(whole), b = read_history(short_one);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(folded(*a, a->term, 1'000).SerializeAsString(), folded(*b, b->term, 1'000).SerializeAsString());
    EXPECT_EQ(a->next_epoch, b->next_epoch);
    EXPECT_EQ(a->term, b->term);
  }
}

TEST(checkpoint_history, a_fold_keeps_the_retained_epochs_and_every_savepoint) {
  log_writer log;
  log.started();
  for (uint64_t epoch = 1; epoch <= 9; ++epoch) log.completed(epoch);
  log.records[2].mutable_completed()->set_savepoint(true);
  const auto history = read_history({folded(*read_history(log.records), term_id(1), 3)});
  ASSERT_TRUE(history);
  std::vector<uint64_t> kept;
  for (const auto& each : history->completed) kept.push_back(each.epoch.value);
  EXPECT_EQ(kept, (std::vector<uint64_t>{2, 7, 8, 9}));
  EXPECT_EQ(history->records, 1u);
}

}  // namespace
}  // namespace systole::testing
