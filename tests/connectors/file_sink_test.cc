#include "connectors/files/file_sink.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "connectors/files/byte_stream.h"
#include "sink_harness.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

using strings = std::vector<std::string>;

proto::Node file_node(const std::string& path, const std::string& format = "json", const std::string& compression = "") {
  proto::Node node;
  node.set_step("out");
  node.mutable_sink()->set_kind(proto::Sink::FILES);
  node.mutable_sink()->set_path(path);
  node.mutable_sink()->set_format(format);
  node.mutable_sink()->set_compression(compression);
  node.mutable_sink()->set_roll_bytes(60);
  return node;
}

connector_context context_of(file_system& files, const std::string& folder, const clock& time) {
  connector_context context;
  context.job = "test";
  context.outbox_directory = folder + "/outbox";
  context.time = &time;
  context.files = &files;
  static uint64_t attempts = 0;
  context.attempt = ++attempts;
  return context;
}

/// Lines of all published parts, sorted; unpacked.
strings published_lines(const std::string& folder) {
  strings lines;
  const strings names = posix_file_system().list(folder).value();
  for (const std::string& name : names) {
    if (!name.starts_with("part-")) continue;
    std::shared_ptr<readable_file> file = posix_file_system().open(folder + "/" + name).value();
    const auto stream = open_byte_stream(file, packing_of(*file).value(), name).value();
    std::string text(1 << 20, '\0');
    size_t filled = 0;
    // A read ends with a packed frame, and a part has one frame per epoch.
    while (const size_t got = stream->read(text.data() + filled, text.size() - filled).value()) filled += got;
    text.resize(filled);
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

sink_run::input two_shards(int epochs) {
  sink_run::input rows;
  for (int e = 0; e < epochs; ++e)
    rows.push_back({test_batch({{2 * e, "left"}}), e == 2 ? test_batch({}) : test_batch({{2 * e + 1, "right"}, {100 + e, "right"}})});
  return rows;
}

strings lines_of(int epochs) {
  strings lines;
  for (int e = 0; e < epochs; ++e) {
    lines.push_back("{\"id\":" + std::to_string(2 * e) + ",\"name\":\"left\"}");
    if (e == 2) continue;
    lines.push_back("{\"id\":" + std::to_string(2 * e + 1) + ",\"name\":\"right\"}");
    lines.push_back("{\"id\":" + std::to_string(100 + e) + ",\"name\":\"right\"}");
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

sink_run make_run(file_system& files, const std::string& folder, const clock& time, int epochs, const proto::Node& node) {
  return sink_run([&files, folder, &time, node] { return file_sink_factory::make(node, {test_columns(), false, {}}, context_of(files, folder, time)); },
                  two_shards(epochs));
}

TEST(file_sink, publishes_whole_epochs_with_manifests) {
  temporary_directory folder;
  manual_clock time;
  sink_run run = make_run(posix_file_system(), folder.path(), time, 5, file_node(folder / "out"));
  ASSERT_TRUE(run.run().has_value());
  EXPECT_EQ(published_lines(folder / "out"), lines_of(5));
  const strings names = posix_file_system().list(folder / "out").value();
  EXPECT_TRUE(std::any_of(names.begin(), names.end(), [](const std::string& name) { return name.starts_with("_manifest-"); }));
  EXPECT_TRUE(posix_file_system().list(folder / "out/.staging-out").value().empty());
}

TEST(file_sink, packs_and_writes_a_header_per_part) {
  for (const char* compression : {"", "gzip", "zstd"}) {
    temporary_directory folder;
    manual_clock time;
    sink_run run = make_run(posix_file_system(), folder.path(), time, 5, file_node(folder / "out", "csv", compression));
    ASSERT_TRUE(run.run().has_value());
    strings lines = published_lines(folder / "out");
    EXPECT_EQ(static_cast<size_t>(std::count(lines.begin(), lines.end(), "id,name")),
              lines.size() - lines_of(5).size()) << compression;
    EXPECT_EQ(std::count(lines.begin(), lines.end(), "0,left"), 1);
  }
}

TEST(file_sink, rolls_by_time_and_writes_nothing_for_empty_epochs) {
  temporary_directory folder;
  manual_clock time;
  proto::Node node = file_node(folder / "out");
  node.mutable_sink()->set_roll_bytes(1 << 20);
  node.mutable_sink()->set_roll_interval_us(60'000'000);
  const auto factory = file_sink_factory::make(node, {test_columns(), false, {}}, context_of(posix_file_system(), folder.path(), time)).value();
  const auto committer = factory->make_committer(1).value();
  const auto writer = factory->make_writer(0, 1).value();
  ASSERT_TRUE(committer->recover(epoch_id(0)).has_value());
  const auto epoch = [&](uint64_t number) {
    const auto sealed = writer->seal(epoch_id(number), false).value();
    ASSERT_TRUE(writer->make_durable(epoch_id(number)).has_value());
    ASSERT_TRUE(committer->commit({epoch_id(number), epoch_id(number - 1), "u", false}, {{0, sealed.committable}}).has_value());
  };
  ASSERT_TRUE(writer->write(test_batch({{1, "a"}})).has_value());
  epoch(1);
  EXPECT_TRUE(published_lines(folder / "out").empty());
  time.advance(std::chrono::seconds(60));
  ASSERT_TRUE(writer->write(test_batch({{2, "b"}})).has_value());
  epoch(2);
  EXPECT_EQ(published_lines(folder / "out").size(), 2u);
  const size_t names = posix_file_system().list(folder / "out").value().size();
  time.advance(std::chrono::seconds(600));
  epoch(3);
  EXPECT_EQ(posix_file_system().list(folder / "out").value().size(), names);
}

TEST(file_sink, refuses_output_of_another_run) {
  temporary_directory folder;
  manual_clock time;
  sink_run first = make_run(posix_file_system(), folder.path(), time, 2, file_node(folder / "out"));
  ASSERT_TRUE(first.run().has_value());
  sink_run second = make_run(posix_file_system(), folder.path(), time, 2, file_node(folder / "out"));
  const auto refused = second.run();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, error_code::already_exists);
  EXPECT_EQ(published_lines(folder / "out"), lines_of(2));
}

TEST(file_sink, a_committed_epoch_may_be_committed_again) {
  temporary_directory folder;
  manual_clock time;
  sink_run run = make_run(posix_file_system(), folder.path(), time, 4, file_node(folder / "out"));
  run.after_commit = [&](const test_checkpoint& each) { return run.committer().commit(each.epoch, each.shards); };
  ASSERT_TRUE(run.run().has_value());
  EXPECT_EQ(published_lines(folder / "out"), lines_of(4));
}

/// Why the last call of survives() said no.
std::string failed_because;

/// Runs with the machine stopped after `moment` operations, restarts until the end. True where the output is right.
bool survives(uint64_t moment, std::optional<uint64_t> seed, const std::function<void(fault_injecting_file_system&)>& sabotage,
              const std::string& compression = "") {
  temporary_directory folder;
  fault_injecting_file_system files(folder.path());
  manual_clock time;
  sabotage(files);
  files.stop_after_operations(moment);
  sink_run run = make_run(files, folder.path(), time, 4, file_node(folder / "out", "json", compression));
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto ran = run.run();
    if (ran) {
      const strings found = published_lines(folder / "out");
      if (found == lines_of(4)) return true;
      failed_because = "wrong rows: " + std::to_string(found.size());
      return false;
    }
    failed_because = ran.error().message;
    run.drop();
    files.cut_power(seed);
  }
  return false;
}

uint64_t operations_of_a_run() {
  temporary_directory folder;
  fault_injecting_file_system files(folder.path());
  manual_clock time;
  sink_run run = make_run(files, folder.path(), time, 4, file_node(folder / "out"));
  EXPECT_TRUE(run.run().has_value());
  return files.operations();
}

TEST(file_sink, survives_a_power_cut_at_every_moment) {
  const uint64_t operations = operations_of_a_run();
  ASSERT_GT(operations, 20u);
  for (uint64_t moment = 0; moment <= operations; ++moment) {
    EXPECT_TRUE(survives(moment, std::nullopt, [](auto&) {})) << moment << ": " << failed_because;
    EXPECT_TRUE(survives(moment, moment, [](auto&) {}, "zstd")) << moment << ": " << failed_because;
  }
}

TEST(file_sink, does_not_survive_without_one_of_its_syncs) {
  const uint64_t operations = operations_of_a_run();
  const auto fails_somewhere = [&](const std::function<void(fault_injecting_file_system&)>& sabotage) {
    for (uint64_t moment = 0; moment <= operations; ++moment)
      if (!survives(moment, std::nullopt, sabotage)) return true;
    return false;
  };
  EXPECT_FALSE(fails_somewhere([](auto&) {}));
  EXPECT_TRUE(fails_somewhere([](auto& files) { files.skip_syncs_of("/.staging-out/"); })) << "the staged file's bytes";
  EXPECT_TRUE(fails_somewhere([](auto& files) { files.skip_syncs_at("/.staging-out"); })) << "the staged file's name";
  EXPECT_TRUE(fails_somewhere([](auto& files) { files.skip_syncs_at("/out"); })) << "the published name";
}

TEST(file_sink, does_not_survive_without_a_single_one_of_its_syncs) {
  uint64_t operations = 0, syncs = 0;
  {
    temporary_directory folder;
    fault_injecting_file_system files(folder.path());
    manual_clock time;
    sink_run run = make_run(files, folder.path(), time, 4, file_node(folder / "out"));
    ASSERT_TRUE(run.run().has_value());
    operations = files.operations(), syncs = files.syncs();
  }
  // From the last one back, until three were found: in between are those of manifests and of names that others cover.
  size_t needed = 0;
  for (uint64_t left_out = syncs; left_out > 0 && needed < 3; --left_out)
    for (uint64_t moment = operations; moment + 1 > 0; --moment)
      if (!survives(moment, std::nullopt, [&](auto& files) { files.skip_sync(left_out); })) {
        ++needed;
        break;
      }
  EXPECT_EQ(needed, 3u) << "of " << syncs;
}

TEST(file_sink, a_full_disk_is_an_error_and_nothing_is_lost) {
  temporary_directory folder;
  fault_injecting_file_system files(folder.path());
  manual_clock time;
  sink_run run = make_run(files, folder.path(), time, 4, file_node(folder / "out"));
  files.set_space(150);
  const auto full = run.run();
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, error_code::disk_full);
  run.drop();
  files.set_space(std::nullopt);
  ASSERT_TRUE(run.run().has_value());
  EXPECT_EQ(published_lines(folder / "out"), lines_of(4));
}

TEST(file_sink, moves_later_output_aside_on_a_rewind) {
  temporary_directory folder;
  manual_clock time;
  sink_run run = make_run(posix_file_system(), folder.path(), time, 4, file_node(folder / "out"));
  ASSERT_TRUE(run.run().has_value());
  const auto factory = file_sink_factory::make(file_node(folder / "out"), {test_columns(), false, {}}, context_of(posix_file_system(), folder.path(), time)).value();
  ASSERT_TRUE(factory->make_committer(1).value()->recover(epoch_id(1)).has_value());
  size_t aside = 0;
  const strings names = posix_file_system().list(folder / "out").value();
  for (const std::string& name : names) {
    EXPECT_FALSE(name.starts_with("part-") && !name.starts_with("part-00000001")) << name;
    aside += name.starts_with("_aside-part-");
  }
  EXPECT_GT(aside, 0u);
}

TEST(dead_letter_files, hold_the_original_bytes) {
  temporary_directory folder;
  manual_clock time;
  proto::Node node = file_node(folder / "dead");
  node.mutable_sink()->set_kind(proto::Sink::DEAD_LETTER_FILES);
  const schema& columns = dead_letter_schema();
  std::vector<column_ptr> values;
  for (const field& each : columns.fields) {
    column_builder builder(each.type, 2);
    for (int row = 0; row < 2; ++row) {
      if (each.name == "raw") builder.append_text_copy(row ? std::string("bad \xff byte") : "{\"a\": \"b");
      else if (each.name == "offset") builder.append<int64_t>(row);
      else if (each.name == "reason") builder.append_text_copy("malformed");
      else builder.append_null();
    }
    values.push_back(builder.finish());
  }
  const auto factory = file_sink_factory::make(node, {columns, false, {}}, context_of(posix_file_system(), folder.path(), time)).value();
  const auto committer = factory->make_committer(1).value();
  ASSERT_TRUE(committer->recover(epoch_id(0)).has_value());
  const auto writer = factory->make_writer(0, 1).value();
  ASSERT_TRUE(writer->write(batch(2, values)).has_value());
  const auto sealed = writer->seal(epoch_id(1), true).value();
  ASSERT_TRUE(writer->make_durable(epoch_id(1)).has_value());
  ASSERT_TRUE(committer->commit({epoch_id(1), epoch_id(0), "u", true}, {{0, sealed.committable}}).has_value());
  const std::string head = "{\"job\":null,\"step\":null,\"rule\":null,\"reason\":\"malformed\",\"sqlstate\":null,\"event_time\":null,\"topic\":null,\"partition\":null,";
  EXPECT_EQ(published_lines(folder / "dead"), (strings{head + "\"offset\":0,\"raw\":\"{\\\"a\\\": \\\"b\"}",
                                                       head + "\"offset\":1,\"raw\":null,\"raw_base64\":\"YmFkIP8gYnl0ZQ==\"}"}));
}

}  // namespace
}  // namespace systole::testing
