#include "connectors/files/file_follow_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

constexpr int64_t first_us = 1'767'225'600'000'000;  // 2026-01-01

class file_follow : public ::testing::Test {
 protected:
  proto::Source source() {
    proto::Source made;
    made.set_kind(proto::Source::FILES);
    made.set_number(1);
    made.set_path(folder / "*.ndjson");
    made.set_follow(true);
    made.mutable_decoder()->set_format(proto::Decoder::JSON);
    for (const auto& [name, type] : {std::pair("n", type_id::int64), std::pair("at", type_id::timestamptz)}) {
      proto::SourceColumn& column = *made.add_columns();
      column.mutable_field()->set_name(name);
      column.mutable_field()->mutable_type()->set_id(static_cast<uint32_t>(type));
      column.add_path(name);
    }
    made.mutable_watermark()->set_column("at");
    made.mutable_watermark()->set_idle_timeout_us(60'000'000);
    return made;
  }
  std::unique_ptr<source_reader> reader(const std::vector<std::string>& restored = {}, uint32_t subtask = 0,
                                        uint32_t parallelism = 1) {
    connector_context context;
    context.files = &posix_file_system();
    context.time = &time;
    context.parameters = &parameters;
    context.batch_rows = 1024;
    factory = make_file_follow_source(source(), context).value();
    EXPECT_FALSE(factory->bounded());
    return factory->make_reader(subtask, parallelism, restored).value();
  }
  void append(const std::string& name, const std::string& text) {
    std::ofstream(folder / name, std::ios::binary | std::ios::app) << text;
  }
  static std::string line(int64_t n, int64_t second = 0) {
    return "{\"n\":" + std::to_string(n) + ",\"at\":\"2026-01-01T00:" + std::to_string(10 + second / 60) + ":" +
           std::to_string(10 + second % 60 % 50) + "Z\"}\n";
  }
  /// Polls over `span` of the manual time; what comes is in numbers and rejects.
  result<void> poll_for(source_reader& from, std::chrono::microseconds span = std::chrono::seconds(3)) {
    const timestamp_us end = time.now_us() + span.count();
    while (time.now_us() < end) {
      SYSTOLE_ASSIGN(const source_poll polled, from.poll());
      for (size_t row = 0; row < polled.rows.rows(); ++row) numbers.push_back(polled.rows.at(0).values<int64_t>()[row]);
      rejects += polled.rejects.size();
      watermark = std::max(watermark, polled.watermark);
      idle = polled.idle_for_watermark;
      if (polled.what == source_poll::kind::idle) time.advance(std::max(polled.wait, std::chrono::microseconds(1'000)));
    }
    return {};
  }

  temporary_directory folder;
  manual_clock time{first_us};
  parameter_map parameters;
  std::unique_ptr<source_factory> factory;
  std::vector<int64_t> numbers;
  size_t rejects = 0;
  timestamp_us watermark = watermark_none;
  bool idle = false;
};

TEST_F(file_follow, reads_what_is_appended_and_new_files) {
  auto read = reader();
  ASSERT_TRUE(poll_for(*read));  // no file yet
  append("a.ndjson", line(1) + line(2));
  ASSERT_TRUE(poll_for(*read));
  append("a.ndjson", line(3) + "not json\n" + line(4).substr(0, 10));
  append("b.ndjson", line(5));
  ASSERT_TRUE(poll_for(*read));
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(numbers, (std::vector<int64_t>{1, 2, 3, 5}));  // 4 has no line end yet
  append("a.ndjson", line(4).substr(10));
  ASSERT_TRUE(poll_for(*read));
  EXPECT_EQ(numbers.back(), 4);
  EXPECT_EQ(rejects, 1u);
}

TEST_F(file_follow, goes_on_from_a_snapshot_at_another_parallelism) {
  for (int i = 0; i < 6; ++i) append(std::to_string(i) + ".ndjson", line(i));
  auto read = reader();
  ASSERT_TRUE(poll_for(*read));
  EXPECT_EQ(numbers.size(), 6u);
  const std::string snapshot = read->snapshot();
  for (int i = 0; i < 6; ++i) append(std::to_string(i) + ".ndjson", line(10 + i));
  numbers.clear();
  for (uint32_t subtask = 0; subtask < 2; ++subtask) ASSERT_TRUE(poll_for(*reader({snapshot}, subtask, 2)));
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(numbers, (std::vector<int64_t>{10, 11, 12, 13, 14, 15}));
}

TEST_F(file_follow, tells_a_file_that_became_shorter_or_another_one) {
  append("a.ndjson", line(1) + line(2));
  append("b.ndjson", line(3));
  auto read = reader();
  ASSERT_TRUE(poll_for(*read));
  std::filesystem::resize_file(folder / "a.ndjson", 10);
  const auto cut = poll_for(*read);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, error_code::incompatible);
  EXPECT_NE(cut.error().message.find("a.ndjson"), std::string::npos);
  std::filesystem::remove(folder / "a.ndjson");
  const std::string snapshot = read->snapshot();
  std::ofstream(folder / "b.ndjson", std::ios::binary) << line(7) << line(8) << line(9);
  const auto replaced = poll_for(*reader({snapshot}));
  ASSERT_FALSE(replaced);
  EXPECT_NE(replaced.error().message.find("b.ndjson"), std::string::npos);
}

TEST_F(file_follow, a_silent_file_holds_the_watermark_back_until_its_time_out) {
  append("a.ndjson", line(1, 0));
  append("b.ndjson", line(2, 120));
  auto read = reader();
  ASSERT_TRUE(poll_for(*read));
  const timestamp_us of_a = watermark;
  EXPECT_NE(of_a, watermark_none);
  ASSERT_TRUE(poll_for(*read, std::chrono::seconds(50)));
  append("b.ndjson", line(3, 180));
  ASSERT_TRUE(poll_for(*read, std::chrono::seconds(20)));
  EXPECT_EQ(watermark - of_a, 180'000'000);
  EXPECT_FALSE(idle);
  ASSERT_TRUE(poll_for(*read, std::chrono::seconds(70)));
  EXPECT_TRUE(idle);
}

TEST_F(file_follow, refuses_packed_files) {
  append("a.ndjson", std::string("\x1f\x8b\x08\x00", 4) + "..");
  const auto refused = poll_for(*reader());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("a.ndjson"), std::string::npos);
}

}  // namespace
}  // namespace systole::testing
