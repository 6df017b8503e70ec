#include "connectors/sqlite/sqlite_sink.h"
#include "data/decimal.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sink_harness.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

using strings = std::vector<std::string>;

struct sqlite_setup {
  temporary_directory folder;
  manual_clock time = manual_clock(0);
  bool upsert = false;
  bool multiset = false;
  bool check_epoch = true;
  file_system* files = &posix_file_system();
  uint64_t attempts = 0;

  result<std::unique_ptr<sink_factory>> make() {
    proto::Node node;
    node.set_step("out");
    proto::Sink& sink = *node.mutable_sink();
    sink.set_kind(proto::Sink::SQLITE);
    sink.set_path(folder / "db/test.sqlite");
    sink.set_table("results");
    sink.set_write(upsert ? "upsert" : multiset ? "table" : "append");
    if (upsert) sink.add_key("id");
    connector_context context;
    context.job = "test";
    context.outbox_directory = folder / "outbox";
    context.time = &time;
    context.files = files;
    context.guards.epoch_check = check_epoch;
    context.attempt = ++attempts;
    return make_sink(node, {test_columns(), upsert || multiset, {}}, context);
  }

  strings rows(const std::string& sql = "SELECT id || ' ' || name FROM results ORDER BY id, name") {
    strings found;
    const auto database = sqlite_database::open(folder / "db/test.sqlite").value();
    const auto query = database->prepare(sql).value();
    while (query->step().value()) found.push_back(query->text(0));
    return found;
  }
};

sink_run::input append_input() {
  return {{test_batch({{1, "a"}}), test_batch({{2, "b"}})}, {test_batch({}), test_batch({})},
          {test_batch({{3, "c"}, {4, "d"}}), test_batch({})}, {test_batch({{5, "e"}}), test_batch({{6, "f"}})}};
}
const strings appended = {"1 a", "2 b", "3 c", "4 d", "5 e", "6 f"};

using k = row_kind;
sink_run::input changelog_input() {
  const auto changes = [](const std::vector<test_row>& rows) { return std::vector<batch>{test_batch(rows, true)}; };
  return {changes({{1, "a"}, {2, "b"}, {1, "a", k::update_before}, {1, "a2", k::update_after}}),
          changes({{2, "c", k::insert}, {2, "b", k::erase}}),                       // the old row goes after the new one came
          changes({{3, "x"}, {3, "x", k::erase}, {1, "a2", k::update_before}, {1, "a3", k::update_after}}),
          changes({{4, "d", k::update_after}, {4, "e", k::update_after}, {2, "c", k::erase}})};  // no -U: the last counts
}
const strings changed = {"1 a3", "4 e"};

TEST(sqlite_sink, appends_all_shards) {
  sqlite_setup setup;
  sink_run run([&] { return setup.make(); }, append_input());
  ASSERT_TRUE(run.run().has_value());
  EXPECT_EQ(setup.rows(), appended);
  EXPECT_EQ(setup.rows("SELECT epoch FROM systole_epochs"), strings{std::to_string(run.last()->epoch.epoch.value)});
}

TEST(sqlite_sink, may_be_new_in_a_job_that_has_saved_state) {
  for (const bool upsert : {false, true}) {
    sqlite_setup setup{.upsert = upsert};
    for (int attempt = 0; attempt < 2; ++attempt) {  // the first ends before its first commit
      const auto factory = setup.make().value();
      const auto committer = factory->make_committer(1).value();
      ASSERT_TRUE(committer->recover(epoch_id(12)).has_value());
      ASSERT_TRUE(committer->begin(epoch_id(12)).has_value());
      const auto writer = factory->make_writer(0, 1).value();
      ASSERT_TRUE(writer->write(test_batch({{1, "a"}}, upsert)).has_value());
      const auto sealed = writer->seal(epoch_id(113), false).value();
      ASSERT_TRUE(writer->make_durable(epoch_id(113)).has_value());
      if (attempt == 0) continue;
      const auto done = committer->commit({epoch_id(113), epoch_id(12), "u", false}, {{0, sealed.committable}});
      ASSERT_TRUE(done.has_value()) << done.error().message;
    }
    EXPECT_EQ(setup.rows(), strings{"1 a"});
    // A table of a sink that the saved state does not know is another's.
    const auto committer = setup.make().value()->make_committer(1).value();
    ASSERT_TRUE(committer->recover(epoch_id(200)).has_value());
    const auto refused = committer->begin(epoch_id(200));
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("another table"), std::string::npos) << refused.error().message;
  }
}

TEST(sqlite_sink, upserts_and_deletes_by_key) {
  sqlite_setup setup{.upsert = true};
  sink_run run([&] { return setup.make(); }, changelog_input());
  ASSERT_TRUE(run.run().has_value());
  EXPECT_EQ(setup.rows(), changed);
}

TEST(sqlite_sink, keeps_a_table_without_key_as_a_multiset) {
  const auto changes = [](const std::vector<test_row>& rows) { return std::vector<batch>{test_batch(rows, true)}; };
  sqlite_setup setup{.multiset = true};
  sink_run run([&] { return setup.make(); }, {changes({{1, "a"}, {1, "a"}, {1, "a"}, {2, "b"}}),
                                              changes({{1, "a", k::erase}, {2, "b", k::update_before}, {2, "b2", k::update_after}}),
                                              changes({{3, "c", k::erase}, {3, "c"}, {1, "a", k::erase}, {4, "d"}})});
  ASSERT_TRUE(run.run().has_value());
  EXPECT_EQ(setup.rows(), (strings{"1 a", "2 b2", "4 d"}));
}

TEST(sqlite_sink, a_shard_may_take_back_what_another_has_given) {
  sqlite_setup setup{.multiset = true};
  sink_run run([&] { return setup.make(); },
               {{test_batch({{1, "a", k::erase}}, true), test_batch({{1, "a"}, {1, "a"}}, true)}});
  ASSERT_TRUE(run.run().has_value());
  EXPECT_EQ(setup.rows(), strings{"1 a"});
}

TEST(sqlite_sink, two_rows_of_one_key_are_an_error) {
  sqlite_setup setup{.upsert = true};
  sink_run run([&] { return setup.make(); }, {{test_batch({{1, "a"}, {1, "b"}}, true)}});
  const auto failed = run.run();
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().sqlstate, "21000");
}

/// Crashes at step `step` of the run's hooks (counted over all epochs), then restarts.
void crash_and_restart(sqlite_setup& setup, const sink_run::input& input, int step, bool commit_twice) {
  sink_run run([&] { return setup.make(); }, input);
  int passed = 0;
  const auto crash = [&](const test_checkpoint&) -> result<void> {
    if (passed++ == step) return fail(error_code::cancelled, "crash");
    return {};
  };
  run.after_seal = crash;
  run.after_commit = [&](const test_checkpoint& each) -> result<void> {
    if (commit_twice) SYSTOLE_TRY(run.committer().commit(each.epoch, each.shards));
    return crash(each);
  };
  if (!run.run()) {
    run.drop();
    const auto again = run.run();
    ASSERT_TRUE(again.has_value()) << again.error().message;
  }
}

TEST(sqlite_sink, is_exactly_once_across_crashes_between_all_steps) {
  for (int step = 0; step < 10; ++step) {
    for (bool twice : {false, true}) {
      sqlite_setup append, upsert{.upsert = true};
      crash_and_restart(append, append_input(), step, twice);
      EXPECT_EQ(append.rows(), appended) << step;
      crash_and_restart(upsert, changelog_input(), step, twice);
      EXPECT_EQ(upsert.rows(), changed) << step;
    }
  }
}

TEST(sqlite_sink, without_the_epoch_check_rows_come_twice) {
  bool wrong = false;
  for (int step = 0; step < 8; ++step) {
    sqlite_setup setup{.check_epoch = false};
    crash_and_restart(setup, append_input(), step, false);
    wrong |= setup.rows() != appended;
  }
  EXPECT_TRUE(wrong);
}

TEST(sqlite_sink, survives_power_cuts_of_the_outbox) {
  for (uint64_t moment = 0; moment < 60; ++moment) {
    sqlite_setup setup;
    fault_injecting_file_system files(setup.folder.path());
    setup.files = &files;
    files.stop_after_operations(moment);
    sink_run run([&] { return setup.make(); }, append_input());
    for (int attempt = 0; attempt < 3 && !run.run(); ++attempt) {
      run.drop();
      files.cut_power(moment);
    }
    EXPECT_EQ(setup.rows(), appended) << moment;
  }
}

TEST(sqlite_sink, a_damaged_outbox_is_named) {
  sqlite_setup setup;
  fault_injecting_file_system files(setup.folder.path());
  setup.files = &files;
  sink_run run([&] { return setup.make(); }, append_input());
  run.after_seal = [&](const test_checkpoint& each) -> result<void> {
    const auto segments = segments_after(each.shards, each.epoch.previous).value();
    if (!segments.empty()) files.flip_bit_on_read(segments[0].path, segments[0].bytes - 3, 2);
    return {};
  };
  const auto failed = run.run();
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, error_code::corrupt);
  EXPECT_NE(failed.error().message.find(".seg"), std::string::npos);
  EXPECT_TRUE(setup.rows().empty());
}

TEST(sqlite_sink, refuses_rows_and_epochs_of_other_runs) {
  sqlite_setup setup;
  sink_run first([&] { return setup.make(); }, append_input());
  ASSERT_TRUE(first.run().has_value());
  sink_run second([&] { return setup.make(); }, append_input());
  const auto refused = second.run();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, error_code::already_exists);
  EXPECT_EQ(setup.rows(), appended);
  // The same epoch of another checkpoint, and a gap.
  auto committer = setup.make().value()->make_committer(1).value();
  commit_epoch other = first.last()->epoch;
  other.uuid = "another";
  EXPECT_EQ(committer->commit(other, {}).error().code, error_code::incompatible);
  EXPECT_EQ(committer->commit({epoch_id(99), epoch_id(98), "u", false}, {}).error().code, error_code::incompatible);
}

TEST(sqlite_sink, a_keyed_table_goes_back_on_a_rewind_and_converges) {
  sqlite_setup setup{.upsert = true};
  sink_run run([&] { return setup.make(); }, changelog_input());
  std::optional<test_checkpoint> early;
  run.after_commit = [&](const test_checkpoint& each) -> result<void> {
    if (!early) early = each;
    return {};
  };
  ASSERT_TRUE(run.run().has_value());
  const auto factory = setup.make().value();
  const auto committer = factory->make_committer(1).value();
  ASSERT_TRUE(committer->recover(early->epoch.epoch).has_value());
  ASSERT_TRUE(committer->commit(early->epoch, early->shards).has_value());
  const auto writer = factory->make_writer(0, 1).value();
  ASSERT_TRUE(writer->restore(early->snapshots[0]).has_value());
  const sink_run::input input = changelog_input();
  for (size_t i = 1; i < input.size(); ++i) ASSERT_TRUE(writer->write(input[i][0]).has_value());
  const auto sealed = writer->seal(epoch_id(50), true);
  ASSERT_TRUE(writer->make_durable(epoch_id(50)).has_value());
  ASSERT_TRUE(committer->commit({epoch_id(50), early->epoch.epoch, "u50", true}, {{0, sealed->committable}}).has_value());
  EXPECT_EQ(setup.rows(), changed);
}

TEST(sqlite_sink, takes_a_table_of_the_users_that_fits_and_names_what_does_not) {
  const auto recover_into = [](const std::string& table) {
    sqlite_setup setup;
    EXPECT_TRUE(posix_file_system().create_directories(setup.folder / "db").has_value());
    EXPECT_TRUE(sqlite_database::open(setup.folder / "db/test.sqlite").value()->execute("CREATE TABLE results " + table).has_value());
    const auto recovered = setup.make().value()->make_committer(1).value()->recover(epoch_id(0));
    if (!recovered) {
      EXPECT_EQ(recovered.error().code, error_code::incompatible);
    }
    return recovered ? std::string() : recovered.error().message;
  };
  EXPECT_EQ(recover_into("(name VARCHAR(10), id BIGINT NOT NULL, note TEXT, at TEXT NOT NULL DEFAULT '')"), "");
  EXPECT_EQ(recover_into("(id, name)"), "");
  EXPECT_NE(recover_into("(id INT, label TEXT)").find("column name is missing"), std::string::npos);
  EXPECT_NE(recover_into("(id INT, name NUMERIC)").find("column name is declared NUMERIC, its values need TEXT"), std::string::npos);
  const std::string extra = recover_into("(id INT, name TEXT, ward TEXT NOT NULL)");
  EXPECT_NE(extra.find("column ward is NOT NULL and not of the stream"), std::string::npos);
  EXPECT_NE(extra.find("table results of SQLite file"), std::string::npos);
}

TEST(sqlite_sink, waits_for_a_lock_and_then_says_who_has_it) {
  sqlite_setup setup;
  sink_run run([&] {
    auto made = setup.make();
    static_cast<sqlite_sink_factory&>(**made).set_lock_wait_ms(30);
    return made;
  }, append_input());
  std::unique_ptr<sqlite_database> other;
  run.after_seal = [&](const test_checkpoint& each) -> result<void> {
    if (each.position == 2) {
      other = sqlite_database::open(setup.folder / "db/test.sqlite").value();
      return other->execute("BEGIN EXCLUSIVE");
    }
    return {};
  };
  const auto locked = run.run();
  ASSERT_FALSE(locked.has_value());
  EXPECT_EQ(locked.error().code, error_code::unavailable);
  EXPECT_NE(locked.error().message.find("locked for 30 ms"), std::string::npos) << locked.error().message;
  EXPECT_NE(locked.error().message.find("test.sqlite"), std::string::npos);
  // Once it is free, the job goes on where it was.
  other.reset();
  run.drop();
  run.after_seal = nullptr;
  ASSERT_TRUE(run.run().has_value());
  EXPECT_EQ(setup.rows(), appended);
}

TEST(sqlite_sink, two_sinks_share_a_file) {
  temporary_directory folder;
  manual_clock time;
  std::vector<std::unique_ptr<sink_run>> runs;
  for (const char* step : {"left", "right"})
    runs.push_back(std::make_unique<sink_run>([&folder, &time, step] {
      proto::Node node;
      node.set_step(step);
      node.mutable_sink()->set_kind(proto::Sink::SQLITE);
      node.mutable_sink()->set_path(folder / "test.sqlite");
      node.mutable_sink()->set_table(step);
      connector_context context;
      context.job = "test";
      context.outbox_directory = folder / "outbox";
      context.time = &time;
      context.files = &posix_file_system();
      return make_sink(node, {test_columns(), false, {}}, context);
    }, append_input()));
  // The second runs whole between two epochs of the first.
  runs[0]->after_seal = [&](const test_checkpoint& each) { return each.position == 1 ? runs[1]->run() : result<void>(); };
  const auto ran = runs[0]->run();
  ASSERT_TRUE(ran.has_value()) << ran.error().message;
  const auto database = sqlite_database::open(folder / "test.sqlite").value();
  const auto query = database->prepare("SELECT (SELECT count(*) FROM \"left\") || ' ' || (SELECT count(*) FROM \"right\") || ' ' || "
                                       "(SELECT count(*) FROM systole_epochs)").value();
  ASSERT_TRUE(query->step().value());
  EXPECT_EQ(query->text(0), "6 6 2");
}

TEST(sqlite_sink, keeps_numeric_exact_and_null_keys_single) {
  temporary_directory folder;
  manual_clock time;
  proto::Node node;
  node.set_step("out");
  node.mutable_sink()->set_kind(proto::Sink::SQLITE);
  node.mutable_sink()->set_path(folder / "test.sqlite");
  node.mutable_sink()->set_table("t");
  node.mutable_sink()->set_write("upsert");
  node.mutable_sink()->add_key("id");
  connector_context context;
  context.outbox_directory = folder / "outbox";
  context.time = &time;
  context.files = &posix_file_system();
  const schema columns{{{"id", {type_id::int32}}, {"amount", {type_id::numeric, 38, 2}}, {"at", {type_id::timestamptz}}}};
  const auto factory = sqlite_sink_factory::make(node, {columns, true, {}}, context).value();
  const auto committer = factory->make_committer(1).value();
  const auto writer = factory->make_writer(0, 1).value();
  ASSERT_TRUE(committer->recover(epoch_id(0)).has_value());
  for (uint64_t epoch : {1u, 2u}) {
    column_builder id({type_id::int32}, 1), amount({type_id::numeric, 38, 2}, 1), at({type_id::timestamptz}, 1);
    id.append_null();
    amount.append_numeric(power_of_ten(37) + static_cast<int128>(epoch), 2);
    at.append<int64_t>(0);
    ASSERT_TRUE(writer->write(batch(1, {id.finish(), amount.finish(), at.finish()})).has_value());
    const auto sealed = writer->seal(epoch_id(epoch), false).value();
    ASSERT_TRUE(writer->make_durable(epoch_id(epoch)).has_value());
    ASSERT_TRUE(committer->commit({epoch_id(epoch), epoch_id(epoch - 1), "u", false}, {{0, sealed.committable}}).has_value());
  }
  const auto database = sqlite_database::open(folder / "test.sqlite").value();
  const auto query = database->prepare("SELECT amount || ' ' || typeof(amount) || ' ' || at FROM t").value();
  ASSERT_TRUE(query->step().value());
  EXPECT_EQ(query->text(0), "1" + std::string(34, '0') + "0.02 text 1970-01-01 00:00:00.000000");
  EXPECT_FALSE(query->step().value());
}

}  // namespace
}  // namespace systole::testing
