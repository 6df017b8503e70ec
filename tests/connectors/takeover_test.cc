// The parts that make a takeover safe: names of files, the fence before a replacement, the log of a table of appended rows.
#include <gtest/gtest.h>

#include <algorithm>

#include "connectors/factory.h"
#include "connectors/files/table_log.h"
#include "connectors/outbox/file_origin.h"
#include "connectors/outbox/sink_fence.h"
#include "connectors/sqlite/sqlite_database.h"
#include "sink_cases.h"
#include "sink_harness.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing::takeover_tests {
namespace {

using strings = std::vector<std::string>;

struct sink_world {
  temporary_directory folder;
  fault_injecting_file_system files{folder.path()};
  manual_clock time;
  sink_case what;

  explicit sink_world(const std::string& name) {
    for (const sink_case& each : sink_cases())
      if (each.name == name) what = each;
  }
  std::unique_ptr<sink_factory> make(uint64_t attempt) {
    proto::Node node;
    node.set_step("out");
    what.settings(*node.mutable_sink(), folder.path());
    connector_context context;
    context.job = "test";
    context.outbox_directory = folder / "outbox";
    context.time = &time;
    context.files = &files;
    context.attempt = attempt;
    return make_sink(node, {test_columns(), what.changelog, {}}, context).value();
  }
  std::string published() { return what.result(folder.path()); }
  size_t count(const std::string& in, const std::string& suffix) {
    const strings names = files.list(folder / in).value();
    return static_cast<size_t>(std::count_if(names.begin(), names.end(), [&](const auto& each) { return each.ends_with(suffix); }));
  }
};

TEST(file_origin, is_in_the_name) {
  EXPECT_EQ(name_of({7, 3}, "0-1.seg"), "7-a3-0-1.seg");
  const auto origin = origin_of("7-a3-0-1.seg");
  ASSERT_TRUE(origin.has_value());
  EXPECT_EQ(origin->begun_after, 7u);
  EXPECT_EQ(origin->attempt, 3u);
  const auto old = origin_of("12-0-1.seg");
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->begun_after, 12u);
  EXPECT_EQ(old->attempt, 0u);
  for (const char* foreign : {"", "7", "table", "owner-1-2", "a3-1", ".x.new-1-2", "7-ax-1", "7-a3"})
    EXPECT_FALSE(origin_of(foreign).has_value()) << foreign;
}

TEST(sink_fence, stops_who_was_taken_over) {
  temporary_directory folder;
  file_system& files = posix_file_system();
  const std::string own = folder / "own", path = folder / "table.csv";
  sink_fence older(files, own, {1, 1}), same_attempt(files, own, {2, 1}), newer(files, own, {2, 2});
  ASSERT_TRUE(older.take_over().has_value());
  ASSERT_TRUE(older.replace(path, "older").has_value());
  ASSERT_TRUE(same_attempt.take_over().has_value());
  EXPECT_EQ(older.replace(path, "late").error().code, error_code::fenced);
  ASSERT_TRUE(same_attempt.replace(path, "same").has_value());
  ASSERT_TRUE(newer.take_over().has_value());
  EXPECT_EQ(same_attempt.replace(path, "late").error().code, error_code::fenced);
  EXPECT_EQ(older.take_over().error().code, error_code::fenced);
  ASSERT_TRUE(newer.take_over().has_value()) << "again";
  ASSERT_TRUE(newer.replace(path, "newer").has_value());
  EXPECT_EQ(files.read_all(path, 100).value(), "newer");
  EXPECT_EQ(files.list(own).value(), strings{"owner-2-2"});
}

TEST(sink_fence, a_rename_that_was_held_up_after_the_answer_finds_no_file) {
  temporary_directory folder;
  file_system& files = posix_file_system();
  const std::string path = folder / "table.csv";
  sink_fence newer(files, "", {1, 2});
  sink_fence older(files, "", {1, 1, [&] {  // asked, answered, frozen; the newer one comes, publishes, and it wakes up
                     EXPECT_TRUE(newer.disarm_older(folder.path(), ".table.csv.new-").has_value());
                     EXPECT_TRUE(newer.replace(path, "newer").has_value());
                     return true;
                   }});
  const auto late = older.replace(path, "older");
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, error_code::fenced);
  EXPECT_EQ(files.read_all(path, 100).value(), "newer");
}

TEST(sink_fence, two_owners_never_write_one_temporary_file) {
  temporary_directory folder;
  file_system& files = posix_file_system();
  const std::string path = folder / "table.csv";
  sink_fence older(files, "", {1, 1}), newer(files, "", {2, 1});
  const auto first = files.create(older.temporary_of(path)).value();
  ASSERT_TRUE(first->append("older, and longer").has_value());
  ASSERT_TRUE(newer.replace(path, "newer").has_value());
  ASSERT_TRUE(first->append("late").has_value());
  EXPECT_EQ(files.read_all(path, 100).value(), "newer");
}

/// One epoch of one row by an attempt of its own that begins at `last`.
struct one_epoch {
  std::string committable, snapshot;
};
one_epoch next_attempt(sink_world& in, uint64_t attempt, uint64_t last, const one_epoch& restored, const std::vector<test_row>& rows,
                       bool is_final) {
  const auto factory = in.make(attempt);
  const auto commits = factory->make_committer(1).value();
  EXPECT_TRUE(commits->recover(epoch_id(last)).has_value());
  if (last > 0) {
    const auto done = commits->commit({epoch_id(last), epoch_id(last - 1), "u" + std::to_string(last)}, {{0, restored.committable}});
    EXPECT_TRUE(done.has_value()) << done.error().message;
  }
  const auto writer = factory->make_writer(0, 1).value();
  if (last > 0) {
    const auto done = writer->restore(restored.snapshot);
    EXPECT_TRUE(done.has_value()) << done.error().message;
  }
  EXPECT_TRUE(writer->write(test_batch(rows)).has_value());
  const epoch_id epoch(last + 1);
  one_epoch made{writer->seal(epoch, is_final).value().committable, writer->snapshot()};
  EXPECT_TRUE(writer->make_durable(epoch).has_value());
  const auto done = commits->commit({epoch, epoch_id(last), "u" + std::to_string(last + 1), is_final}, {{0, made.committable}});
  EXPECT_TRUE(done.has_value()) << done.error().message;
  return made;
}

TEST(table_log, has_few_files_however_many_attempts_there_were) {
  sink_world in("table_of_appended_rows");
  std::vector<one_epoch> made{{}};
  std::string expected = "id,name\n";
  size_t most = 0;
  for (uint64_t attempt = 1; attempt <= 60; ++attempt) {
    const std::string name(attempt % 7, 'n');
    made.push_back(next_attempt(in, attempt, attempt - 1, made.back(), {{static_cast<int32_t>(attempt), "r" + name}}, attempt == 60));
    expected += std::to_string(attempt) + ",r" + name + "\n";
    most = std::max(most, in.count("outbox/out", ".log"));
  }
  EXPECT_EQ(in.published(), expected);
  EXPECT_LE(most, 18u);
  // Back to a checkpoint whose files were folded into others since.
  const one_epoch again = next_attempt(in, 61, 10, made[10], {{99, "again"}}, true);
  std::string rewound = expected.substr(0, expected.find("11,r"));
  EXPECT_EQ(in.published(), rewound + "99,again\n");
  // A bit that has turned since is told, not published.
  const std::string path = in.folder.path() + "/outbox/out/" + table_log::decode(again.committable)->parts[0].name;
  ASSERT_TRUE(in.files.flip_bit(path, 1, 0).has_value());
  const auto commits = in.make(62)->make_committer(1).value();
  ASSERT_TRUE(commits->recover(epoch_id(11)).has_value());
  const auto damaged = commits->commit({epoch_id(11), epoch_id(10), "u11", true}, {{0, again.committable}});
  ASSERT_FALSE(damaged.has_value());
  EXPECT_EQ(damaged.error().code, error_code::corrupt);
}

TEST(table_log, goes_on_from_the_one_file_of_version_1) {
  sink_world in("table_of_appended_rows");
  ASSERT_TRUE(in.files.create_directories(in.folder / "outbox/out").has_value());
  ASSERT_TRUE(write_file_durably(in.files, in.folder / "outbox/out/rows.log", "1,a\n2,b\nof no checkpoint").has_value());
  const std::string state("\x01\x08\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0", 17);
  next_attempt(in, 1, 5, {state, state}, {{3, "c"}}, true);
  EXPECT_EQ(in.published(), "id,name\n1,a\n2,b\n3,c\n");
}

TEST(file_sink, publishes_and_lists_a_part_once_though_its_writer_never_hears_of_commits) {
  sink_world in("files_rolled_each_epoch");
  const auto worker = in.make(1), coordinator = in.make(1);  // not in one process: they share no memory
  const auto commits = coordinator->make_committer(1).value();
  const auto writer = worker->make_writer(0, 1).value();
  ASSERT_TRUE(commits->recover(epoch_id(0)).has_value());
  strings listed;
  for (uint64_t epoch = 1; epoch <= 4; ++epoch) {
    ASSERT_TRUE(writer->write(test_batch({{static_cast<int32_t>(epoch), "a"}})).has_value());
    const auto sealed = writer->seal(epoch_id(epoch), false).value();
    ASSERT_TRUE(writer->make_durable(epoch_id(epoch)).has_value());
    ASSERT_TRUE(commits->commit({epoch_id(epoch), epoch_id(epoch - 1), "u"}, {{0, sealed.committable}}).has_value());
    const std::string manifest = in.files.read_all(in.folder.path() + "/out/_manifest-0000000" + std::to_string(epoch) + ".json", 10'000).value();
    for (size_t at = 0; (at = manifest.find("\"name\":\"", at)) != std::string::npos; ++at)
      listed.push_back(manifest.substr(at + 8, manifest.find('"', at + 8) - at - 8));
  }
  EXPECT_EQ(listed, (strings{"part-00000001-0000.ndjson", "part-00000002-0000.ndjson", "part-00000003-0000.ndjson", "part-00000004-0000.ndjson"}));
  EXPECT_GT(writer->outbox_bytes(), 0u);
  worker->on_committed(epoch_id(4));
  worker->on_committed(epoch_id(2));
  EXPECT_EQ(writer->outbox_bytes(), 0u) << "it does not go back";
}

TEST(file_sink, a_staged_file_that_was_damaged_since_its_checkpoint_is_named) {
  sink_world in("files_rolled_at_the_end");
  const one_epoch made = next_attempt(in, 1, 0, {}, {{1, "a"}}, false);
  const strings staged = in.files.list(in.folder / "out/.staging-out").value();
  ASSERT_EQ(staged.size(), 1u);
  ASSERT_TRUE(in.files.flip_bit(in.folder.path() + "/out/.staging-out/" + staged[0], 3, 1).has_value());
  const auto writer = in.make(2)->make_writer(0, 1).value();
  const auto restored = writer->restore(made.snapshot);
  ASSERT_FALSE(restored.has_value());
  EXPECT_EQ(restored.error().code, error_code::corrupt);
  EXPECT_NE(restored.error().message.find(staged[0]), std::string::npos);
}

TEST(sqlite_sink, takes_epochs_of_a_version_that_knew_no_attempts) {
  sink_world in("sqlite_append");
  const one_epoch made = next_attempt(in, 1, 0, {}, {{1, "a"}}, false);
  {
    const auto database = sqlite_database::open(in.folder / "t.sqlite").value();
    ASSERT_TRUE(database->execute("ALTER TABLE systole_epochs DROP COLUMN attempt").has_value());
  }
  next_attempt(in, 2, 1, made, {{2, "b"}}, true);
  EXPECT_EQ(in.published(), "1,a\n2,b\n");
}

TEST(console_sink, says_that_it_needs_a_terminal) {
  manual_clock time;
  proto::Node node;
  node.set_step("out");
  connector_context context;
  context.time = &time;
  context.files = &posix_file_system();
  node.mutable_sink()->set_kind(proto::Sink::CONSOLE);
  EXPECT_TRUE(make_sink(node, {test_columns(), false, {}}, context).value()->needs_terminal());
  node.mutable_sink()->set_kind(proto::Sink::BLACKHOLE);
  EXPECT_FALSE(make_sink(node, {test_columns(), false, {}}, context).value()->needs_terminal());
}

}  // namespace
}  // namespace systole::testing::takeover_tests
