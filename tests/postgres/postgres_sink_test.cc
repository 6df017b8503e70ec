#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/postgres/postgres_sink.h"
#include "cutting_proxy.h"
#include "sink_setup.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

using ::testing::HasSubstr;

/// As stream(), over two shards: odd ids to the second.
sink_run::input two_shards(bool changelog) {
  sink_run::input made;
  for (const auto& epoch : stream(changelog)) {
    std::vector<uint32_t> even, odd;
    for (uint32_t row = 0; row < epoch[0].rows(); ++row) (epoch[0].at(0).values<int32_t>()[row] % 2 == 0 ? even : odd).push_back(row);
    made.push_back({gather(epoch[0], even), gather(epoch[0], odd)});
  }
  return made;
}

class postgres_sink : public ::testing::TestWithParam<bool> {
 protected:
  bool upsert() const { return GetParam(); }
  std::string expected() const {
    if (!upsert()) return "0,first\n1,second\n10,first\n11,second\n30,first\n31,second\n";
    return "0,corrected\n10,corrected\n20,corrected\n30,first\n31,second\n";
  }
  /// Dies at `step`, then at `again` of the second attempt; what is there at the end, or the error.
  std::string disturbed(uint64_t step, std::optional<uint64_t> again, bool check_epochs) {
    sink_setup setup{.upsert = upsert(), .check_epochs = check_epochs};
    temporary_directory folder;
    fault_injecting_file_system files(folder.path());  // without faults: it spares the disk its syncs
    sink_run run(setup.maker(folder.path(), files), stream(upsert()));
    run.crash_at(step);
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto ran = run.run();
      if (ran) return setup.rows();
      if (ran.error().code != error_code::cancelled) return ran.error().message;
      run.drop();
      if (attempt == 0 && again) run.crash_at(*again);
    }
    return "does not come to its end";
  }
};

TEST_P(postgres_sink, is_exactly_once_after_a_crash_at_every_step) {
  sink_setup setup{.upsert = upsert()};
  temporary_directory folder;
  sink_run run(setup.maker(folder.path()), stream(upsert()));
  ASSERT_EQ(message_of(run.run()), "fine");
  ASSERT_EQ(setup.rows(), expected());
  ASSERT_GT(run.steps(), 20u);
  for (uint64_t step = 0; step < run.steps(); ++step) {
    ASSERT_EQ(disturbed(step, std::nullopt, true), expected()) << step;
    if (step % 3 == 0) {
      ASSERT_EQ(disturbed(step, step % 5, true), expected()) << step;
    }
  }
}

TEST(postgres_sink_control, doubles_rows_without_the_epoch_check) {
  bool wrong = false;
  for (uint64_t step = 0; step < 24 && !wrong; ++step) {
    sink_setup setup{.check_epochs = false};
    temporary_directory folder;
    sink_run run(setup.maker(folder.path()), stream(false));
    run.crash_at(step);
    for (int attempt = 0; attempt < 2 && !run.run(); ++attempt) run.drop();
    wrong = setup.rows() != "0,first\n1,second\n10,first\n11,second\n30,first\n31,second\n";
  }
  EXPECT_TRUE(wrong);
}

TEST_P(postgres_sink, rides_out_a_kill_of_the_server_in_every_transaction) {
  for (const std::string_view at : {"begun", "applied", "committing", "committed"}) {
    int kills = 0;
    sink_setup setup{.upsert = upsert()};
    setup.on_phase = [&](std::string_view phase) {
      if (phase != at || kills >= 3) return;
      ++kills;
      server().kill();
      server().start();
    };
    temporary_directory folder;
    sink_run run(setup.maker(folder.path()), two_shards(upsert()));
    EXPECT_EQ(message_of(run.run()), "fine") << at;
    EXPECT_EQ(setup.rows(), expected()) << at;
    EXPECT_EQ(kills, 3);
  }
}

TEST_P(postgres_sink, rides_out_a_shutdown_with_the_server_away_for_a_while) {
  sink_setup setup{.upsert = upsert()};
  std::thread later;
  bool away = false;
  setup.on_phase = [&](std::string_view phase) {
    if (phase != "applied" || away) return;
    away = true;
    server().shut_down();
    later = std::thread([] { server().start(); });
  };
  temporary_directory folder;
  sink_run run(setup.maker(folder.path()), stream(upsert()));
  EXPECT_EQ(message_of(run.run()), "fine");
  later.join();
  EXPECT_EQ(setup.rows(), expected());
}

TEST_P(postgres_sink, decides_a_commit_whose_answer_was_lost_by_the_row) {
  for (const auto cut : {cutting_proxy::cut::before_commit, cutting_proxy::cut::after_commit}) {
    for (int commit = 0; commit < 5; ++commit) {
      temporary_directory folder;
      cutting_proxy proxy(folder.path(), server().folder());
      sink_setup setup{.upsert = upsert(), .socket_folder = folder.path()};
      proxy.set(cut, commit);
      sink_run run(setup.maker(folder.path()), stream(upsert()));
      EXPECT_EQ(message_of(run.run()), "fine") << commit;
      EXPECT_EQ(proxy.cuts(), 1) << commit;
      EXPECT_EQ(setup.rows(), expected()) << commit;
    }
  }
}

TEST(postgres_sink_control, doubles_rows_of_a_lost_answer_without_the_epoch_check) {
  temporary_directory folder;
  cutting_proxy proxy(folder.path(), server().folder());
  sink_setup setup{.check_epochs = false, .socket_folder = folder.path()};
  proxy.set(cutting_proxy::cut::after_commit, 1);  // the first COMMIT is recover()'s
  sink_run run(setup.maker(folder.path()), stream(false));
  EXPECT_EQ(message_of(run.run()), "fine");
  EXPECT_THAT(setup.rows(), HasSubstr("0,first\n0,first\n"));
}

TEST_P(postgres_sink, goes_on_with_another_number_of_shards) {
  sink_setup setup{.upsert = upsert()};
  temporary_directory folder;
  sink_run one(setup.maker(folder.path()), stream(upsert()));
  one.crash_at(16);
  ASSERT_FALSE(one.run());
  one.drop();
  ASSERT_TRUE(one.last());
  const test_checkpoint saved = *one.last();
  // The new attempt of two shards commits what the old one shard left, then gives the rest.
  const auto factory = setup.make(folder.path());
  ASSERT_TRUE(factory);
  auto committer = (*factory)->make_committer(2).value();
  ASSERT_EQ(message_of(committer->recover(saved.epoch.epoch)), "fine");
  ASSERT_EQ(message_of(committer->commit(saved.epoch, saved.shards)), "fine");
  std::vector<std::unique_ptr<sink_writer>> writers;
  for (uint32_t shard = 0; shard < 2; ++shard) {
    writers.push_back((*factory)->make_writer(shard, 2).value());
  }
  ASSERT_EQ(message_of(writers[0]->restore(saved.snapshots[0])), "fine");
  const sink_run::input rest = two_shards(upsert());
  epoch_id previous = saved.epoch.epoch;
  for (uint64_t at = saved.position; at < rest.size(); ++at) {
    const epoch_id epoch(previous.value + 5);
    std::vector<shard_commit> shards;
    for (uint32_t shard = 0; shard < 2; ++shard) {
      ASSERT_TRUE(writers[shard]->write(rest[at][shard]));
      shards.push_back({shard, writers[shard]->seal(epoch, false).value().committable});
      ASSERT_TRUE(writers[shard]->make_durable(epoch));
    }
    ASSERT_EQ(message_of(committer->commit({epoch, previous, "uuid", false}, shards)), "fine");
    previous = epoch;
  }
  EXPECT_EQ(setup.rows(), expected());
}

INSTANTIATE_TEST_SUITE_P(writes, postgres_sink, ::testing::Bool(), [](const auto& each) { return each.param ? "upsert" : "append"; });

TEST(postgres_fence, refuses_an_older_term) {
  sink_setup old_one{.term = 4};
  temporary_directory folder;
  sink_run before(old_one.maker(folder.path()), stream(false));
  before.after_seal = [&](const test_checkpoint& checkpoint) -> result<void> {
    if (checkpoint.position != 2) return {};
    // Another coordinator takes over while this one believes that it leads.
    sink_setup next = old_one;
    next.term = 5;
    auto committer = next.make(folder.path()).value()->make_committer(1).value();
    return committer->recover(before.last()->epoch.epoch);
  };
  const auto ran = before.run();
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, error_code::fenced) << ran.error().message;
  EXPECT_EQ(old_one.rows(), "0,first\n1,second\n");
}

TEST(postgres_fence, ends_a_frozen_predecessor_that_holds_the_row) {
  sink_setup setup;
  temporary_directory folder;
  sink_run run(setup.maker(folder.path()), stream(false, 1));
  ASSERT_EQ(message_of(run.run()), "fine");
  // A session of the same name in a transaction, as a worker that was stopped leaves it.
  postgres_settings settings = server().settings();
  settings.application = postgres_application("test", "out");
  const auto frozen = postgres_connection::open(settings).value();
  ASSERT_TRUE(frozen->execute("BEGIN; SELECT * FROM " + setup.schema_name + ".systole_epochs FOR UPDATE"));
  auto committer = setup.make(folder.path()).value()->make_committer(1).value();
  EXPECT_EQ(message_of(committer->recover(run.last()->epoch.epoch)), "fine");
  EXPECT_FALSE(frozen->execute("COMMIT"));
}

TEST(postgres_fence, another_run_and_a_wrong_epoch_stop_the_sink) {
  sink_setup setup;
  temporary_directory folder, other;
  sink_run run(setup.maker(folder.path()), stream(false));
  ASSERT_EQ(message_of(run.run()), "fine");
  sink_run again(setup.maker(other.path()), stream(false));
  const auto second = again.run();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, error_code::already_exists);
  // Restored from a copy: the row is of an epoch that is neither this one nor the one before.
  server().execute("UPDATE " + setup.schema_name + ".systole_epochs SET epoch = 2");
  const auto committed = run.committer().commit(run.last()->epoch, run.last()->shards);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, error_code::incompatible);
  EXPECT_THAT(committed.error().message, HasSubstr("has epoch 2"));
}

TEST(postgres_session_settings, commits_are_durable_whatever_the_role_says) {
  server().execute("ALTER ROLE systole SET synchronous_commit = off");
  sink_setup setup;
  temporary_directory folder;
  auto committer = setup.make(folder.path()).value()->make_committer(1).value();
  const auto connection = postgres_connection::open(server().settings()).value();
  EXPECT_EQ(connection->query("SHOW synchronous_commit").value().text(0, 0), "on");
  server().execute("ALTER ROLE systole RESET synchronous_commit");
}

}  // namespace
}  // namespace systole::testing
