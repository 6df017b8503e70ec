#include "data/calendar.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <vector>

namespace systole {
namespace {

std::string shown(std::optional<timestamp_us> value) {
  if (!value) return "nothing";
  std::string out;
  append_timestamp(out, *value, ' ');
  return out;
}
std::string shown(interval_value value) {
  std::string out;
  append_interval(out, value);
  return out;
}
std::string date_text(int32_t days) {
  std::string out;
  append_date(out, days);
  return out;
}

TEST(calendar, counts_days_both_ways_over_six_millennia) {
  EXPECT_EQ(days_from_civil({1970, 1, 1}), 0);
  EXPECT_EQ(days_from_civil({2000, 3, 1}), 11017);
  EXPECT_EQ(days_from_civil({0, 12, 31}), -719163);
  civil_date expected{-3000, 1, 1};
  for (int32_t days = days_from_civil(expected); expected.year < 3000; ++days) {
    const civil_date got = civil_from_days(days);
    ASSERT_TRUE(got.year == expected.year && got.month == expected.month && got.day == expected.day) << days;
    ASSERT_EQ(days_from_civil(expected), days);
    if (++expected.day > days_in_month(expected.year, expected.month)) {
      expected.day = 1;
      if (++expected.month > 12) expected.month = 1, ++expected.year;
    }
  }
}

TEST(calendar, knows_the_length_of_months) {
  const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (int month = 1; month <= 12; ++month) EXPECT_EQ(days_in_month(2026, month), lengths[month - 1]);
  EXPECT_EQ(days_in_month(2024, 2), 29);
  EXPECT_EQ(days_in_month(1900, 2), 28);
  EXPECT_EQ(days_in_month(2000, 2), 29);
  EXPECT_FALSE(is_valid({2026, 13, 1}));
  EXPECT_FALSE(is_valid({2026, 0, 1}));
  EXPECT_FALSE(is_valid({2026, 4, 31}));
  EXPECT_FALSE(is_valid({2026, 4, 0}));
}

struct time_case {
  std::string text, expected;
};

TEST(calendar, parses_iso_times) {
  const std::vector<time_case> cases = {
      {"2026-01-31T09:05:00.500000", "2026-01-31 09:05:00.5"},
      {"2026-01-31 09:05:00.123456", "2026-01-31 09:05:00.123456"},
      {"2026-01-31T09:05:00.123456Z", "2026-01-31 09:05:00.123456"},
      {"2026-01-31T09:05:00.123456z", "2026-01-31 09:05:00.123456"},
      {"2026-01-31T09:05:07", "2026-01-31 09:05:07"},
      {"2026-01-31 09:05:07Z", "2026-01-31 09:05:07"},
      {"2026-01-31T09:05", "2026-01-31 09:05:00"},
      {"2026-01-31T09:05Z", "2026-01-31 09:05:00"},
      {"2026-01-31", "2026-01-31 00:00:00"},
      {"2026-01-31T09:05:00.1", "2026-01-31 09:05:00.1"},
      {"2026-01-31T09:05:00.1234567", "2026-01-31 09:05:00.123456"},
      {"2026-01-31T09:05:00.999999999999999999999999", "2026-01-31 09:05:00.999999"},
      {"2026-01-31T09:05:00.000001", "2026-01-31 09:05:00.000001"},
      {"2026-01-31T09:05:00+02:00", "2026-01-31 07:05:00"},
      {"2026-01-31T09:05:00-0230", "2026-01-31 11:35:00"},
      {"2026-01-31T09:05:00.1+0200", "2026-01-31 07:05:00.1"},
      {"2026-01-31T09:05:00.123+02", "2026-01-31 07:05:00.123"},
      {"2026-01-31T09:05+02", "2026-01-31 07:05:00"},
      {"2026-01-01T00:00:00+14:00", "2025-12-31 10:00:00"},
      {"1969-12-31T23:59:59.999999", "1969-12-31 23:59:59.999999"},
      {"0001-01-01T00:00:00", "0001-01-01 00:00:00"},
      {"9999-12-31T23:59:59.999999", "9999-12-31 23:59:59.999999"},
      {"2024-02-29T00:00:00.000000", "2024-02-29 00:00:00"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(shown(parse_iso_timestamp(text)), expected) << text;
}

TEST(calendar, refuses_what_is_no_iso_time) {
  for (const char* text : {"",
                           " ",
                           "2026",
                           "2026-01",
                           "2026-1-31",
                           "26-01-31",
                           "2026-01-31T",
                           "2026-01-31T09",
                           "2026-01-31T09:",
                           "2026-01-31T9:05",
                           "2026-01-31T09:05:",
                           "2026-01-31T09:05:0",
                           "2026-01-31T09:05:00.",
                           "2026-01-31T09:05:00,5",
                           "2026-01-31t09:05:00",
                           "2026-01-31_09:05:00.123456",
                           "2026-01-31  09:05:00",
                           " 2026-01-31",
                           "2026-01-31 ",
                           "2026-01-31T09:05:00 Z",
                           "2026-01-31T09:05:00ZZ",
                           "2026-01-31T09:05:00.123456ZZ",
                           "2026-01-31T09:05:00.123456+",
                           "2026-01-31T09:05:00+2",
                           "2026-01-31T09:05:00+02:",
                           "2026-01-31T09:05:00+02:0",
                           "2026-01-31T09:05:00+02:000",
                           "2026-01-31T09:05:00+24:00",
                           "2026-01-31T09:05:00+02:60",
                           "2026-01-31Z",
                           "2026-01-31+02",
                           "2026-00-31",
                           "2026-13-01",
                           "2026-02-29",
                           "2026-04-31",
                           "2026-01-00",
                           "2026-01-32",
                           "2026-01-31T24:00:00",
                           "2026-01-31T09:60:00",
                           "2026-01-31T09:05:60",
                           "0000-01-01",
                           "2026-02-29T09:05:00.123456",
                           "2026-01-31T24:05:00.123456",
                           "2026-01-31T09:05:60.123456",
                           "2026/01/31T09:05:00.123456",
                           "2026-01-31T09.05:00.123456",
                           "2026-01-31T09:05.00.123456",
                           "2026-01-31T09:05:00:123456",
                           "+026-01-31T09:05:00.123456",
                           "12026-01-31T09:05:00",
                           "now",
                           "infinity"})
    EXPECT_EQ(parse_iso_timestamp(text), std::nullopt) << "'" << text << "'";
  const std::string with_zero("2026-01-31\0", 11);
  EXPECT_EQ(parse_iso_timestamp(with_zero), std::nullopt);
}

/// The grammar, character by character: what parse_iso_timestamp must agree with.
bool is_iso_time(std::string_view text) {
  const auto digits = [&text](size_t n) {
    for (size_t i = 0; i < n; ++i)
      if (i >= text.size() || text[i] < '0' || text[i] > '9') return false;
    text.remove_prefix(n);
    return true;
  };
  const auto take = [&text](std::string_view any_of) {
    if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
  };
  const auto field = [&](size_t n, int low, int high) {
    const std::string_view at = text;
    if (!digits(n)) return false;
    const int value = std::stoi(std::string(at.substr(0, n)));
    return value >= low && value <= high;
  };
  if (!field(4, 1, 9999) || !take("-") || !field(2, 1, 12) || !take("-") || !field(2, 1, 31))
    return false;  // January only
  if (text.empty()) return true;
  if (!take("T ") || !field(2, 0, 23) || !take(":") || !field(2, 0, 59)) return false;
  if (take(":")) {
    if (!field(2, 0, 59)) return false;
    if (take(".")) {
      if (!digits(1)) return false;
      while (digits(1)) continue;
    }
  }
  if (text.empty() || text == "Z" || text == "z") return true;
  if (!take("+-") || !field(2, 0, 23)) return false;
  if (text.empty()) return true;
  (void)take(":");
  return field(2, 0, 59) && text.empty();
}

TEST(calendar, every_byte_at_every_place_is_judged_by_the_grammar) {
  // The fast path has no branch per character: try all bytes everywhere, in forms of all lengths.
  std::vector<std::string> forms = {"2026-01-11", "2026-01-11T11:11", "2026-01-11T11:11:11",
                                    "2026-01-11T11:11:11+11:11"};
  for (size_t digits = 1; digits <= 8; ++digits) forms.push_back(forms[2] + "." + std::string(digits, '1'));
  for (size_t i = forms.size(); i-- > 1;) forms.push_back(forms[i] + "Z");
  for (const std::string& good : forms) {
    EXPECT_EQ(parse_iso_timestamp(good).has_value(), is_iso_time(good)) << good;
    for (size_t i = 0; i < good.size(); ++i) {
      for (int c = 0; c < 256; ++c) {
        std::string text = good;
        text[i] = static_cast<char>(c);
        if (text[5] != '0' || text[6] != '1') continue;  // the grammar above knows January
        ASSERT_EQ(parse_iso_timestamp(text).has_value(), is_iso_time(text)) << "'" << text << "'";
      }
    }
  }
}

TEST(calendar, refuses_any_other_byte_at_any_place_of_the_common_form) {
  const std::string good = "2026-01-11T11:11:11.111111";
  const std::string separators = "    -  -  T  :  :  .      ";
  for (size_t i = 0; i < good.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string text = good;
      text[i] = static_cast<char>(c);
      bool expected;
      if (separators[i] == ' ') expected = c >= '0' && c <= '9';
      else if (separators[i] == 'T') expected = c == 'T' || c == ' ';
      else expected = c == separators[i];
      // ".1+1111", ".111+11" and ".11111Z" end in a zone.
      expected |= ((i == 21 || i == 23) && (c == '+' || c == '-')) || (i == 25 && (c == 'Z' || c == 'z'));
      const std::optional<timestamp_us> got = parse_iso_timestamp(text);
      if (!expected) {
        ASSERT_EQ(got, std::nullopt) << "byte " << c << " at " << i;
      } else {
        const int month = std::stoi(text.substr(5, 2)), day = std::stoi(text.substr(8, 2)),
                  hour = std::stoi(text.substr(11, 2));
        const int minute = std::stoi(text.substr(14, 2)), second = std::stoi(text.substr(17, 2));
        const bool in_range =
            month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second < 60;
        ASSERT_EQ(got.has_value(), in_range) << text;
      }
    }
  }
}

TEST(calendar, parses_dates) {
  EXPECT_EQ(parse_iso_date("1970-01-02"), 1);
  EXPECT_EQ(parse_iso_date("2024-02-29"), days_from_civil({2024, 2, 29}));
  for (const char* text : {"", "2026-02-29", "2026-01-31T00:00", "2026-1-1", "0000-01-01", "2026-01-011"})
    EXPECT_EQ(parse_iso_date(text), std::nullopt) << text;
  EXPECT_EQ(date_text(-719163 - 365), "0001-01-01 BC");
  EXPECT_EQ(date_text(parse_iso_date("0987-06-05").value()), "0987-06-05");
}

TEST(calendar, every_time_survives_its_text) {
  constexpr uint64_t seed = 20260703;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const timestamp_us low = parse_iso_timestamp("0001-01-01").value(),
                     high = parse_iso_timestamp("9999-12-31T23:59:59").value();
  for (int i = 0; i < 100'000; ++i) {
    timestamp_us value = std::uniform_int_distribution<timestamp_us>(low, high)(random);
    if (i % 3 == 0) value -= value % 1'000'000;
    std::string fixed, trimmed;
    append_timestamp_fixed(fixed, value, i % 2 ? 'T' : ' ');
    append_timestamp(trimmed, value, 'T');
    ASSERT_EQ(fixed.size(), 26u);
    ASSERT_EQ(parse_iso_timestamp(fixed), value) << fixed;
    ASSERT_EQ(parse_iso_timestamp(trimmed), value) << trimmed;
    ASSERT_EQ(parse_iso_timestamp(fixed + "Z"), value) << fixed;
    for (size_t digits = 1; digits <= 6; ++digits) {
      constexpr int64_t units[] = {1'000'000, 100'000, 10'000, 1'000, 100, 10, 1};
      const int64_t unit = units[digits];
      const int64_t cut = value - ((value % unit) + unit) % unit;
      ASSERT_EQ(parse_iso_timestamp(fixed.substr(0, 20 + digits)), cut) << fixed << ", " << digits << " digits";
      ASSERT_EQ(parse_iso_timestamp(fixed.substr(0, 20 + digits) + "Z"), cut) << fixed << ", " << digits << " digits";
    }
    ASSERT_EQ(parse_iso_timestamp(fixed.substr(0, 20)), std::nullopt) << "a point without digits";
    ASSERT_EQ(parse_iso_timestamp(fixed + "+00:30"), value - 1'800'000'000) << fixed;
  }
}

TEST(calendar, writes_years_beyond_four_digits_and_before_christ) {
  EXPECT_EQ(shown(std::optional<timestamp_us>(days_from_civil({12345, 6, 7}) * micros_per_day)),
            "12345-06-07 00:00:00");
  EXPECT_EQ(shown(std::optional<timestamp_us>(days_from_civil({0, 12, 31}) * micros_per_day + 500'000)),
            "0001-12-31 00:00:00.5 BC");
}

TEST(calendar, writes_into_space_with_six_digits_or_none) {
  const auto written = [](timestamp_us value) {
    char space[timestamp_text_bytes];
    return std::string(space, write_timestamp(space, value, 'T'));
  };
  EXPECT_EQ(written(0), "1970-01-01T00:00:00");
  EXPECT_EQ(written(-500'000), "1969-12-31T23:59:59.500000");
  EXPECT_EQ(written(1'767'225'600'000'001), "2026-01-01T00:00:00.000001");
  EXPECT_LE(written(std::numeric_limits<int64_t>::min() + 1).size(), timestamp_text_bytes);
}

TEST(calendar, writes_intervals_as_postgresql) {
  constexpr int64_t hour = 3600 * micros_per_second;
  EXPECT_EQ(shown(interval_value{0, 0, 0}), "00:00:00");
  EXPECT_EQ(shown(interval_value{1, -1, 0}), "1 mon -1 days");
  EXPECT_EQ(shown(interval_value{-14, 3, -(4 * hour + 306'700'000)}), "-1 years -2 mons +3 days -04:05:06.7");
  EXPECT_EQ(shown(interval_value{12, 0, -hour}), "1 year -01:00:00");
  EXPECT_EQ(shown(interval_value{-1, 0, hour}), "-1 mons +01:00:00");
  EXPECT_EQ(shown(interval_value{0, 0, 100 * hour}), "100:00:00");
  EXPECT_EQ(shown(interval_value{0, 0, -1}), "-00:00:00.000001");
  EXPECT_EQ(shown(interval_value{0, 1, 0}), "1 day");
  EXPECT_EQ(shown(interval_value{14, 0, 0}), "1 year 2 mons");
  EXPECT_EQ(shown(interval_value{0, -1, 1}), "-1 days +00:00:00.000001");
  EXPECT_EQ(shown(interval_value{0, 0, std::numeric_limits<int64_t>::min()}), "-2562047788:00:54.775808");
}

TEST(calendar, adds_intervals_and_gives_what_postgresql_15_gave) {
  // Columns: micros since 1970, the time's text, months, days and micros of an interval, its text, the sum, its text.
  std::ifstream file(SYSTOLE_SOURCE_DIR "/tests/data/golden/calendar.csv");
  std::string line;
  int lines = 0;
  for (; std::getline(file, line); ++lines) {
    std::vector<std::string> cells;
    std::istringstream stream(line);
    for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
    ASSERT_EQ(cells.size(), 8u);
    const timestamp_us from = std::stoll(cells[0]);
    const interval_value by{std::stoi(cells[2]), std::stoi(cells[3]), std::stoll(cells[4])};
    EXPECT_EQ(shown(std::optional<timestamp_us>(from)), cells[1]);
    EXPECT_EQ(shown(by), cells[5]);
    EXPECT_EQ(add_interval(from, by), std::stoll(cells[6])) << line;
    EXPECT_EQ(shown(add_interval(from, by)), cells[7]);
  }
  EXPECT_EQ(lines, 400);
}

TEST(calendar, sums_end_at_the_range) {
  const timestamp_us start = parse_iso_timestamp("2026-01-31").value();
  EXPECT_EQ(shown(add_interval(start, {1, 0, 0})), "2026-02-28 00:00:00");
  EXPECT_EQ(shown(add_interval(start, {-23, 0, 0})), "2024-02-29 00:00:00");
  EXPECT_EQ(shown(add_interval(start, {12 * 290'000, 0, 0})), "292026-01-31 00:00:00");
  EXPECT_EQ(shown(add_interval(parse_iso_timestamp("0001-01-01").value(), {0, -1, 0})), "0001-12-31 00:00:00 BC");
  EXPECT_EQ(shown(add_interval(parse_iso_timestamp("0001-01-01").value(), {-12 * 4712, 0, 0})),
            "4712-01-01 00:00:00 BC");
  EXPECT_EQ(add_interval(parse_iso_timestamp("0001-01-01").value(), {-12 * 4715, 0, 0}), std::nullopt);
  EXPECT_EQ(add_interval(start, {std::numeric_limits<int32_t>::max(), 0, 0}), std::nullopt);
  EXPECT_EQ(add_interval(start, {0, std::numeric_limits<int32_t>::max(), 0}), std::nullopt);
  EXPECT_EQ(add_interval(start, {0, 0, std::numeric_limits<int64_t>::max()}), std::nullopt);
  EXPECT_EQ(add_interval(std::numeric_limits<int64_t>::max(), {0, 0, 0}), std::nullopt);
  EXPECT_EQ(shown(add_interval(9'223'371'244'799'999'999, {0, 0, 0})), "294246-12-31 23:59:59.999999");
  EXPECT_EQ(add_interval(9'223'371'244'799'999'999, {0, 0, 1}), std::nullopt);
}

}  // namespace
}  // namespace systole
