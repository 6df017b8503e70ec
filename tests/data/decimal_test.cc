#include "data/decimal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>

namespace systole {
namespace {

std::string shown(const result<decimal>& value) {
  return value ? to_string(*value) : "error " + value.error().sqlstate;
}
decimal d(std::string_view text) { return parse_decimal(text).value(); }
const std::string nines(38, '9');

struct parse_case {
  std::string text, expected;
};

TEST(decimal, parses_what_postgresql_parses) {
  const std::vector<parse_case> cases = {
      {"0", "0"},
      {"-0", "0"},
      {"-0.00", "0.00"},
      {"007", "7"},
      {"1.50", "1.50"},
      {"-1.50", "-1.50"},
      {"+3", "3"},
      {".5", "0.5"},
      {"5.", "5"},
      {"  12 \t\n", "12"},
      {"1e3", "1000"},
      {"1E3", "1000"},
      {"1.5e1", "15"},
      {"1.50e1", "15.0"},
      {"1e-3", "0.001"},
      {"1.50e-3", "0.00150"},
      {"0e5", "0"},
      {"0.0e-2", "0.000"},
      {nines, nines},
      {"-" + nines, "-" + nines},
      {"0." + nines, "0." + nines},
      {"1e37", "1" + std::string(37, '0')},
      {"1e38", "error 22003"},
      {nines + "9", "error 22003"},
      {"1e-38", "0." + std::string(37, '0') + "1"},
      {"1e-39", "error 22003"},
      {"10e-39", "0." + std::string(37, '0') + "1"},
      {"1" + std::string(45, '0') + "e-45", "1." + std::string(37, '0')},
      {"0." + std::string(60, '0'), "0." + std::string(38, '0')},
      {"1e1000000", "error 22003"},
      {"0e1000000", "0"},
      {"", "error 22P02"},
      {" ", "error 22P02"},
      {".", "error 22P02"},
      {"-", "error 22P02"},
      {"1e", "error 22P02"},
      {"1e+", "error 22P02"},
      {"1e99999999999", "error 22P02"},
      {"1.2.3", "error 22P02"},
      {"1 2", "error 22P02"},
      {"1,000", "error 22P02"},
      {"0x10", "error 22P02"},
      {"--1", "error 22P02"},
      {"1_000", "error 22P02"},
      {"NaN", "error 0A000"},
      {"nan", "error 0A000"},
      {"-NaN", "error 22P02"},
      {"Infinity", "error 0A000"},
      {"-inf", "error 0A000"},
      {"infinit", "error 22P02"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(shown(parse_decimal(text)), expected) << "'" << text << "'";
}

TEST(decimal, errors_do_not_show_the_value) {
  EXPECT_EQ(parse_decimal("secret 42").error().message.find("42"), std::string::npos);
  EXPECT_EQ(fit(d("98765"), 3, 0).error().message.find("98765"), std::string::npos);
}

TEST(decimal, rescales_half_away_from_zero) {
  const auto at = [](std::string_view text, uint8_t scale) { return shown(rescale(d(text), scale)); };
  EXPECT_EQ(at("2.5", 0), "3");
  EXPECT_EQ(at("-2.5", 0), "-3");
  EXPECT_EQ(at("2.4999999999", 0), "2");
  EXPECT_EQ(at("0.005", 2), "0.01");
  EXPECT_EQ(at("-0.005", 2), "-0.01");
  EXPECT_EQ(at("-0.004", 2), "0.00");
  EXPECT_EQ(at("1.2", 4), "1.2000");
  EXPECT_EQ(at("0." + nines, 0), "1");
  EXPECT_EQ(at("0.5", 38), "0.5" + std::string(37, '0'));
  EXPECT_EQ(at("1", 38), "error 22003");
  EXPECT_EQ(at("9.5", 0), "10");
  EXPECT_EQ(at("1", 39), "error 22003");
}

TEST(decimal, fits_a_declared_precision) {
  const auto as = [](std::string_view text, uint8_t p, uint8_t s) { return shown(fit(d(text), p, s)); };
  EXPECT_EQ(as("999.994", 5, 2), "999.99");
  EXPECT_EQ(as("999.995", 5, 2), "error 22003");
  EXPECT_EQ(as("-999.995", 5, 2), "error 22003");
  EXPECT_EQ(as("0.5", 1, 1), "0.5");
  EXPECT_EQ(as("0.95", 1, 1), "error 22003");
  EXPECT_EQ(as(nines, 38, 0), nines);
}

TEST(decimal, sums_beyond_38_digits_are_errors) {
  const decimal most = {power_of_ten(38) - 1, 0}, least = {-most.unscaled, 0};
  EXPECT_EQ(add(most, most).error().sqlstate, "22003");
  EXPECT_EQ(subtract(least, most).error().sqlstate, "22003");
  EXPECT_EQ(add(most, least).value().unscaled, 0);
}

TEST(decimal, adds_and_subtracts_exactly) {
  EXPECT_EQ(shown(add(d("0.1"), d("0.20"))), "0.30");
  EXPECT_EQ(shown(add(d("-5"), d("5.000"))), "0.000");
  EXPECT_EQ(shown(subtract(d("1"), d("0.01"))), "0.99");
  EXPECT_EQ(shown(add(d(nines), d("1"))), "error 22003");
  EXPECT_EQ(shown(subtract(d("-" + nines), d("1"))), "error 22003");
  EXPECT_EQ(shown(add(d(nines), d("0.1"))), "error 22003");
  // The aligned operand needs more than 128 bits, the sum does not need its zeros.
  EXPECT_EQ(shown(add(d("1e37"), d("0.00"))), "1" + std::string(37, '0'));
  EXPECT_EQ(shown(add(d("1e37"), d("0.20"))), "error 22003");
  EXPECT_EQ(shown(add(d("15e36"), d("-9999999999999999999999999999999999999.9"))),
            "5000000000000000000000000000000000000.1");
  EXPECT_EQ(shown(subtract(d("9999999999999999999999999999999999999.9"), d("15e36"))),
            "-5000000000000000000000000000000000000.1");
}

TEST(decimal, multiplies_with_256_bits_between) {
  EXPECT_EQ(shown(multiply(d("1.50"), d("-2.0"))), "-3.000");
  EXPECT_EQ(shown(multiply(d("12345678901234567890"), d("1000000000"))), "12345678901234567890000000000");
  EXPECT_EQ(shown(multiply(d("1e19"), d("1e19"))), "error 22003");
  EXPECT_EQ(shown(multiply(d("1e18"), d("1e19"))), "1" + std::string(37, '0'));
  // 20 + 20 decimals: exact once the zeros at the end go.
  EXPECT_EQ(shown(multiply(d("0.50000000000000000000"), d("0.20000000000000000000"))), "0.1" + std::string(37, '0'));
  EXPECT_EQ(shown(multiply(d("0.33333333333333333333"), d("0.33333333333333333333"))), "error 22003");
  EXPECT_EQ(shown(multiply(d("99999999999999999999.5"), d("2.0"))), "199999999999999999999.00");
}

struct divide_case {
  std::string a, b, expected;
};

TEST(decimal, divides_with_the_scale_of_postgresql) {
  // Results of PostgreSQL 15.
  const std::vector<divide_case> cases = {
      {"1", "3", "0.33333333333333333333"},
      {"2", "3", "0.66666666666666666667"},
      {"-2", "3", "-0.66666666666666666667"},
      {"10", "4", "2.5000000000000000"},
      {"1", "1", "1.00000000000000000000"},
      {"100", "7", "14.2857142857142857"},
      {"1", "7", "0.14285714285714285714"},
      {"10000", "3", "3333.3333333333333333"},
      {"100000", "3", "33333.333333333333"},
      {"0", "5", "0.00000000000000000000"},
      {"22", "7", "3.1428571428571429"},
      {"1.00", "3.000", "0.33333333333333333333"},
      {"0.0001", "3", "0.000033333333333333333333"},
      {"123456789012", "1000", "123456789.01200000"},
      {"5", "10000", "0.00050000000000000000"},
      {"1", "0", "error 22012"},
  };
  for (const auto& [a, b, expected] : cases) EXPECT_EQ(shown(divide(d(a), d(b))), expected) << a << " / " << b;
}

TEST(decimal, division_keeps_the_digits_that_fit) {
  EXPECT_EQ(shown(divide(d(nines), d("1"))), nines);
  EXPECT_EQ(shown(divide(d(nines), d("7"))), "14285714285714285714285714285714285714");
  EXPECT_EQ(shown(divide(d("1e37"), d("3"))), "3333333333333333333333333333333333333");
  EXPECT_EQ(shown(divide(d("1e37"), d("0.01"))), "error 22003");
  EXPECT_EQ(shown(divide(d("1e-38"), d("1e37"))), "0." + std::string(38, '0'));
  EXPECT_EQ(shown(divide(d("1e-38"), d("3e-38"))), "0." + std::string(38, '3'));
  EXPECT_EQ(shown(divide(d(nines), d("0." + nines))), "error 22003");
}

TEST(decimal, remainder_has_the_sign_of_the_dividend) {
  EXPECT_EQ(shown(modulo(d("7"), d("3"))), "1");
  EXPECT_EQ(shown(modulo(d("-7"), d("3"))), "-1");
  EXPECT_EQ(shown(modulo(d("7"), d("-3"))), "1");
  EXPECT_EQ(shown(modulo(d("5.5"), d("0.15"))), "0.10");
  EXPECT_EQ(shown(modulo(d("5.55"), d("2"))), "1.55");
  EXPECT_EQ(shown(modulo(d(nines), d("0.0000000007"))), "0.0000000004");
  EXPECT_EQ(shown(modulo(d("0." + nines), d(nines))), "0." + nines);
  EXPECT_EQ(shown(modulo(d("1"), d("0.00"))), "error 22012");
}

TEST(decimal, compares_across_scales) {
  EXPECT_EQ(compare(d("1.0"), d("1.00")), 0);
  EXPECT_EQ(compare(d("-1.0"), d("1")), -1);
  EXPECT_EQ(compare(d("0"), d("-0.00")), 0);
  EXPECT_EQ(compare(d(nines), d("0." + nines)), 1);
  EXPECT_EQ(compare(d("-" + nines), d("-0." + nines)), -1);
  EXPECT_EQ(compare(d("-1.01"), d("-1.1")), 1);
}

TEST(decimal, converts_doubles) {
  EXPECT_EQ(to_double(d("0.1")), 0.1);
  EXPECT_EQ(to_double(d("-123456.789")), -123456.789);
  EXPECT_EQ(to_double(d(nines)), 1e38);
  EXPECT_EQ(to_double(d("0.12345678901234567890123456789012345678")), 0.12345678901234568);
  EXPECT_EQ(shown(from_double(0.1)), "0.1");
  EXPECT_EQ(shown(from_double(98.6)), "98.6");
  EXPECT_EQ(shown(from_double(1.0 / 3)), "0.333333333333333");
  EXPECT_EQ(shown(from_double(-0.0)), "0");
  EXPECT_EQ(shown(from_double(1e20)), "100000000000000000000");
  EXPECT_EQ(shown(from_double(1.5e-7)), "0.00000015");
  EXPECT_EQ(shown(from_double(1e-30)), "0.000000000000000000000000000001");
  EXPECT_EQ(shown(from_double(1e-300)), "0");
  EXPECT_EQ(shown(from_double(1e38)), "error 22003");
  EXPECT_EQ(shown(from_double(std::nan(""))), "error 0A000");
  EXPECT_EQ(shown(from_double(-std::numeric_limits<double>::infinity())), "error 0A000");
}

TEST(decimal, operators_give_what_postgresql_15_gave) {
  // Columns: a, b, a + b, a - b, a * b, a / b, a % b, sign of the comparison.
  std::ifstream file(SYSTOLE_SOURCE_DIR "/tests/data/golden/decimal_operators.csv");
  std::string line;
  int lines = 0;
  for (; std::getline(file, line); ++lines) {
    std::vector<std::string> cells;
    std::istringstream stream(line);
    for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
    ASSERT_EQ(cells.size(), 8u);
    const decimal a = d(cells[0]), b = d(cells[1]);
    EXPECT_EQ(shown(add(a, b)), cells[2]) << line;
    EXPECT_EQ(shown(subtract(a, b)), cells[3]) << line;
    EXPECT_EQ(shown(multiply(a, b)), cells[4]) << line;
    EXPECT_EQ(shown(divide(a, b)), cells[5]) << line;
    EXPECT_EQ(shown(modulo(a, b)), cells[6]) << line;
    EXPECT_EQ(std::to_string(compare(a, b)), cells[7]) << line;
  }
  EXPECT_GT(lines, 700);
}

// ---- random laws, with digits as the oracle

decimal random_decimal(std::mt19937_64& random, int most_digits) {
  const auto digits = static_cast<int>(random() % static_cast<uint64_t>(most_digits)) + 1;
  int128 unscaled = 0;
  for (int i = 0; i < digits; ++i) unscaled = unscaled * 10 + static_cast<int>(random() % 10);
  return {random() % 2 ? unscaled : -unscaled, static_cast<uint8_t>(random() % 20)};
}

TEST(decimal, random_division_is_the_nearest_quotient) {
  constexpr uint64_t seed = 20260701;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  int checked = 0;
  for (int i = 0; i < 20'000; ++i) {
    const decimal a = random_decimal(random, 38), b = random_decimal(random, 38);
    if (b.unscaled == 0) continue;
    const result<decimal> q = divide(a, b);
    if (!q) {
      ASSERT_EQ(q.error().sqlstate, "22003");
      continue;
    }
    // |a - q*b| <= |b| / 2 units of q's scale. Checked in long double, whose error is far below half a unit for
    // quotients of up to 17 digits, and exactly through multiply() where that fits.
    if (const result<decimal> back = multiply(*q, b)) {
      const result<decimal> rest = subtract(a, *back);
      if (rest) {
        const result<decimal> twice = multiply(*rest, {2, 0});
        const result<decimal> unit = multiply(b, {1, q->scale});
        if (twice && unit) {
          const decimal left{twice->unscaled < 0 ? -twice->unscaled : twice->unscaled, twice->scale};
          const decimal right{unit->unscaled < 0 ? -unit->unscaled : unit->unscaled, unit->scale};
          ASSERT_LE(compare(left, right), 0) << to_string(a) << " / " << to_string(b) << " = " << to_string(*q);
          ++checked;
        }
      }
    }
  }
  EXPECT_GT(checked, 500);
}

TEST(decimal, random_values_survive_text_and_obey_the_ring_laws) {
  constexpr uint64_t seed = 20260702;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const decimal a = random_decimal(random, 12), b = random_decimal(random, 12), c = random_decimal(random, 6);
    const decimal read = d(to_string(a));
    ASSERT_EQ(read.unscaled == a.unscaled, true);
    ASSERT_EQ(read.scale, a.scale);
    const result<decimal> left = multiply(add(a, b).value(), c);
    const result<decimal> ac = multiply(a, c), bc = multiply(b, c);
    if (left && ac && bc) {
      const result<decimal> right = add(*ac, *bc);
      if (right) {
        ASSERT_EQ(compare(*left, *right), 0) << to_string(a) << " " << to_string(b) << " " << to_string(c);
      }
    }
    ASSERT_EQ(compare(a, b), -compare(b, a));
    ASSERT_NEAR(to_double(a), std::strtod(to_string(a).c_str(), nullptr), 0.0);
  }
}

}  // namespace
}  // namespace systole
