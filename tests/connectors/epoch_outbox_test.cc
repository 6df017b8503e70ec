#include "connectors/outbox/epoch_outbox.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/bytes.h"
#include "data/wire.h"
#include "sink_harness.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace epoch_outbox_test {

std::string text_of(const batch& rows) {
  std::string all;
  for (size_t row = 0; row < rows.rows(); ++row)
    all += std::to_string(rows.at(0).values<int32_t>()[row]) + "=" + std::string(rows.at(1).text(row)) + "\n";
  return all;
}

result<std::string> text_of(file_system& files, const std::vector<outbox_segment>& segments) {
  std::string all;
  for (const outbox_segment& each : segments)
    SYSTOLE_TRY(read_segment(files, each, [&](const batch& rows) -> result<void> {
      all += text_of(rows);
      return {};
    }));
  return all;
}

/// One shard's outbox in a folder, and what was written to it.
struct written_outbox {
  explicit written_outbox(file_system& given, std::string where, uint64_t disk_bytes = limits::outbox_bytes)
      : files(given), folder(std::move(where)), outbox(given, folder, 1, 0, committed, disk_bytes) {}

  /// A batch of `rows` rows with names of `bytes` bytes.
  result<void> append(int rows, size_t bytes) {
    std::vector<test_row> made;
    for (int i = 0; i < rows; ++i, ++next) made.push_back({next, std::string(bytes, static_cast<char>('a' + next % 26))});
    const batch rows_of = test_batch(made);
    SYSTOLE_TRY(outbox.append(rows_of));
    text += text_of(rows_of);
    return {};
  }
  result<std::vector<outbox_segment>> seal(uint64_t epoch) {
    SYSTOLE_ASSIGN(const sealed_epoch made, outbox.seal(epoch_id(epoch)));
    return decode_segments(made.committable);
  }
  result<void> commit(uint64_t epoch, const std::vector<outbox_segment>& segments) {
    committed->store(epoch);
    return outbox.reuse(segments);
  }
  size_t files_in_folder() const { return files.list(folder)->size(); }
  uint64_t bytes_on_disk() const {
    uint64_t all = 0;
    for (const auto& each : std::filesystem::directory_iterator(folder)) all += each.file_size();
    return all;
  }

  file_system& files;
  std::string folder;
  committed_epoch committed = std::make_shared<std::atomic<uint64_t>>(0);
  epoch_outbox outbox;
  std::string text;   ///< of all rows
  int next = 0;
};

TEST(epoch_outbox, an_epoch_goes_on_in_another_segment) {
  const temporary_directory folder;
  written_outbox it(posix_file_system(), folder / "out");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(it.append(1, limits::outbox_segment_bytes / 4));
  EXPECT_GT(it.outbox.bytes(), limits::outbox_segment_bytes / 4 * 10) << "segments that are full count";
  const auto segments = it.seal(1).value();
  EXPECT_EQ(segments.size(), 3u);
  for (const outbox_segment& each : segments) EXPECT_EQ(each.epoch, 1u);
  ASSERT_TRUE(it.outbox.make_durable());
  EXPECT_TRUE(text_of(it.files, segments).value() == it.text);
}

TEST(epoch_outbox, committed_segments_are_written_over) {
  const temporary_directory folder;
  written_outbox it(posix_file_system(), folder / "out");
  for (uint64_t epoch = 1; epoch <= 30; ++epoch) {
    it.text.clear();
    // Shorter ones follow longer ones: what is behind them belongs to nobody.
    for (uint64_t i = 0; i <= epoch * 7 % 5; ++i) ASSERT_TRUE(it.append(100, 20));
    const auto segments = it.seal(epoch).value();
    ASSERT_TRUE(it.outbox.make_durable());
    ASSERT_EQ(segments.size(), 1u);
    ASSERT_EQ(text_of(it.files, segments).value(), it.text);
    ASSERT_TRUE(it.commit(epoch, segments));
    EXPECT_EQ(it.files_in_folder(), 1u);
  }
}

TEST(epoch_outbox, spare_segments_are_few_and_go_with_the_outbox) {
  const temporary_directory folder;
  {
    written_outbox it(posix_file_system(), folder / "out");
    std::vector<outbox_segment> segments;
    for (uint64_t epoch = 1; epoch <= 20; ++epoch) {
      ASSERT_TRUE(it.append(10, 10));
      segments = it.seal(epoch).value();
    }
    EXPECT_EQ(segments.size(), 20u) << "none is committed";
    ASSERT_TRUE(it.commit(20, segments));
    EXPECT_EQ(it.files_in_folder(), limits::outbox_spare_segments);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder / "out"));
}

TEST(epoch_outbox, spare_segments_make_room_for_rows) {
  const temporary_directory folder;
  constexpr uint64_t most = 100'000;
  written_outbox it(posix_file_system(), folder / "out", most);
  const auto epoch = [&](uint64_t id, int batches) {
    for (int i = 0; i < batches; ++i) {
      EXPECT_TRUE(it.append(100, 100));
      EXPECT_LE(it.bytes_on_disk(), most) << "epoch " << id;
    }
    return it.seal(id).value();
  };
  std::vector<outbox_segment> segments;
  for (uint64_t id = 1; id <= 4; ++id) segments = epoch(id, 2);
  ASSERT_EQ(segments.size(), 4u);
  ASSERT_TRUE(it.commit(4, segments));
  EXPECT_EQ(it.files_in_folder(), 4u);
  // What is owed fits, with all that the epochs before have left it would not.
  it.text.clear();
  segments = epoch(5, 1);
  EXPECT_EQ(it.files_in_folder(), 4u) << "there is room";
  segments = epoch(6, 5);
  EXPECT_EQ(it.files_in_folder(), 3u);
  EXPECT_EQ(text_of(it.files, segments).value(), it.text);
  // A long one is not kept for a short one's sake.
  ASSERT_TRUE(it.commit(6, segments));
  segments = epoch(7, 1);
  EXPECT_LT(std::filesystem::file_size(segments.back().path), 20'000u);
}

TEST(epoch_outbox, a_spare_segment_that_was_removed_is_not_missed) {
  const temporary_directory folder;
  written_outbox it(posix_file_system(), folder / "out");
  ASSERT_TRUE(it.append(10, 10));
  const auto first = it.seal(1).value();
  ASSERT_TRUE(it.commit(1, first));
  ASSERT_TRUE(it.files.remove(first[0].path));
  it.text.clear();
  ASSERT_TRUE(it.append(10, 10));
  EXPECT_EQ(text_of(it.files, it.seal(2).value()).value(), it.text);
}

TEST(epoch_outbox, damage_is_found) {
  const temporary_directory folder;
  written_outbox it(posix_file_system(), folder / "out");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(it.append(3, 8));
  auto segments = it.seal(1).value();
  const std::string path = segments[0].path;
  for (uint64_t at = 0; at < segments[0].bytes; ++at) {
    ASSERT_TRUE(fault_injecting_file_system::flip_bit(path, at, at % 8));
    const auto read = text_of(it.files, segments);
    ASSERT_FALSE(read) << "byte " << at;
    EXPECT_EQ(read.error().code, error_code::corrupt);
    EXPECT_NE(read.error().message.find(path), std::string::npos);
    ASSERT_TRUE(fault_injecting_file_system::flip_bit(path, at, at % 8));
  }
  ASSERT_TRUE(text_of(it.files, segments));
  segments[0].xxh3 ^= 1;
  EXPECT_FALSE(text_of(it.files, segments)) << "another file of that name";
}

TEST(epoch_outbox, what_another_epoch_left_in_the_file_is_not_taken_for_this_one) {
  // Two frames of equal length; the file's second one is still the other epoch's, with a checksum that is right.
  const temporary_directory folder;
  written_outbox it(posix_file_system(), folder / "out");
  ASSERT_TRUE(it.append(1, 8));
  ASSERT_TRUE(it.append(1, 8));
  const auto first = it.seal(1).value();
  const std::string old = it.files.read_all(first[0].path, limits::mebibyte).value();
  ASSERT_TRUE(it.commit(1, first));
  ASSERT_TRUE(it.append(1, 8));
  ASSERT_TRUE(it.append(1, 8));
  const auto second = it.seal(2).value();
  const std::string made = it.files.read_all(second[0].path, limits::mebibyte).value();
  ASSERT_EQ(made.size(), old.size());
  const size_t half = (made.size() - 8) / 2 + 8;
  const auto file = it.files.create(second[0].path).value();
  ASSERT_TRUE(file->append(made.substr(0, half) + old.substr(half)));
  EXPECT_FALSE(text_of(it.files, second));
}

TEST(epoch_outbox, segments_of_older_versions_are_read) {
  const temporary_directory folder;
  const batch rows = test_batch({{1, "one"}, {2, "two"}});
  std::string payload, bytes = "SYSSEG1\n";
  append_batch(payload, rows);
  append_fixed(bytes, static_cast<uint32_t>(payload.size()));
  append_fixed(bytes, static_cast<uint64_t>(XXH3_64bits(payload.data(), payload.size())));
  bytes += payload;
  outbox_segment segment{.path = folder / "old.seg", .epoch = 1, .bytes = bytes.size(), .rows = 2, .xxh3 = XXH3_64bits(bytes.data(), bytes.size())};
  ASSERT_TRUE(write_file_durably(posix_file_system(), segment.path, bytes));
  EXPECT_EQ(text_of(posix_file_system(), {segment}).value(), text_of(rows));
  segment.xxh3 ^= 1;
  EXPECT_FALSE(text_of(posix_file_system(), {segment}));
}

/// Epochs until the machine stops; a commit comes while the next epoch's rows are written. Gives what is owed at that moment, and its text.
std::pair<std::vector<outbox_segment>, std::string> write_until_it_stops(file_system& files, const std::string& folder) {
  written_outbox it(files, folder);
  std::vector<outbox_segment> owed;
  std::string owed_text;
  for (uint64_t epoch = 1; epoch <= 6; ++epoch) {
    it.text.clear();
    if (!it.append(5, 10 * epoch % 23)) break;
    if (epoch > 1) {
      const auto done = std::exchange(owed, {});
      if (!it.commit(epoch - 1, done)) break;
    }
    if (!it.append(3, 4)) break;
    const auto segments = it.seal(epoch);
    if (!segments || !it.outbox.make_durable()) break;
    owed = *segments;
    owed_text = it.text;
  }
  return {owed, owed_text};
}

TEST(epoch_outbox, what_is_owed_survives_a_power_cut_at_every_moment) {
  uint64_t moments = 0, compared = 0;
  {
    const temporary_directory folder;
    fault_injecting_file_system files(folder.path());
    (void)write_until_it_stops(files, folder / "out");
    moments = files.operations();
  }
  ASSERT_GT(moments, 40u);
  for (uint64_t at = 0; at <= moments; ++at) {
    const temporary_directory folder;
    fault_injecting_file_system files(folder.path());
    files.stop_after_operations(at);
    const auto [owed, text] = write_until_it_stops(files, folder / "out");
    files.cut_power(at % 3 == 0 ? std::nullopt : std::optional(at));
    if (owed.empty()) continue;
    ++compared;
    const auto read = text_of(files, owed);
    ASSERT_TRUE(read) << "moment " << at << ": " << read.error().message;
    EXPECT_EQ(*read, text) << "moment " << at;
  }
  EXPECT_GT(compared, moments / 4);
}

}  // namespace epoch_outbox_test
}  // namespace systole::testing
