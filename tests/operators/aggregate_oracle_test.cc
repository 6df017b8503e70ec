// The group aggregate against a multiset of the rows that are left, for all functions and ways of emission.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/operators/event_script.h"

namespace systole::testing {
namespace {

const schema columns = parse_schema("g text, i int, n numeric(10,2), m numeric, d double precision, t text");

/// A row as text fields; NULL is "NULL".
struct sample {
  std::string g, i, n, m, d, t;
  std::string text() const { return g + "|" + i + "|" + n + "|" + m + "|" + d + "|" + t; }
  bool operator<(const sample& other) const { return text() < other.text(); }
};

constexpr const char* node_text = R"node(aggregate {
  key_by { name: "g" value { sql: "g" } }
  calls { name: "c0" function: "count" }
  calls { name: "c1" function: "count" argument { sql: "i" } }
  calls { name: "c2" function: "sum" argument { sql: "i" } }
  calls { name: "c3" function: "avg" argument { sql: "i" } }
  calls { name: "c4" function: "min" argument { sql: "i" } }
  calls { name: "c5" function: "max" argument { sql: "i" } }
  calls { name: "c6" function: "count" distinct: true argument { sql: "i" } }
  calls { name: "c7" function: "sum" argument { sql: "12 / i" } filter { sql: "i <> 0" } }
  calls { name: "c8" function: "bool_and" argument { sql: "i > 0" } }
  calls { name: "c9" function: "bool_or" argument { sql: "i > 2" } filter { sql: "t = 'x'" } }
  calls { name: "c10" function: "min" argument { sql: "t" } }
  calls { name: "c11" function: "max" argument { sql: "t" } }
  calls { name: "c12" function: "sum" argument { sql: "n" } }
  calls { name: "c13" function: "avg" argument { sql: "n" } }
  calls { name: "c14" function: "sum" argument { sql: "m" } }
  calls { name: "c15" function: "count" distinct: true argument { sql: "m" } }
  calls { name: "c16" function: "min" argument { sql: "d" } }
  calls { name: "c17" function: "max" argument { sql: "d" } }
  calls { name: "c18" function: "sum" argument { sql: "d" } }
  calls { name: "c19" function: "count" distinct: true argument { sql: "d" } }
  calls { name: "c20" function: "sum" distinct: true argument { sql: "i" } }
  fields { name: "g" value { sql: "g" } }
  fields { name: "f0" value { sql: "c0" } } fields { name: "f1" value { sql: "c1" } } fields { name: "f2" value { sql: "c2" } }
  fields { name: "f3" value { sql: "c3" } } fields { name: "f4" value { sql: "c4" } } fields { name: "f5" value { sql: "c5" } }
  fields { name: "f6" value { sql: "c6" } } fields { name: "f7" value { sql: "c7" } } fields { name: "f8" value { sql: "c8" } }
  fields { name: "f9" value { sql: "c9" } } fields { name: "f10" value { sql: "c10" } } fields { name: "f11" value { sql: "c11" } }
  fields { name: "f12" value { sql: "c12" } } fields { name: "f13" value { sql: "round(c13, 4)" } }
  fields { name: "f14" value { sql: "round(c14, 2)" } } fields { name: "f15" value { sql: "c15" } }
  fields { name: "f16" value { sql: "c16 + 0" } } fields { name: "f17" value { sql: "c17 + 0" } }
  fields { name: "f18" value { sql: "c18 + 0" } } fields { name: "f19" value { sql: "c19" } } fields { name: "f20" value { sql: "c20" } } })node";

/// hundredths of "1.5", "2", "-0.25", ...
int64_t hundredths(const std::string& text) { return std::llround(std::stod(text) * 100); }

std::string decimal_text(int128 unscaled, int scale) {
  std::string digits;
  const bool negative = unscaled < 0;
  for (int128 rest = negative ? -unscaled : unscaled; rest > 0; rest /= 10) digits.insert(digits.begin(), static_cast<char>('0' + rest % 10));
  while (static_cast<int>(digits.size()) <= scale) digits.insert(digits.begin(), '0');
  digits.insert(digits.end() - scale, '.');
  return (negative ? "-" : "") + digits;
}

/// Half away from zero.
int128 rounded_quotient(int128 a, int128 b) {
  const int128 twice = 2 * (a < 0 ? -a : a) + b;
  return (a < 0 ? -1 : 1) * (twice / (2 * b));
}

/// PostgreSQL's avg(int): 16 digits behind the point, or 20 where the first base-10000 digit of the sum is not larger
/// than that of the count (numeric.c, select_div_scale). Sums and counts are below 10,000 here.
std::string average_text(int64_t sum, int64_t count) {
  const int scale = std::abs(sum) <= count ? 20 : 16;
  int128 power = 1;
  for (int i = 0; i < scale; ++i) power *= 10;
  return decimal_text(rounded_quotient(sum * power, count), scale);
}

std::string double_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value + 0.0);
  return std::isnan(value) ? "nan" : text;
}

/// NaN is the largest, -0 is 0.
struct by_value {
  bool operator()(double a, double b) const { return std::isnan(a) ? false : std::isnan(b) ? true : a < b; }
};

std::string expected_row(const std::string& group, const std::map<sample, int>& rows) {
  int64_t count = 0, n_count = 0, n_sum = 0, m_count = 0, m_sum = 0, i_sum = 0, quotients = 0, distinct_sum = 0;
  bool any_quotient = false, all = true, any = false, any_flag = false;
  std::multiset<int> is;
  std::set<std::string> ts;
  std::set<int64_t> ms;
  std::multiset<double, by_value> ds;
  double d_sum = 0;
  for (const auto& [row, times] : rows) {
    for (int k = 0; k < times; ++k) {
      ++count;
      if (row.i != "NULL") {
        const int i = std::stoi(row.i);
        is.insert(i);
        i_sum += i;
        if (i != 0) any_quotient = true, quotients += 12 / i;
        all = all && i > 0;
        if (row.t == "x") any_flag = true, any = any || i > 2;
      }
      if (row.t != "NULL") ts.insert(row.t);
      if (row.n != "NULL") ++n_count, n_sum += hundredths(row.n);
      if (row.m != "NULL") ++m_count, m_sum += hundredths(row.m), ms.insert(hundredths(row.m));
      if (row.d != "NULL") ds.insert(std::stod(row.d)), d_sum += std::stod(row.d);
    }
  }
  for (const int i : std::set<int>(is.begin(), is.end())) distinct_sum += i;
  const auto or_null = [](bool known, const std::string& text) { return "|" + (known ? text : "NULL"); };
  const auto truth = [](bool value) { return std::string(value ? "true" : "false"); };
  const bool ints = !is.empty();
  std::string text = group + "|" + std::to_string(count) + "|" + std::to_string(is.size());
  text += or_null(ints, std::to_string(i_sum)) + or_null(ints, ints ? average_text(i_sum, static_cast<int64_t>(is.size())) : "");
  text += or_null(ints, ints ? std::to_string(*is.begin()) : "") + or_null(ints, ints ? std::to_string(*is.rbegin()) : "");
  text += "|" + std::to_string(std::set<int>(is.begin(), is.end()).size());
  text += or_null(any_quotient, std::to_string(quotients)) + or_null(ints, truth(all)) + or_null(any_flag, truth(any));
  text += or_null(!ts.empty(), ts.empty() ? "" : *ts.begin()) + or_null(!ts.empty(), ts.empty() ? "" : *ts.rbegin());
  text += or_null(n_count > 0, decimal_text(n_sum, 2));
  text += or_null(n_count > 0, n_count > 0 ? decimal_text(rounded_quotient(int128{n_sum} * 100, n_count), 4) : "");
  text += or_null(m_count > 0, decimal_text(m_sum, 2)) + "|" + std::to_string(ms.size());
  text += or_null(!ds.empty(), ds.empty() ? "" : double_text(*ds.begin())) + or_null(!ds.empty(), ds.empty() ? "" : double_text(*ds.rbegin()));
  text += or_null(!ds.empty(), double_text(d_sum)) + "|" + std::to_string(std::set<double, by_value>(ds.begin(), ds.end()).size());
  return text + or_null(ints, std::to_string(distinct_sum));
}

enum class emission { on_change, each_change, held, final };

void run_random(uint64_t seed, emission how, bool changelog) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto draw = [&](int64_t n) { return static_cast<size_t>(random() % static_cast<uint64_t>(n)); };
  const auto one_of = [&](std::initializer_list<const char*> texts) { return std::string(texts.begin()[draw(static_cast<int64_t>(texts.size()))]); };
  proto::Node node = parse_node(node_text);
  node.mutable_aggregate()->set_emit_each_change(how == emission::each_change);
  node.mutable_aggregate()->set_emit_final(how == emission::final);
  node.mutable_aggregate()->set_min_interval_us(how == emission::held ? 1'000'000 : 0);
  event_script script{node, {{columns, changelog, {}}}, {""}, {{"g"}}, {}};
  std::map<std::string, std::map<sample, int>> groups;
  std::vector<sample> there, ahead;
  // At a barrier every retraction has met its row: a group whose count is zero then is forgotten.
  const auto settle = [&] {
    for (const sample& row : ahead) {
      script.row("+I " + row.text());
      ++groups[row.g][row];
    }
    ahead.clear();
  };
  for (int k = 0; k < 160; ++k) {
    sample row{one_of({"a", "b", "NULL", "c", "rare", "d"}), one_of({"NULL", "-3", "0", "1", "2", "5", "7"}),
               one_of({"NULL", "0.01", "1.50", "-2.25", "3"}), one_of({"NULL", "1.0", "1.00", "2", "2.50", "-1"}),
               one_of({"NULL", "0", "-0", "1.5", "-2.5", "NaN", "Infinity"}), one_of({"NULL", "x", "y", "a text that is not stored inline"})};
    if (row.g == "rare" && draw(4) != 0) row.g = "a";
    int weight = 1;
    if (changelog && draw(5) < 2) {
      weight = -1;
      if (!there.empty() && draw(8) != 0) {
        const size_t which = draw(static_cast<int64_t>(there.size()));
        row = there[which];
        there.erase(there.begin() + static_cast<ptrdiff_t>(which));
      } else {
        ahead.push_back(row);
      }
    } else {
      there.push_back(row);
    }
    groups[row.g][row] += weight;
    script.row((changelog ? weight > 0 ? "+I " : "-D " : "") + row.text());
    if (draw(30) != 0) continue;
    settle();
    script.barrier();
  }
  settle();
  std::map<std::string, int> live;
  for (auto& [group, rows] : groups) {
    std::erase_if(rows, [](const auto& each) { return each.second == 0; });
    if (!rows.empty()) live[expected_row(group, rows)] = 1;
  }
  ASSERT_GT(live.size(), 3u);
  expect_in_all_runs(script, live);
}

TEST(aggregate_oracle, agrees_on_append_streams) {
  const uint64_t seed = seed_of(31);
  run_random(seed, emission::on_change, false);
  run_random(seed + 1, emission::each_change, false);
}

TEST(aggregate_oracle, agrees_on_changelogs) {
  const uint64_t seed = seed_of(41);
  run_random(seed, emission::on_change, true);
  run_random(seed + 1, emission::each_change, true);
}

TEST(aggregate_oracle, agrees_when_changes_are_held_back_or_given_at_the_end) {
  const uint64_t seed = seed_of(51);
  run_random(seed, emission::held, true);
  run_random(seed + 1, emission::final, true);
}

TEST(aggregate_oracle, groups_equal_doubles_together) {
  operator_harness harness(parse_node(R"node(aggregate { key_by { name: "d" value { sql: "d" } } calls { name: "n" function: "count" } })node"),
                           {{parse_schema("d double precision"), false, {}}});
  harness.push({"-0", "NaN", "NULL"});
  harness.push({"0", "NaN", "NULL", "NaN"});
  EXPECT_EQ(harness.consolidated(), (std::map<std::string, int>{{"-0|2", 1}, {"nan|3", 1}, {"NULL|2", 1}}));
}

}  // namespace
}  // namespace systole::testing
