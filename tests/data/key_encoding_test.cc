#include "data/key_encoding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>

#include "data/uuid_text.h"
#include "tests/data/columns.h"
#include "tests/data/golden.h"

namespace systole {
namespace {

using namespace systole::testing;

std::string key_of(const column_ptr& values, size_t row = 0) {
  std::string out;
  append_key_value(out, *values, row);
  return out;
}
std::string ordered_of(const column_ptr& values, size_t row, bool descending = false) {
  std::string out;
  append_ordered(out, *values, row, descending);
  return out;
}
std::string wide_hex(uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return hex(bytes);
}

const std::string uuid = "0a1b2c3d-4e5f-6789-abcd-ef0123456789";
constexpr double infinity = std::numeric_limits<double>::infinity();

/// One value of each kind that the format tells apart.
std::map<std::string, column_ptr> samples() {
  return {
      {"null text", texts({std::nullopt})},
      {"null int", ints({std::nullopt})},
      {"boolean false", booleans({0})},
      {"boolean true", booleans({1})},
      {"int 0", ints({0})},
      {"int -5", ints({-5})},
      {"bigint 2147483648", bigints({2'147'483'648})},
      {"bigint min", bigints({std::numeric_limits<int64_t>::min()})},
      {"numeric 1.50", numerics({"1.50"})},
      {"numeric(10,2) -0.05", numerics({"-0.05"}, 10, 2)},
      {"numeric 38 nines", numerics({std::string(38, '9')})},
      {"numeric 0.38 nines", numerics({"0." + std::string(38, '9')})},
      {"double 0.5", doubles({0.5})},
      {"double infinity", doubles({infinity})},
      {"double nan", doubles({std::nan("")})},
      {"double 1e30", doubles({1e30})},
      {"text empty", texts({""})},
      {"text ICU", texts({"ICU"})},
      {"text uuid", texts({uuid})},
      {"text upper-case uuid", texts({"0A1B2C3D-4E5F-6789-ABCD-EF0123456789"})},
      {"text of 64", texts({std::string(64, 'x')})},
      {"bytea 00ff", texts({std::string("\x00\xff", 2)}, type_id::bytea)},
      {"date 2026-01-31", fixed<int32_t>(type_id::date, {20'484})},
      {"timestamptz", times({1'767'225'600'000'000})},
      {"timestamp", fixed<int64_t>(type_id::timestamp, {1'767'225'600'000'000})},
      {"interval 1 mon", fixed<interval_value>(type_id::interval, {interval_value{1, 0, 0}})},
      {"interval -1 us", fixed<interval_value>(type_id::interval, {interval_value{0, 0, -1}})},
  };
}

TEST(key_encoding, matches_its_golden_file) {
  std::map<std::string, std::string> lines;
  for (const auto& [name, values] : samples()) {
    const std::string key = key_of(values);
    lines[name] = hex(key) + " " + wide_hex(hash_key(key));
  }
  expect_golden("key_encoding_v1.txt", lines);
}

TEST(key_encoding, ordered_encoding_matches_its_golden_file) {
  std::map<std::string, std::string> lines;
  for (const auto& [name, values] : samples()) {
    lines[name + ", ascending"] = hex(ordered_of(values, 0));
    lines[name + ", descending"] = hex(ordered_of(values, 0, true));
  }
  expect_golden("ordered_encoding_v1.txt", lines);
}

TEST(key_encoding, equal_numbers_of_any_type_and_scale_are_one_key) {
  const std::string one = key_of(ints({1}));
  for (const column_ptr& same :
       {bigints({1}), numerics({"1"}), numerics({"1.0"}), numerics({"1.00"}, 10, 2), doubles({1.0})})
    EXPECT_EQ(hex(key_of(same)), hex(one));
  const std::string zero = key_of(ints({0}));
  for (const column_ptr& same : {numerics({"0.000"}), numerics({"-0.0"}), doubles({0.0}), doubles({-0.0})})
    EXPECT_EQ(hex(key_of(same)), hex(zero));
  EXPECT_EQ(key_of(numerics({"12345678901234567890.5000"})), key_of(numerics({"12345678901234567890.5"}, 38, 10)));
  EXPECT_EQ(key_of(numerics({"9223372036854775807.000"})), key_of(bigints({std::numeric_limits<int64_t>::max()})));
  EXPECT_EQ(key_of(doubles({1e30})), key_of(numerics({"1000000000000000019884624838656"})));
  EXPECT_EQ(key_of(doubles({9223372036854775808.0})), key_of(numerics({"9223372036854775808"})));
  EXPECT_EQ(key_of(doubles({-4611686018427387904.0})), key_of(bigints({-4'611'686'018'427'387'904})));
  EXPECT_EQ(key_of(doubles({std::nan("1")})), key_of(doubles({-std::nan("2")})));
  EXPECT_NE(key_of(ints({1})), key_of(ints({-1})));
  EXPECT_NE(key_of(numerics({"0.1"})), key_of(numerics({"0.01"})));
  EXPECT_NE(key_of(numerics({"10"})), key_of(numerics({"1.0"})));
}

TEST(key_encoding, equal_intervals_are_one_key) {
  const auto interval = [](int32_t months, int32_t days, int64_t micros) {
    return key_of(fixed<interval_value>(type_id::interval, {interval_value{months, days, micros}}));
  };
  EXPECT_EQ(interval(0, 1, 0), interval(0, 0, 86'400'000'000));
  EXPECT_EQ(interval(1, 0, 0), interval(0, 30, 0));
  EXPECT_NE(interval(1, 0, 0), interval(0, 31, 0));
}

TEST(key_encoding, different_values_are_different_keys) {
  std::set<std::string> keys;
  for (const auto& [name, values] : samples())
    EXPECT_EQ(keys.insert(key_of(values)).second, name != "null text") << name;
  EXPECT_EQ(key_of(texts({std::nullopt})), key_of(ints({std::nullopt}))) << "NULL has no type";
}

TEST(key_encoding, a_uuid_takes_17_bytes_and_only_a_uuid) {
  EXPECT_EQ(key_of(texts({uuid})).size(), 17u);
  for (size_t i = 0; i < uuid.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string text = uuid;
      text[i] = static_cast<char>(c);
      const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
      const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      ASSERT_EQ(key_of(texts({text})).size(), (dash ? c == '-' : digit) ? 17u : 37u) << "byte " << c << " at " << i;
    }
  }
}

TEST(key_encoding, uuids_survive_packing) {
  constexpr uint64_t seed = 20260704;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 10'000; ++i) {
    char packed[uuid_packed_bytes], again[uuid_packed_bytes];
    for (char& c : packed) c = static_cast<char>(random());
    std::string text(uuid_text_bytes, '?');
    unpack_uuid(packed, text.data());
    ASSERT_TRUE(pack_uuid(text.data(), again)) << text;
    ASSERT_EQ(std::memcmp(packed, again, sizeof packed), 0) << text;
    ASSERT_EQ(hex({packed, sizeof packed}),
              text.substr(0, 8) + text.substr(9, 4) + text.substr(14, 4) + text.substr(19, 4) + text.substr(24));
  }
}

TEST(key_encoding, keys_of_several_columns_delimit_themselves) {
  std::string ab, a_b;
  append_key_value(ab, *texts({"ab"}), 0);
  append_key_value(ab, *texts({""}), 0);
  append_key_value(a_b, *texts({"a"}), 0);
  append_key_value(a_b, *texts({"b"}), 0);
  EXPECT_NE(ab, a_b);
}

/// encode() of many rows must give what append_key_value gives one by one, for every combination of fast paths.
TEST(key_encoding, whole_columns_and_single_values_agree) {
  constexpr uint64_t seed = 20260705;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  constexpr size_t rows = 300;
  const auto maybe = [&](bool nulls, auto value) {
    return nulls && random() % 5 == 0 ? std::nullopt : std::optional(value);
  };
  std::vector<column_ptr> all;
  for (const bool nulls : {false, true}) {
    std::vector<std::optional<std::string>> text, number;
    std::vector<std::optional<int32_t>> small;
    std::vector<std::optional<int64_t>> big;
    std::vector<std::optional<double>> real;
    for (size_t i = 0; i < rows; ++i) {
      std::string value = random() % 3 ? std::string(random() % 100, static_cast<char>('a' + random() % 26)) : uuid;
      text.push_back(maybe(nulls, value));
      number.push_back(maybe(nulls, std::to_string(random() % 1000) + "." + std::to_string(random() % 100)));
      small.push_back(maybe(nulls, static_cast<int32_t>(random())));
      big.push_back(maybe(nulls, random() % 2 ? static_cast<int64_t>(random()) : static_cast<int64_t>(random() % 100)));
      real.push_back(maybe(nulls, random() % 2 ? static_cast<double>(random() % 100) : 0.25));
    }
    for (const column_ptr& each : {texts(text), numerics(number), ints(small), bigints(big), doubles(real)})
      all.push_back(each);
  }
  encoded_keys keys;  // reused: what one batch leaves must not show in the next
  const auto check = [&](const std::vector<const column*>& columns) {
    keys.encode(columns, rows);
    ASSERT_EQ(keys.size(), rows);
    for (size_t row = 0; row < rows; ++row) {
      std::string expected;
      bool null = false;
      for (const column* each : columns) {
        append_key_value(expected, *each, row);
        null |= each->is_null(row);
      }
      ASSERT_EQ(hex(keys.key(row)), hex(expected));
      ASSERT_EQ(keys.hash(row), hash_key(expected));
      ASSERT_EQ(keys.has_null(row), null);
    }
  };
  for (const column_ptr& a : all) {
    check({a.get()});
    for (const column_ptr& b : all) check({a.get(), b.get()});
    check({a.get(), all[0].get(), all[7].get()});
  }
  keys.encode({}, 3);
  EXPECT_EQ(keys.size(), 3u);
  EXPECT_EQ(keys.key(2), "") << "no key columns: one group";
  keys.encode(std::vector<const column*>{all[0].get()}, 0);
  EXPECT_EQ(keys.size(), 0u);
}

// ---- ordered

/// All pairs of ascending rows must order so, and the other way when descending; equal neighbours are equal bytes.
void expect_ascending(const column_ptr& values, const std::set<size_t>& equal_to_previous = {}) {
  for (size_t i = 1; i < values->size(); ++i) {
    const std::string low = ordered_of(values, i - 1), high = ordered_of(values, i);
    const std::string low_descending = ordered_of(values, i - 1, true), high_descending = ordered_of(values, i, true);
    if (equal_to_previous.contains(i)) {
      EXPECT_EQ(hex(low), hex(high)) << "row " << i;
    } else {
      EXPECT_LT(low, high) << "row " << i;
      EXPECT_GT(low_descending, high_descending) << "row " << i;
    }
  }
}

TEST(ordered_encoding, orders_as_postgresql_with_nulls_last) {
  expect_ascending(booleans({0, 1, std::nullopt}));
  expect_ascending(ints(
      {std::numeric_limits<int32_t>::min(), -1, 0, 1, 255, 256, std::numeric_limits<int32_t>::max(), std::nullopt}));
  expect_ascending(
      bigints({std::numeric_limits<int64_t>::min(), -1, 0, 1, std::numeric_limits<int64_t>::max(), std::nullopt}));
  expect_ascending(times({-1, 0, 1'767'225'600'000'000, std::nullopt}));
  expect_ascending(
      doubles({-infinity, -1e300, -1.5, -1e-300, -0.0, 0.0, 1e-300, 1.5, 1e300, infinity, std::nan(""), std::nullopt}),
      {5});
  expect_ascending(
      texts({"", std::string("\0", 1), std::string("\0\0", 2), std::string("\0\1", 2), "\1", "a", std::string("a\0", 2),
             std::string("a\0b", 3), "a\1", "aa", "b", "\xff", "\xff\xff", std::nullopt}));
  expect_ascending(numerics({"-" + std::string(38, '9'),
                             "-1000",
                             "-999.9",
                             "-10.5",
                             "-10.50",
                             "-10",
                             "-1",
                             "-0.11",
                             "-0.1",
                             "-0.00000000000000000000000000000000000001",
                             "0",
                             "0.00",
                             "0.00000000000000000000000000000000000001",
                             "0.1",
                             "0.11",
                             "1",
                             "1.000",
                             "2",
                             "10",
                             "10.5",
                             "100",
                             std::string(38, '9'),
                             std::nullopt}),
                   {4, 11, 16});
  expect_ascending(
      fixed<interval_value>(type_id::interval, {interval_value{-1, 0, 0}, interval_value{0, 0, -1}, interval_value{},
                                                interval_value{0, 1, 0}, interval_value{0, 0, 86'400'000'000},
                                                interval_value{1, 0, 0}, interval_value{0, 31, 0}, std::nullopt}),
      {4});
}

TEST(ordered_encoding, random_decimals_order_as_they_compare) {
  constexpr uint64_t seed = 20260706;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  column_builder builder({type_id::numeric}, 2000);
  for (int i = 0; i < 2000; ++i) {
    int128 unscaled = static_cast<int64_t>(random()) >> (random() % 60);
    if (random() % 3 == 0) unscaled *= power_of_ten(static_cast<int>(random() % 18));
    builder.append_numeric(unscaled, static_cast<uint8_t>(random() % 39));
  }
  const column_ptr values = builder.finish();
  const auto at = [&](size_t row) { return decimal{values->values<int128>()[row], values->scale(row)}; };
  for (size_t i = 1; i < values->size(); ++i) {
    const int expected = compare(at(i - 1), at(i));
    const int got = ordered_of(values, i - 1).compare(ordered_of(values, i));
    ASSERT_EQ(expected, got < 0 ? -1 : got > 0) << to_string(at(i - 1)) << " and " << to_string(at(i));
  }
}

// ---- key groups

TEST(key_groups, subtasks_share_all_groups_without_overlap) {
  for (const uint32_t max : {1u, 7u, 128u, 32'768u}) {
    for (const uint32_t parallelism : {1u, 2u, 3u, 5u, 7u, 100u}) {
      if (parallelism > max) continue;
      uint32_t next = 0;
      for (uint32_t i = 0; i < parallelism; ++i) {
        const key_group_range range = key_groups_of_subtask(i, parallelism, max);
        ASSERT_EQ(range.first, next);
        next = range.last + 1u;
        for (uint32_t group = range.first; group <= range.last; ++group)
          ASSERT_EQ(subtask_of_key_group(key_group_id(static_cast<uint16_t>(group)), parallelism, max), i);
      }
      ASSERT_EQ(next, max);
    }
  }
}

}  // namespace
}  // namespace systole
