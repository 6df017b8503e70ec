// Filter, project, validate, expand and union against a few lines of C++ on random rows with NULLs and failing
// expressions, on append and changelog streams.
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "tests/operators/event_script.h"

namespace systole::testing::row_wise_oracle_tests {
namespace {

const schema columns = parse_schema("id text, a int, b int");

struct sample {
  std::optional<std::string> id;
  std::optional<int> a, b;
};
/// What a step makes of one row: rows that it emits and the rules by which it rejects or flags it.
struct outcome {
  std::vector<std::string> rows;
  std::vector<std::string> rules;
};
using model = std::function<outcome(const sample&)>;
const outcome failed{{}, {"expression"}};

std::string text_of(const std::optional<std::string>& value) { return value.value_or("NULL"); }
std::string text_of(const std::optional<int>& value) { return value ? std::to_string(*value) : "NULL"; }
std::string text_of(const sample& row) { return text_of(row.id) + "|" + text_of(row.a) + "|" + text_of(row.b); }

/// Random rows, on changelogs a third of them taken back (some of them before they come).
void expect_agrees(const std::string& node_text, bool changelog, const model& expected) {
  const uint64_t seed = seed_of(changelog ? 21 : 20);
  SCOPED_TRACE("seed " + std::to_string(seed) + (changelog ? ", changelog: " : ", append: ") + node_text);
  std::mt19937_64 random(seed);
  const auto draw = [&](int64_t n) { return static_cast<int>(random() % static_cast<uint64_t>(n)); };
  event_script script{parse_node(node_text), {{columns, changelog, {}}}, {""}, {{"id"}}, {}};
  std::map<std::string, int> live, by_rule;
  std::vector<sample> given;
  for (int i = 0; i < 300; ++i) {
    sample row;
    if (draw(8) != 0) row.id = "v" + std::to_string(draw(10));
    if (draw(6) != 0) row.a = draw(7) - 3;
    if (draw(6) != 0) row.b = draw(5);
    int weight = 1;
    if (changelog && draw(3) == 0) {
      weight = -1;
      if (!given.empty() && draw(4) != 0) row = given[static_cast<size_t>(draw(static_cast<int64_t>(given.size())))];
    }
    given.push_back(row);
    const char* kinds[] = {"-U ", "-D ", "+I ", "+U "};
    script.row((changelog ? kinds[(weight > 0 ? 2 : 0) + draw(2)] : "") + text_of(row));
    const outcome one = expected(row);
    for (const std::string& each : one.rows) live[each] += weight;
    for (const std::string& each : one.rules) ++by_rule[each];
    if (draw(40) == 0) script.barrier();
  }
  std::erase_if(live, [](const auto& each) { return each.second == 0; });
  ASSERT_GT(live.size(), 5u);
  expect_in_all_runs(script, live, by_rule);
}

TEST(row_wise, filter_agrees_with_three_valued_logic) {
  for (const bool changelog : {false, true}) {
    expect_agrees(R"node(filter { predicate { sql: "12 / b > a AND id <> 'v3'" } })node", changelog, [](const sample& row) {
      if (row.b == 0) return failed;
      if (!row.a || !row.b || !row.id) return outcome{};
      return 12 / *row.b > *row.a && *row.id != "v3" ? outcome{{text_of(row)}, {}} : outcome{};
    });
  }
}

TEST(row_wise, project_agrees_row_by_row) {
  for (const bool changelog : {false, true}) {
    expect_agrees(R"node(project {
      fields { name: "name" value { sql: "upper(id)" } }
      fields { name: "share" value { sql: "12 / b" } }
      fields { name: "sum" value { sql: "coalesce(a, 0) + b" } } })node", changelog, [](const sample& row) {
      if (row.b == 0) return failed;
      const std::string name = row.id ? "V" + row.id->substr(1) : "NULL";
      if (!row.b) return outcome{{name + "|NULL|NULL"}, {}};
      return outcome{{name + "|" + std::to_string(12 / *row.b) + "|" + std::to_string(row.a.value_or(0) + *row.b)}, {}};
    });
  }
}

TEST(row_wise, validate_rejects_with_all_rules) {
  for (const bool changelog : {false, true}) {
    expect_agrees(R"node(validate {
      rules { id: "negative" check { sql: "a >= 0" } }
      rules { id: "nameless" check { sql: "id IS NOT NULL" } }
      rules { id: "share" check { sql: "12 / b > 3" } message { sql: "'b is ' || b" } } })node", changelog, [](const sample& row) {
      outcome made;
      if (!row.a || *row.a < 0) made.rules.push_back("negative");
      if (!row.id) made.rules.push_back("nameless");
      if (!row.b || *row.b == 0 || 12 / *row.b <= 3) made.rules.push_back("share");
      if (made.rules.empty()) made.rows.push_back(text_of(row));
      return made;
    });
  }
}

TEST(row_wise, validate_flags_and_repairs_in_order) {
  expect_agrees(R"node(validate {
    flag: true flag_column: "flags" separator: "+" none: "ok"
    rules { id: "negative" check { sql: "a >= 0" } repairs { name: "a" value { sql: "-a" } } }
    rules { id: "large" check { sql: "a < 3" } repairs { name: "a" value { sql: "2" } } repairs { name: "b" value { sql: "a" } } }
    rules { id: "nameless" check { sql: "id IS NOT NULL" } } })node", false, [](sample row) {
    outcome made;
    if (!row.a || *row.a < 0) {
      made.rules.push_back("negative");
      if (row.a) row.a = -*row.a;
    }
    if (!row.a || *row.a >= 3) {
      made.rules.push_back("large");
      row.b = row.a;
      row.a = 2;
    }
    if (!row.id) made.rules.push_back("nameless");
    std::string flags;
    for (const std::string& each : made.rules) flags += (flags.empty() ? "" : "+") + each;
    made.rows.push_back(text_of(row) + "|" + (flags.empty() ? "ok" : flags));
    return made;
  });
}

TEST(row_wise, expand_gives_every_matching_branch_or_none) {
  for (const bool changelog : {false, true}) {
    expect_agrees(R"node(expand {
      branches { when { sql: "b > 1" } fields { name: "k" value { sql: "id" } } fields { name: "n" value { sql: "a" } } }
      branches { when { sql: "a < 0" } fields { name: "k" value { sql: "'negative'" } } fields { name: "n" value { sql: "b" } } }
      branches { when { sql: "a = 1" } fields { name: "k" value { sql: "'one'" } } fields { name: "n" value { sql: "12 / b" } } } })node",
                  changelog, [](const sample& row) {
      outcome made;
      if (row.a == 1 && row.b == 0) return failed;
      if (row.b && *row.b > 1) made.rows.push_back(text_of(row.id) + "|" + text_of(row.a));
      if (row.a && *row.a < 0) made.rows.push_back("negative|" + text_of(row.b));
      if (row.a == 1) made.rows.push_back("one|" + (row.b ? std::to_string(12 / *row.b) : "NULL"));
      return made;
    });
  }
}

TEST(row_wise, expand_gives_every_value_of_a_series) {
  for (const bool changelog : {false, true}) {
    expect_agrees(R"node(expand {
      series_from { sql: "a" } series_to { sql: "b" } series_step { sql: "2" } series_column: "v"
      series_fields { name: "id" value { sql: "id" } } series_fields { name: "twice" value { sql: "v * 2" } } })node",
                  changelog, [](const sample& row) {
      outcome made;
      for (int v = row.a.value_or(1); row.a && row.b && v <= *row.b; v += 2)
        made.rows.push_back(text_of(row.id) + "|" + std::to_string(2 * v));
      return made;
    });
  }
}

TEST(row_wise, union_is_the_sum_of_its_inputs_by_column_name) {
  const uint64_t seed = seed_of(22);
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto draw = [&](int64_t n) { return static_cast<int>(random() % static_cast<uint64_t>(n)); };
  proto::Node node = parse_node("union {} output_changelog: true");
  *node.mutable_output() = to_proto(columns);
  event_script script{node, {{columns, false, {}}, {parse_schema("b int, id text, a int"), true, {}}}, {"", ""}, {{"id"}, {"id"}}, {}};
  std::map<std::string, int> live;
  for (int i = 0; i < 300; ++i) {
    const std::string id = draw(6) == 0 ? "NULL" : "v" + std::to_string(draw(4)), a = std::to_string(draw(3)), b = std::to_string(draw(2));
    const bool erase = draw(3) == 0;
    if (draw(2) == 0) {
      script.row(id + "|" + a + "|" + b, 0);
      ++live[id + "|" + a + "|" + b];
    } else {
      script.row((erase ? "-D " : "+I ") + b + "|" + id + "|" + a, 1);
      live[id + "|" + a + "|" + b] += erase ? -1 : 1;
    }
    if (draw(40) == 0) script.barrier();
  }
  std::erase_if(live, [](const auto& each) { return each.second == 0; });
  ASSERT_GT(live.size(), 5u);
  expect_in_all_runs(script, live);
}

}  // namespace
}  // namespace systole::testing::row_wise_oracle_tests
