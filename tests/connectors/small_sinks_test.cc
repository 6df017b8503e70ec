// Console, blackhole and collect: sinks to look at and to measure.
#include <gtest/gtest.h>

#include <openssl/sha.h>

#include <cstring>

#include "connectors/factory.h"
#include "sink_harness.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

using k = row_kind;

struct small_sink {
  proto::Node node;
  sink_input input{test_columns(), true, {"id"}};
  manual_clock time{0};
  bool terminal = false;

  explicit small_sink(proto::Sink::Kind kind) {
    node.set_step("out");
    node.mutable_sink()->set_kind(kind);
  }
  result<std::unique_ptr<sink_factory>> make() {
    connector_context context;
    context.time = &time;
    context.files = &posix_file_system();
    context.console_is_terminal = terminal;
    return make_sink(node, input, context);
  }
};

std::string printed(const std::function<void()>& what) {
  ::testing::internal::CaptureStdout();
  what();
  return ::testing::internal::GetCapturedStdout();
}

TEST(console_sink, prints_plain_lines_where_there_is_no_terminal) {
  small_sink sink(proto::Sink::CONSOLE);
  sink.input.upsert_key.clear();
  const auto writer = sink.make().value()->make_writer(0, 1).value();
  EXPECT_EQ(printed([&] {
    ASSERT_TRUE(writer->write(test_batch({{1, "a"}, {1, "a", k::update_before}, {1, "b, c", k::update_after}}, true)).has_value());
    ASSERT_TRUE(writer->write(test_batch({{1, "b, c", k::erase}}, true)).has_value());
  }), "op,id,name\n+I,1,a\n-U,1,a\n+U,1,\"b, c\"\n-D,1,\"b, c\"\n");
  sink.input.changelog = false;
  const auto appends = sink.make().value()->make_writer(0, 1).value();
  EXPECT_EQ(printed([&] { ASSERT_TRUE(appends->write(test_batch({{7, ""}})).has_value()); }), "id,name\n7,\"\"\n");
}

TEST(console_sink, prints_a_line_per_changed_key_and_interval_where_there_is_no_terminal) {
  small_sink sink(proto::Sink::CONSOLE);
  sink.input.upsert_key = {"id"};
  const auto writer = sink.make().value()->make_writer(0, 1).value();
  EXPECT_EQ(printed([&] { ASSERT_TRUE(writer->write(test_batch({{1, "a"}, {2, "b, c"}}, true)).has_value()); }),
            "op,id,name\n+I,1,a\n+I,2,\"b, c\"\n");
  EXPECT_EQ(printed([&] {
    ASSERT_TRUE(writer->write(test_batch({{1, "a", k::update_before}, {1, "x", k::update_after}, {3, "c"}}, true)).has_value());
    ASSERT_TRUE(writer->write(test_batch({{1, "x", k::update_before}, {1, "y", k::update_after}}, true)).has_value());
    ASSERT_TRUE(writer->write(test_batch({{2, "b, c", k::erase}, {3, "c", k::erase}}, true)).has_value());
  }), "");
  EXPECT_EQ(printed([&] { ASSERT_TRUE(writer->seal(epoch_id(1), true).has_value()); }), "+U,1,y\n-D,2,\"b, c\"\n");
}

TEST(console_sink, keys_beyond_its_memory_are_printed_as_they_come) {
  small_sink sink(proto::Sink::CONSOLE);
  sink.input.upsert_key = {"id"};
  const auto writer = sink.make().value()->make_writer(0, 1).value();
  std::vector<test_row> rows;
  for (int32_t id = 0; id < 100'003; ++id) rows.push_back({id, "a"});
  const std::string first = printed([&] { ASSERT_TRUE(writer->write(test_batch(rows, true)).has_value()); });
  EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 1 + 100'003) << "no row is left out";
  EXPECT_NE(first.find("+I,100002,a\n"), std::string::npos);
  EXPECT_EQ(printed([&] {
    ASSERT_TRUE(writer->write(test_batch({{100'002, "a", k::update_before}, {100'002, "b", k::update_after}, {100'001, "a", k::erase},
                                          {5, "a", k::erase}, {200'000, "n"}}, true)).has_value());
  }), "+U,100002,b\n-D,100001,a\n+I,200000,n\n");
  EXPECT_EQ(printed([&] { ASSERT_TRUE(writer->seal(epoch_id(1), true).has_value()); }), "-D,5,a\n");
}

TEST(console_sink, redraws_a_table_on_a_terminal_at_most_twice_a_second) {
  small_sink sink(proto::Sink::CONSOLE);
  sink.terminal = true;
  const auto writer = sink.make().value()->make_writer(0, 1).value();
  EXPECT_EQ(printed([&] { ASSERT_TRUE(writer->write(test_batch({{2, "b"}, {1, "a"}}, true)).has_value()); }),
            "id  name\n1   a   \n2   b   \n");
  EXPECT_EQ(printed([&] {
    ASSERT_TRUE(writer->write(test_batch({{1, "a", k::erase}, {2, "b", k::update_before}, {2, "x\x1b[2J", k::update_after}}, true)).has_value());
    sink.time.advance(std::chrono::milliseconds(400));
    ASSERT_TRUE(writer->write(test_batch({{3, "c"}}, true)).has_value());
  }), "");
  sink.time.advance(std::chrono::milliseconds(200));
  EXPECT_EQ(printed([&] { ASSERT_TRUE(writer->seal(epoch_id(1), false).has_value()); }),
            "\x1b[3A\x1b[Jid  name \n2   x [2J\n3   c    \n")
      << "it goes up over the old table; values move no cursor";
  // A restarted job shows the whole table again.
  const auto restored = sink.make().value()->make_writer(0, 1).value();
  ASSERT_TRUE(restored->restore(writer->snapshot()).has_value());
  EXPECT_EQ(printed([&] { ASSERT_TRUE(restored->seal(epoch_id(2), true).has_value()); }), "id  name \n2   x [2J\n3   c    \n");
}

TEST(blackhole_sink, counts_rows_and_changes_over_shards_and_restarts) {
  temporary_directory folder;
  small_sink sink(proto::Sink::BLACKHOLE);
  (*sink.node.mutable_sink()->mutable_options())["out"] = folder / "count.json";
  sink_run run([&] { return sink.make(); },
               {{test_batch({{1, "a"}, {2, "b"}}, true), test_batch({{3, "c"}}, true)},
                {test_batch({{1, "a", k::update_before}, {1, "z", k::update_after}}, true), test_batch({{3, "c", k::erase}}, true)}});
  run.crash_at(11);
  EXPECT_FALSE(run.run().has_value());
  run.drop();
  ASSERT_TRUE(run.run().has_value());
  EXPECT_EQ(posix_file_system().read_all(folder / "count.json", 1000).value(), "{\"rows\":2,\"changes\":6}\n");
}

TEST(collect_sink, sums_the_sha256_of_rows_whatever_their_order) {
  uint64_t expected = 0;
  for (const char* row : {"1,a", "2,b"}) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(row), std::strlen(row), digest);
    uint64_t first = 0;
    for (int i = 0; i < 8; ++i) first = first << 8 | digest[i];
    expected += first;
  }
  char text[64];
  std::snprintf(text, sizeof text, "{\"rows\":2,\"changes\":%d,\"checksum\":\"%016lx\"}\n", 2, static_cast<unsigned long>(expected));
  small_sink sink(proto::Sink::COLLECT);
  const auto line_of = [&](const sink_run::input& rows) {
    return printed([&] {
      sink_run run([&] { return sink.make(); }, rows);
      ASSERT_TRUE(run.run().has_value());
    });
  };
  EXPECT_EQ(line_of({{test_batch({{1, "a"}, {2, "b"}}, true)}}), text);
  EXPECT_EQ(line_of({{test_batch({{2, "b"}}, true), test_batch({}, true)}, {test_batch({}, true), test_batch({{1, "a"}}, true)}}), text);
  const std::string retracted = line_of({{test_batch({{9, "x"}, {1, "a"}}, true)}, {test_batch({{2, "b"}, {9, "x", k::erase}}, true)}});
  EXPECT_EQ(retracted.substr(retracted.find("checksum")), std::string(text).substr(std::string(text).find("checksum")));
  EXPECT_NE(line_of({{test_batch({{1, "a"}, {2, "c"}}, true)}}), text);
}

}  // namespace
}  // namespace systole::testing
