#include "data/row_encoding.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "tests/data/columns.h"
#include "tests/data/golden.h"
#include "tests/data/same_rows.h"

namespace systole {
namespace {

using namespace systole::testing;

std::vector<std::string> encode_all(const batch& rows) {
  row_encoder encoder(layout_of(rows));
  encoder.bind(rows);
  std::vector<std::string> encoded(rows.rows());
  for (size_t row = 0; row < rows.rows(); ++row) encoder.append(encoded[row], row);
  return encoded;
}

batch decode_all(const row_layout& layout, const std::vector<std::string>& encoded) {
  row_decoder decoder(layout, encoded.size());
  for (const std::string& each : encoded) EXPECT_TRUE(decoder.append(each));
  return decoder.finish();
}

TEST(row_encoding, matches_its_golden_file) {
  const batch rows = every_type();
  std::map<std::string, std::string> lines;
  const std::vector<std::string> encoded = encode_all(rows);
  for (size_t row = 0; row < encoded.size(); ++row) lines["every type, row " + std::to_string(row)] = hex(encoded[row]);
  const batch one(1, {texts({"0a1b2c3d-4e5f-6789-abcd-ef0123456789"}), numerics({"12.34"}, 10, 2)});
  lines["uuid and numeric(10,2)"] = hex(encode_all(one)[0]);
  expect_golden("row_encoding_v1.txt", lines);
}

TEST(row_encoding, golden_rows_are_read_back) {
  // Through the bytes of the file, not through the encoder: what an older build wrote.
  const batch rows = every_type();
  std::vector<std::string> stored(rows.rows());
  std::ifstream file(SYSTOLE_SOURCE_DIR "/docs/format/golden/row_encoding_v1.txt");
  for (std::string line; std::getline(file, line);) {
    const std::string prefix = "every type, row ";
    if (!line.starts_with(prefix)) continue;
    stored[std::stoul(line.substr(prefix.size()))] = unhex(line.substr(line.find(": ") + 2));
  }
  batch expected = rows;
  expected.set_hidden(hidden::kind, nullptr);
  expected.set_hidden(hidden::raw, nullptr);
  expect_same_rows(decode_all(layout_of(rows), stored), expected);
}

TEST(row_encoding, random_rows_survive) {
  constexpr uint64_t seed = 20260707;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    batch rows = random_batch(random);
    rows.set_hidden(hidden::kind, nullptr);
    rows.set_hidden(hidden::raw, nullptr);
    expect_same_rows(decode_all(layout_of(rows), encode_all(rows)), rows);
  }
}

TEST(row_encoding, single_rows_and_a_bound_encoder_agree) {
  const batch rows = every_type();
  const std::vector<std::string> encoded = encode_all(rows);
  for (size_t row = 0; row < rows.rows(); ++row) {
    std::string one = "before";
    append_row(one, layout_of(rows), rows, row);
    EXPECT_EQ(hex(one), hex("before" + encoded[row]));
  }
}

TEST(row_encoding, a_decoder_starts_anew_after_finish) {
  const batch rows(2, {texts({"a", "b"}), ints({1, std::nullopt})});
  const std::vector<std::string> encoded = encode_all(rows);
  row_decoder decoder(layout_of(rows), 1);
  ASSERT_TRUE(decoder.append(encoded[1]));
  EXPECT_TRUE(decoder.full());
  expect_same_rows(decoder.finish(), slice(rows, 1, 1));
  EXPECT_EQ(decoder.size(), 0u);
  ASSERT_TRUE(decoder.append(encoded[0]));
  expect_same_rows(decoder.finish(), slice(rows, 0, 1));
}

TEST(row_encoding, damaged_rows_are_corrupt_and_leave_no_trace) {
  const batch rows = every_type();
  const row_layout layout = layout_of(rows);
  batch expected = rows;
  expected.set_hidden(hidden::kind, nullptr);
  expected.set_hidden(hidden::raw, nullptr);
  for (size_t row = 0; row < rows.rows(); ++row) {
    const std::string good = encode_all(rows)[row];
    row_decoder decoder(layout, 1);
    for (size_t length = 0; length < good.size(); ++length) {
      const result<void> refused = decoder.append(std::string_view(good).substr(0, length));
      ASSERT_FALSE(refused) << "cut to " << length;
      ASSERT_EQ(refused.error().code, error_code::corrupt);
    }
    ASSERT_FALSE(decoder.append(good + "x"));
    ASSERT_EQ(decoder.size(), 0u);
    ASSERT_TRUE(decoder.append(good));
    expect_same_rows(decoder.finish(), slice(expected, row, 1));
  }
}

TEST(row_encoding, random_bytes_never_break_the_decoder) {
  constexpr uint64_t seed = 20260708;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const batch rows = every_type();
  const std::vector<std::string> encoded = encode_all(rows);
  row_decoder decoder(layout_of(rows), 8);
  for (int i = 0; i < 50'000; ++i) {
    std::string bytes = encoded[random() % encoded.size()];
    for (uint64_t flips = random() % 4; flips > 0; --flips)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (decoder.full()) (void)decoder.finish();
    (void)decoder.append(bytes).has_value();
  }
}

}  // namespace
}  // namespace systole
