#include "connectors/files/file_source.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "base/limits.h"
#include "connectors/factory.h"
#include "connectors/files/byte_packer.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing::file_source_tests {
namespace {

constexpr int64_t second_us = 1'000'000;
constexpr int64_t first_us = 1'767'225'600'000'000;  // 2026-01-01

std::string json_line(int64_t n, int64_t time_us, size_t pad = 0) {
  const int64_t second = (time_us - first_us) / second_us;
  return fmt::format("{{\"n\":{},\"at\":\"2026-01-{:02}T{:02}:{:02}:{:02}.{:06}Z\",\"pad\":\"{}\"}}\n", n, 1 + second / 86'400,
                     second / 3600 % 24, second / 60 % 60, second % 60, time_us % second_us, std::string(pad, 'x'));
}

void write(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::string packed(const std::string& text, const char* how, size_t frames = 1) {
  const auto packer = make_byte_packer(how).value();
  encode_buffer out;
  for (size_t i = 0; i < frames; ++i) {
    const size_t begin = text.size() * i / frames, end = text.size() * (i + 1) / frames;
    EXPECT_TRUE(packer->pack(std::string_view(text).substr(begin, end - begin), out).has_value());
    EXPECT_TRUE(packer->end_frame(out).has_value());
  }
  return std::string(out.view());
}

/// What came of a reader, in order.
struct seen_row {
  int64_t n = 0;
  uint32_t split = 0;
  uint64_t offset = 0;
  bool operator<(const seen_row& other) const { return std::tie(n, split, offset) < std::tie(other.n, other.split, other.offset); }
};

class file_source : public ::testing::Test {
 protected:
  proto::Source source(const std::string& pattern, bool csv = false) {
    proto::Source made;
    made.set_kind(proto::Source::FILES);
    made.set_number(1);
    made.set_path(pattern);
    made.set_needs_position(true);
    made.mutable_decoder()->set_format(csv ? proto::Decoder::CSV : proto::Decoder::JSON);
    made.mutable_decoder()->set_header(csv);
    for (const auto& [name, type] : {std::pair("n", type_id::int64), std::pair("at", type_id::timestamptz)}) {
      proto::SourceColumn& column = *made.add_columns();
      column.mutable_field()->set_name(name);
      column.mutable_field()->mutable_type()->set_id(static_cast<uint32_t>(type));
      column.add_path(name);
    }
    return made;
  }
  proto::Source timed(const std::string& pattern, int64_t bound_us) {
    proto::Source made = source(pattern);
    made.mutable_watermark()->set_column("at");
    made.mutable_watermark()->set_max_out_of_orderness_us(bound_us);
    return made;
  }
  std::unique_ptr<source_factory> factory(const proto::Source& made, size_t batch_rows = 1024) {
    connector_context context;
    context.files = &posix_file_system();
    context.time = &time;
    context.parameters = &parameters;
    context.batch_rows = batch_rows;
    proto::Node node;
    node.set_step("events");
    *node.mutable_source() = made;
    return make_source(node, context).value();
  }
  std::unique_ptr<source_reader> reader(const proto::Source& made, size_t batch_rows = 1024) {
    return factory(made, batch_rows)->make_reader(0, 1, {}).value();
  }
  static void collect(const source_poll& poll, std::vector<seen_row>& into) {
    for (size_t row = 0; row < poll.rows.rows(); ++row) {
      const row_position at = row_position::unpack(poll.rows.position(row));
      into.push_back({poll.rows.at(0).values<int64_t>()[row], at.split, at.offset});
    }
  }
  std::vector<seen_row> read_all(source_reader& from, std::vector<decode_reject>* rejects = nullptr) {
    std::vector<seen_row> rows;
    for (;;) {
      source_poll poll = from.poll().value();
      collect(poll, rows);
      if (rejects) std::move(poll.rejects.begin(), poll.rejects.end(), std::back_inserter(*rejects));
      if (poll.what == source_poll::kind::finished) return rows;
    }
  }
  static std::vector<int64_t> numbers(const std::vector<seen_row>& rows) {
    std::vector<int64_t> all;
    for (const seen_row& each : rows) all.push_back(each.n);
    return all;
  }
  /// `count` lines a second apart, times displaced by up to `disorder_us`.
  std::string lines(int64_t count, size_t pad, int64_t disorder_us = 0) {
    std::string text;
    std::mt19937_64 random(7);
    for (int64_t i = 0; i < count; ++i)
      text += json_line(i, first_us + i * second_us - (disorder_us ? static_cast<int64_t>(random() % static_cast<uint64_t>(disorder_us)) : 0) + disorder_us, pad);
    return text;
  }

  temporary_directory folder;
  manual_clock time{first_us};
  parameter_map parameters;
};

TEST_F(file_source, reads_all_files_of_a_glob_by_name) {
  write(folder / "b.json", json_line(2, first_us) + json_line(3, first_us));
  write(folder / "a.json", json_line(0, first_us) + "\n" + json_line(1, first_us));
  write(folder / "c.txt", "not read");
  std::filesystem::create_directory(folder / "dir.json");
  const auto rows = read_all(*reader(source(folder / "*.json")));
  EXPECT_EQ(numbers(rows), (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(rows[1].split, 0u);
  EXPECT_EQ(rows[1].offset, json_line(0, first_us).size() + 1);
  EXPECT_EQ(rows[2].split, 1u);
}

TEST_F(file_source, says_when_no_file_matches) {
  const auto made = factory(source(folder / "none-*.json"))->make_reader(0, 1, {});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, error_code::invalid_argument);
  EXPECT_NE(made.error().message.find("none-*.json"), std::string::npos);
}

TEST_F(file_source, reads_empty_files_and_a_last_line_without_its_end) {
  write(folder / "a.json", "");
  write(folder / "b.json", "\n\n");
  std::string line = json_line(5, first_us);
  line.pop_back();
  write(folder / "c.json", line);
  EXPECT_EQ(numbers(read_all(*reader(source(folder / "*.json")))), (std::vector<int64_t>{5}));
  EXPECT_TRUE(read_all(*reader(timed(folder / "a.json", 0))).empty());
  write(folder / "empty.csv", "");
  EXPECT_TRUE(read_all(*reader(source(folder / "empty.csv", true))).empty());
}

TEST_F(file_source, unpacks_gzip_and_zstd_of_several_frames) {
  const std::string text = lines(20'000, 100);
  for (const char* how : {"gzip", "zstd"})
    for (size_t frames : {1u, 3u}) {
      write(folder / "packed", packed(text, how, frames));
      for (uint32_t parallelism : {1u, 2u}) {
        const auto from = factory(source(folder / "packed"));
        std::vector<seen_row> rows;
        for (uint32_t i = 0; i < parallelism; ++i) {
          const auto more = read_all(*from->make_reader(i, parallelism, {}).value());
          rows.insert(rows.end(), more.begin(), more.end());
        }
        ASSERT_EQ(rows.size(), 20'000u) << how << frames;
        EXPECT_EQ(rows[19'999].n, 19'999);
        EXPECT_EQ(rows[19'999].offset, text.rfind("\n{") + 1) << "offsets are those of the unpacked bytes";
      }
    }
}

TEST_F(file_source, names_a_packed_file_that_was_cut_off) {
  for (const char* how : {"gzip", "zstd"}) {
    const std::string whole = packed(lines(5'000, 50), how);
    write(folder / "cut", whole.substr(0, whole.size() - 20));
    const auto from = reader(source(folder / "cut"));
    result<source_poll> poll = from->poll();
    while (poll && poll->what != source_poll::kind::finished) poll = from->poll();
    ASSERT_FALSE(poll.has_value()) << how;
    EXPECT_EQ(poll.error().code, error_code::corrupt);
    EXPECT_NE(poll.error().message.find(folder / "cut"), std::string::npos);
  }
}

TEST_F(file_source, rejects_broken_and_oversized_lines_and_spares_their_neighbours) {
  const std::string broken = "{\"n\": 1, \"at\": ";
  const std::string before = json_line(0, first_us);
  write(folder / "a.json", before + broken + "\n" + json_line(2, first_us) +
                               json_line(3, first_us, limits::record_bytes + 5'000'000) + json_line(4, first_us));
  std::vector<decode_reject> rejects;
  const auto rows = read_all(*reader(source(folder / "a.json")), &rejects);
  EXPECT_EQ(numbers(rows), (std::vector<int64_t>{0, 2, 4}));
  ASSERT_EQ(rejects.size(), 2u);
  EXPECT_EQ(rejects[0].raw, broken);
  EXPECT_EQ(rejects[0].offset, before.size());
  EXPECT_EQ(rejects[0].topic, folder / "a.json");
  EXPECT_EQ(rejects[1].sqlstate, "54000");
  EXPECT_EQ(rejects[1].raw.size(), limits::record_bytes);
}

TEST_F(file_source, the_watermark_advances_by_records_and_not_by_batches) {
  write(folder / "a.json", lines(5'000, 0, 10 * second_us));
  std::map<uint64_t, timestamp_us> expected;
  for (size_t batch_rows : {4096u, 1024u, 300u, 7u}) {
    const auto from = reader(timed(folder / "a.json", 10 * second_us), batch_rows);
    std::map<uint64_t, timestamp_us> advances;
    uint64_t records = 0;
    timestamp_us last = watermark_none;
    for (source_poll poll = from->poll().value(); poll.what != source_poll::kind::finished; poll = from->poll().value()) {
      records += poll.records;
      if (poll.watermark == last) continue;
      ASSERT_GT(poll.watermark, last);
      last = advances[records] = poll.watermark;
    }
    EXPECT_EQ(records, 5'000u);
    if (expected.empty()) expected = advances;
    EXPECT_EQ(advances, expected) << batch_rows;
  }
  ASSERT_EQ(expected.size(), 5u);
  EXPECT_TRUE(expected.contains(1024) && expected.contains(4096) && expected.contains(5000));
}

/// One file in chunks, read by several subtasks in a random order, saved and restored at another parallelism at random
/// moments: each line comes once, and none is behind the least of the readers' watermarks.
TEST_F(file_source, a_split_file_gives_each_line_once_and_none_late) {
  constexpr int64_t count = 120'000, disorder_us = 30 * second_us;
  write(folder / "big.json", lines(count, 150, disorder_us));
  ASSERT_GT(std::filesystem::file_size(folder / "big.json"), 2 * limits::split_chunk_bytes);
  const auto from = factory(timed(folder / "big.json", disorder_us));
  for (const uint64_t seed : {1u, 2u, 3u, 4u}) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 random(seed);
    uint32_t parallelism = static_cast<uint32_t>(2 + seed % 3);
    std::vector<std::unique_ptr<source_reader>> readers;
    std::vector<timestamp_us> watermarks;
    const auto deal = [&](const std::vector<std::string>& restored) {
      readers.clear();
      for (uint32_t i = 0; i < parallelism; ++i) readers.push_back(from->make_reader(i, parallelism, restored).value());
      watermarks.assign(parallelism, watermark_none);
    };
    deal({});
    std::vector<bool> given(count, false);
    std::vector<bool> finished(parallelism, false);
    timestamp_us watermark = watermark_none;
    int64_t total = 0;
    while (std::count(finished.begin(), finished.end(), false) > 0) {
      const size_t i = random() % parallelism;
      if (finished[i]) continue;
      const source_poll poll = readers[i]->poll().value();
      for (size_t row = 0; row < poll.rows.rows(); ++row) {
        const int64_t n = poll.rows.at(0).values<int64_t>()[row];
        ASSERT_FALSE(given[static_cast<size_t>(n)]) << n;
        given[static_cast<size_t>(n)] = true;
        ASSERT_GT(poll.rows.at(1).values<int64_t>()[row], watermark) << n;
      }
      total += static_cast<int64_t>(poll.rows.rows());
      ASSERT_GE(poll.watermark, watermarks[i]);
      watermarks[i] = poll.watermark;
      finished[i] = poll.what == source_poll::kind::finished;
      watermark = std::max(watermark, *std::min_element(watermarks.begin(), watermarks.end()));
      if (random() % 60 == 0) {
        std::vector<std::string> saved;
        for (const auto& each : readers) saved.push_back(each->snapshot());
        parallelism = static_cast<uint32_t>(1 + random() % 4);
        finished.assign(parallelism, false);
        deal(saved);
      }
    }
    EXPECT_EQ(total, count);
    EXPECT_EQ(watermark, watermark_end);
  }
}

TEST_F(file_source, unopened_files_hold_the_watermark_back) {
  // Both files cover the same time, so that each has to wait for the other.
  write(folder / "a.json", lines(6'000, 0));
  write(folder / "b.json", lines(6'000, 0));
  const auto both = reader(timed(folder / "*.json", 0));
  timestamp_us watermark = watermark_none;
  std::set<uint32_t> splits;
  size_t polls = 0;
  for (source_poll poll = both->poll().value(); poll.what != source_poll::kind::finished; poll = both->poll().value(), ++polls) {
    std::vector<seen_row> rows;
    collect(poll, rows);
    for (size_t row = 0; row < poll.rows.rows(); ++row) ASSERT_GT(poll.rows.at(1).values<int64_t>()[row], watermark);
    watermark = poll.watermark;
    if (polls == 0) {
      EXPECT_EQ(watermark, watermark_none);
    }
    if (polls < 2) splits.insert(rows.at(0).split);
  }
  EXPECT_EQ(splits.size(), 2u) << "the file with the lowest watermark comes next";
  proto::Source by_name = timed(folder / "*.json", 0);
  by_name.set_order("byName");
  const auto rows = read_all(*reader(by_name));
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.split < b.split; }));
}

TEST_F(file_source, resumes_a_csv_file_behind_its_header_at_every_moment) {
  std::string text = "at,\"n\"\r\n";
  for (int i = 0; i < 300; ++i) text += fmt::format("2026-01-01 00:00:{:02},{}\r\n", i % 60, i);
  write(folder / "a.csv", text);
  write(folder / "b.csv.gz", packed(text, "gzip", 2));
  for (size_t polls = 0; polls < 60; polls += 7) {
    const auto from = factory(source(folder / "*.csv*", true), 10);
    auto first = from->make_reader(0, 1, {}).value();
    std::vector<seen_row> rows;
    for (size_t i = 0; i < polls; ++i) collect(first->poll().value(), rows);
    const auto rest = read_all(*from->make_reader(0, 1, {first->snapshot()}).value());
    rows.insert(rows.end(), rest.begin(), rest.end());
    ASSERT_EQ(rows.size(), 600u) << polls;
    for (int64_t i = 0; i < 600; ++i) ASSERT_EQ(rows[static_cast<size_t>(i)].n, i % 300);
  }
}

TEST_F(file_source, refuses_to_resume_a_file_that_changed) {
  const std::string text = lines(3'000, 10);
  write(folder / "a.json", text);
  const auto from = factory(source(folder / "a.json"));
  const auto first = from->make_reader(0, 1, {}).value();
  ASSERT_TRUE(first->poll().has_value());
  const std::string saved = first->snapshot();
  const auto resume = [&](const std::string& bytes) {
    write(folder / "a.json", bytes);
    const auto made = from->make_reader(0, 1, {saved});
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(resume(text + json_line(9, first_us)), "");
  EXPECT_NE(resume(text.substr(0, 1000)).find("became shorter"), std::string::npos);
  EXPECT_NE(resume("{" + text).find("changed since the checkpoint"), std::string::npos);
  std::filesystem::remove(folder / "a.json");
  EXPECT_FALSE(from->make_reader(0, 1, {saved}).has_value());
  std::string damaged = saved;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 4);
  EXPECT_EQ(from->make_reader(0, 1, {damaged}).error().code, error_code::corrupt);
}

}  // namespace
}  // namespace systole::testing::file_source_tests
