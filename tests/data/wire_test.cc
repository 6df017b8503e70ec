#include "data/wire.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/data/columns.h"
#include "tests/data/golden.h"
#include "tests/data/same_rows.h"

namespace systole {
namespace {

using namespace systole::testing;

std::string wire_of(const batch& rows) {
  std::string out;
  append_batch(out, rows);
  return out;
}

TEST(wire, matches_its_golden_file) {
  expect_golden("wire_v1.txt", {{"every type", hex(wire_of(every_type()))},
                                {"no rows", hex(wire_of(batch(0, {texts({}), numerics({})})))},
                                {"no columns", hex(wire_of(batch(3, {})))}});
}

TEST(wire, golden_bytes_are_read_back) {
  std::ifstream file(SYSTOLE_SOURCE_DIR "/docs/format/golden/wire_v1.txt");
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  ASSERT_TRUE(line.starts_with("every type: "));
  const std::string stored = unhex(std::string_view(line).substr(line.find(": ") + 2));
  std::string_view bytes = stored;
  expect_same_rows(read_batch(bytes).value(), every_type());
}

TEST(wire, batches_follow_each_other_and_survive) {
  constexpr uint64_t seed = 20260709;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100; ++round) {
    const batch first = random_batch(random), second = random_batch(random);
    auto shared = std::make_shared<std::string>(wire_of(first) + wire_of(second));
    for (const bool owned : {false, true}) {
      std::string_view bytes = *shared;
      const buffer_ptr owner = owned ? buffer_ptr(shared) : nullptr;
      expect_same_rows(read_batch(bytes, owner).value(), first);
      expect_same_rows(read_batch(bytes, owner).value(), second);
      EXPECT_TRUE(bytes.empty());
    }
  }
}

TEST(wire, text_stays_valid_without_the_bytes) {
  const std::string text = "a text that does not fit twelve bytes";
  const batch rows(1, {texts({text})});
  auto shared = std::make_shared<std::string>(wire_of(rows));
  std::string_view bytes = *shared;
  const batch copied = read_batch(bytes).value();
  bytes = *shared;
  const batch pointing = read_batch(bytes, shared).value();
  EXPECT_GE(pointing.at(0).text(0).data(), shared->data());
  EXPECT_LT(pointing.at(0).text(0).data(), shared->data() + shared->size()) << "points into the owner";
  shared->assign(shared->size(), '?');
  EXPECT_EQ(copied.at(0).text(0), text);
  shared.reset();
  EXPECT_EQ(pointing.at(0).text(0).size(), text.size()) << "the batch holds its owner";
}

TEST(wire, repeated_text_is_sent_once) {
  const column_ptr one = texts({"a text that does not fit twelve bytes"});
  const batch rows(1000, {repeat(*one, 0, 1000)});
  EXPECT_LT(wire_of(rows).size(), 17'000u);
}

TEST(wire, every_cut_is_corrupt) {
  const std::string good = wire_of(every_type());
  for (size_t length = 0; length < good.size(); ++length) {
    std::string_view bytes = std::string_view(good).substr(0, length);
    const result<batch> refused = read_batch(bytes);
    ASSERT_FALSE(refused) << "cut to " << length;
    ASSERT_EQ(refused.error().code, error_code::corrupt);
    ASSERT_EQ(bytes.size(), length) << "a refused batch is not consumed";
  }
}

TEST(wire, another_version_is_incompatible) {
  std::string bytes = wire_of(every_type());
  bytes[4] = 2;
  std::string_view view = bytes;
  const result<batch> refused = read_batch(view);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::incompatible);
}

TEST(wire, absurd_sizes_take_no_memory) {
  std::string bytes = wire_of(batch(1, {ints({1})}));
  const uint32_t rows = 0xffffffff;
  std::memcpy(bytes.data() + 16, &rows, sizeof rows);
  std::string_view view = bytes;
  EXPECT_EQ(read_batch(view).error().code, error_code::corrupt);
}

TEST(wire, damaged_bytes_never_break_the_reader) {
  constexpr uint64_t seed = 20260710;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string good = wire_of(every_type());
  size_t accepted_bytes = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (uint64_t flips = 1 + random() % 3; flips > 0; --flips)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    std::string_view view = bytes;
    const result<batch> read = read_batch(view);
    if (!read) continue;
    // What is accepted can be walked over.
    for (const column_ptr& each : read->columns())
      for (size_t row = 0; row < each->size(); ++row)
        if (each->type().is_text_like()) accepted_bytes += each->text(row).size();
  }
  EXPECT_GT(accepted_bytes, 0u);
}

}  // namespace
}  // namespace systole
