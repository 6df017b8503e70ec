// A sink that is slower than its source: what waits for the commit is counted, bounded by the task that stops there, and
// gone with the commit.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/limits.h"
#include "connectors/factory.h"
#include "sink_harness.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

/// The task's rule (actors/task.cc), with a limit that a test can reach.
constexpr uint64_t limit_bytes = 4 * limits::mebibyte;

uint64_t bytes_below(const std::string& folder) {
  uint64_t bytes = 0;
  for (const auto& each : std::filesystem::recursive_directory_iterator(folder)) {
    if (each.is_regular_file()) bytes += each.file_size();
  }
  return bytes;
}

size_t segments_below(const std::string& folder) {
  size_t count = 0;
  if (!std::filesystem::exists(folder)) return 0;
  for (const auto& each : std::filesystem::recursive_directory_iterator(folder))
    count += each.path().extension() == ".seg";
  return count;
}

class outbox_limit : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<sink_factory> make() {
    const std::string kind = GetParam();
    proto::Node node;
    node.set_step("out");
    proto::Sink& sink = *node.mutable_sink();
    sink.set_path(folder.path() + (kind.starts_with("sqlite") ? "/out.sqlite" : kind.starts_with("table") ? "/out.csv" : "/out"));
    sink.set_kind(kind.starts_with("sqlite") ? proto::Sink::SQLITE : kind.starts_with("table") ? proto::Sink::TABLE_FILE : proto::Sink::FILES);
    sink.set_table("rows");
    if (kind.ends_with("keyed")) {
      sink.set_write("upsert");
      sink.add_key("id");
    }
    sink.set_roll_bytes(kind == "files_unrolled" ? int64_t{1} << 40 : 1);
    connector_context context;
    context.job = "test";
    context.outbox_directory = folder / "outbox";
    context.time = &time;
    context.files = &files;
    return make_sink(node, {test_columns(), kind.ends_with("keyed"), {}}, context).value();
  }
  temporary_directory folder;
  fault_injecting_file_system files{folder.path()};
  manual_clock time;
};

TEST_P(outbox_limit, holds_while_the_sink_is_slow_and_is_free_again_with_the_commit) {
  const auto factory = make();
  const auto committer = factory->make_committer(1).value();
  ASSERT_TRUE(committer->recover(epoch_id(0)).has_value());
  const auto writer = factory->make_writer(0, 1).value();
  EXPECT_EQ(writer->outbox_bytes(), 0u);
  int32_t id = 0;
  const std::string name(200, 'n');
  for (uint64_t epoch = 1; epoch <= 3; ++epoch) {
    const uint64_t before = bytes_below(folder.path());
    uint64_t batches = 0;
    // The source would give for ever; the task stops it at the limit and asks for an epoch.
    for (; writer->outbox_bytes() <= limit_bytes; ++batches) {
      ASSERT_LT(batches, 1000u) << "the outbox does not see what it holds";
      std::vector<test_row> rows;
      for (int i = 0; i < 500; ++i) rows.push_back({id++, name});
      ASSERT_TRUE(writer->write(test_batch(rows, factory->accepts_changelog() && std::string(GetParam()).ends_with("keyed"))).has_value());
    }
    EXPECT_GT(batches, 10u) << "the limit is in bytes of rows, not reached by a few";
    const auto sealed = writer->seal(epoch_id(epoch), false).value();
    ASSERT_TRUE(writer->make_durable(epoch_id(epoch)).has_value());
    // What is on disk and not committed stays near the limit.
    EXPECT_LT(bytes_below(folder.path()) - before, 2 * limit_bytes);
    ASSERT_TRUE(committer->commit({epoch_id(epoch), epoch_id(epoch - 1), "u", false}, {{0, sealed.committable}}).has_value());
    EXPECT_LE(writer->outbox_bytes(), limit_bytes / 2) << "the source goes on";
    EXPECT_EQ(segments_below(folder / "outbox"), 0u)
        << "what is committed takes no disk, or the next epoch would double it";
  }
}

/// Those whose sealed rows wait for a commit; others keep them where they stay.
using outbox_until_commit = outbox_limit;

TEST_P(outbox_until_commit, counts_sealed_epochs) {
  const std::string kind = GetParam();
  const auto factory = make();
  const auto committer = factory->make_committer(1).value();
  ASSERT_TRUE(committer->recover(epoch_id(0)).has_value());
  const auto writer = factory->make_writer(0, 1).value();
  uint64_t held = 0;
  std::string committable;
  for (uint64_t epoch = 1; epoch <= 3; ++epoch) {  // aborted but for the last: their rows join the next
    ASSERT_TRUE(writer->write(test_batch({{static_cast<int32_t>(epoch), std::string(1000, 'x')}}, kind.ends_with("keyed"))).has_value());
    committable = writer->seal(epoch_id(epoch), false).value().committable;
    ASSERT_TRUE(writer->make_durable(epoch_id(epoch)).has_value());
    EXPECT_GE(writer->outbox_bytes(), held + 1000);
    held = writer->outbox_bytes();
  }
  ASSERT_TRUE(committer->commit({epoch_id(3), epoch_id(0), "u", false}, {{0, committable}}).has_value());
  EXPECT_EQ(writer->outbox_bytes(), 0u);
}

INSTANTIATE_TEST_SUITE_P(sinks, outbox_limit, ::testing::Values("files", "files_unrolled", "table", "table_keyed", "sqlite", "sqlite_keyed"),
                         [](const auto& each) { return std::string(each.param); });
INSTANTIATE_TEST_SUITE_P(sinks, outbox_until_commit, ::testing::Values("files", "table_keyed", "sqlite", "sqlite_keyed"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace systole::testing
