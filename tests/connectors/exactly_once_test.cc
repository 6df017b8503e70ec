#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>

#include "connectors/byte_stream.h"
#include "connectors/factory.h"
#include "connectors/sqlite_database.h"
#include "sink_harness.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

/// A sink with a stream for it, and how its result is read.
struct sink_case {
  std::string name;
  bool changelog = false;
  std::function<void(proto::Sink&, const std::string& folder)> settings;
  std::function<std::string(const std::string& folder)> result;
  bool doubles_without_check = true;  ///< false where an epoch may be applied twice without harm
  bool uses_files_only = true;        ///< false for SQLite, which writes past the file layer
};

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

/// All rows of the published parts, sorted.
std::string parts_of(const std::string& folder) {
  std::vector<std::string> lines;
  const auto names = posix_file_system().list(folder).value();
  for (const std::string& name : names) {
    if (!name.starts_with("part-")) continue;
    std::shared_ptr<readable_file> file = posix_file_system().open(folder + "/" + name).value();
    const auto stream = open_byte_stream(file, packing_of(*file).value(), name).value();
    std::string text;
    char block[4096];
    while (const size_t got = stream->read(block, sizeof block).value()) text.append(block, got);
    std::stringstream each(text);
    for (std::string line; std::getline(each, line);)
      if (line != "id,name") lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

std::string database_of(const std::string& folder) {
  const auto database = sqlite_database::open(folder + "/t.sqlite").value();
  const auto query = database->prepare("SELECT id || ',' || name FROM results ORDER BY id, name").value();
  std::string all;
  while (query->step().value()) all += query->text(0) + "\n";
  return all;
}

std::vector<sink_case> cases() {
  using sink = proto::Sink;
  const auto files = [](int64_t roll_bytes, const char* format, const char* compression) {
    return [=](sink& made, const std::string& folder) {
      made.set_kind(sink::FILES);
      made.set_path(folder + "/out");
      made.set_format(format);
      made.set_compression(compression);
      made.set_roll_bytes(roll_bytes);
    };
  };
  const auto table = [](bool keyed, const char* compression) {
    return [=](sink& made, const std::string& folder) {
      made.set_kind(sink::TABLE_FILE);
      made.set_path(folder + "/out/table.csv");
      made.set_compression(compression);
      if (keyed) made.add_key("id");
    };
  };
  const auto sqlite = [](bool keyed) {
    return [=](sink& made, const std::string& folder) {
      made.set_kind(sink::SQLITE);
      made.set_path(folder + "/t.sqlite");
      made.set_table("results");
      made.set_write(keyed ? "upsert" : "append");
      if (keyed) made.add_key("id");
    };
  };
  const auto parts = [](const std::string& folder) { return parts_of(folder + "/out"); };
  const auto table_text = [](const std::string& folder) { return read_file(folder + "/out/table.csv"); };
  return {
      {"files_rolled_each_epoch", false, files(1, "json", ""), parts},
      {"files_rolled_at_the_end", false, files(1 << 20, "csv", "gzip"), parts},
      {"files_rolled_now_and_then", false, files(60, "json", "zstd"), parts},
      {"table_of_appended_rows", false, table(false, ""), table_text},
      {"table_with_key", true, table(true, ""), table_text, false},
      {"table_as_multiset", true, table(false, ""), table_text},
      {"sqlite_append", false, sqlite(false), database_of, true, false},
      {"sqlite_upsert", true, sqlite(true), database_of, false, false},
      {"collect", true,
       [](sink& made, const std::string& folder) {
         made.set_kind(sink::COLLECT);
         (*made.mutable_options())["out"] = folder + "/sums.json";
       },
       [](const std::string& folder) { return read_file(folder + "/sums.json"); }, false},
  };
}

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
          context.check_epochs = check_epochs;
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
  std::vector<sink_case> all = cases();
  std::erase_if(all, [property](const sink_case& each) { return !(each.*property); });
  return all;
}

const auto name_of = [](const auto& each) { return each.param.name; };
INSTANTIATE_TEST_SUITE_P(sinks, exactly_once, ::testing::ValuesIn(cases()), name_of);
INSTANTIATE_TEST_SUITE_P(sinks, exactly_once_control, ::testing::ValuesIn(cases_with(&sink_case::doubles_without_check)), name_of);
INSTANTIATE_TEST_SUITE_P(sinks, exactly_once_files, ::testing::ValuesIn(cases_with(&sink_case::uses_files_only)), name_of);

}  // namespace
}  // namespace systole::testing
