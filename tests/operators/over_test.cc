#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "tests/operators/event_script.h"

namespace systole::testing::over_tests {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

const schema columns = parse_schema("p text, o int, v int");

struct over_call {
  std::string function, argument;
  int64_t offset = 0;
  std::string default_value;
};

/// Fields p, o, v and one per call.
proto::Node over_node(const std::vector<over_call>& calls) {
  proto::Node node = parse_node(R"(over { partition_by { sql: "p" } order_by { value { sql: "o" } } })");
  std::vector<std::string> fields = {"p", "o", "v"};
  for (size_t i = 0; i < calls.size(); ++i) {
    proto::OverCall& call = *node.mutable_over()->add_calls();
    call.set_name("c" + std::to_string(i));
    call.set_function(calls[i].function);
    call.mutable_argument()->set_sql(calls[i].argument);
    call.set_offset(calls[i].offset);
    call.mutable_default_value()->set_sql(calls[i].default_value);
    fields.push_back(call.name());
  }
  std::string schema_text = "p text";
  for (const std::string& each : fields) {
    proto::NamedExpression& field = *node.mutable_over()->add_fields();
    field.set_name(each);
    field.mutable_value()->set_sql(each == "p" ? each : each + "::int");
    if (each != "p") schema_text += ", " + each + " int";
  }
  *node.mutable_output() = to_proto(parse_schema(schema_text));
  node.set_output_changelog(true);
  return node;
}

const std::vector<operator_input> append{{columns, false, {}}};
const std::vector<operator_input> changes{{columns, true, {}}};

TEST(over, a_late_row_corrects_only_its_neighbours) {
  operator_harness harness(over_node({{"lag", "v", 1, "-1"}, {"lead", "v", 1, ""}}), append);
  harness.push({"a|10|1", "a|20|2", "a|40|4", "a|50|5"});
  harness.clear_output();
  harness.push({"a|30|3"});
  EXPECT_THAT(harness.rows(), UnorderedElementsAre("-U a|20|2|1|4", "+U a|20|2|1|3", "+I a|30|3|2|4", "-U a|40|4|2|5",
                                                   "+U a|40|4|3|5"));
  EXPECT_EQ(harness.accounting().absorbed, 5u);
  harness.expect_balanced();
}

TEST(over, a_row_at_the_end_changes_no_running_value_before_it) {
  operator_harness harness(over_node({{"row_number", ""}, {"max", "v"}, {"count", "v"}, {"first_value", "v"}, {"last_value", "v"}}), append);
  harness.push({"a|10|7", "a|20|NULL"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I a|10|7|1|7|1|7|7", "+I a|20|NULL|2|7|1|7|NULL"));
  harness.clear_output();
  harness.push({"a|30|9"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I a|30|9|3|9|2|7|9"));
}

TEST(over, a_retracted_row_leaves_as_if_it_had_never_been) {
  operator_harness harness(over_node({{"lag", "v", 1, ""}, {"row_number", ""}}), changes);
  harness.push({"+I a|10|1", "+I a|20|2", "+I a|30|3"});
  harness.clear_output();
  harness.push({"-D a|20|2"});
  EXPECT_THAT(harness.rows(), UnorderedElementsAre("-D a|20|2|1|2", "-U a|30|3|2|3", "+U a|30|3|1|2"));
}

TEST(over, breaks_ties_by_position_however_rows_arrive) {
  const batch rows = parse_rows(columns, {"a|1|1", "a|1|2", "a|1|3"});
  operator_harness harness(over_node({{"row_number", ""}}), append);
  harness.push(slice(rows, 2, 1));
  harness.push(slice(rows, 0, 2));
  EXPECT_THAT(harness.consolidated(), UnorderedElementsAre(std::pair<const std::string, int>("a|1|1|1", 1), std::pair<const std::string, int>("a|1|2|2", 1),
                                                           std::pair<const std::string, int>("a|1|3|3", 1)));
}

TEST(over, takes_a_negative_offset_as_the_other_direction) {
  operator_harness harness(over_node({{"lag", "v", -1, ""}, {"lead", "v", -2, ""}, {"lag", "v", 0, ""}}), append);
  harness.push({"a|10|1", "a|20|2", "a|30|3"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I a|10|1|2|NULL|1", "+I a|20|2|3|NULL|2", "+I a|30|3|NULL|1|3"));
}

TEST(over, tells_a_running_sum_that_is_out_of_range_once_and_recovers) {
  proto::Node node = over_node({{"sum", "v::bigint * 4611686014132420609 * 4611686014132420609::numeric * 2"}});
  node.mutable_over()->mutable_fields(3)->mutable_value()->set_sql("sign(c0)::int");
  operator_harness harness(node, changes);
  harness.push({"+I a|10|2", "+I a|20|2"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I a|10|2|1"));
  EXPECT_EQ(harness.rejected().size(), 1u);
  EXPECT_THAT(harness.rejected()[0], ::testing::HasSubstr("[22003]"));
  harness.push({"-D a|10|2"});
  EXPECT_THAT(harness.consolidated(), ElementsAre(std::pair<const std::string, int>("a|20|2|1", 1)));
  EXPECT_EQ(harness.rejected().size(), 1u);
}

TEST(over, stops_while_the_output_is_full) {
  operator_harness harness(over_node({{"row_number", ""}, {"lead", "v", 3, ""}}), append, {.batch_rows = 16, .credit_rows = 16});
  std::vector<std::string> rows;
  for (int i = 1; i <= 1000; ++i) rows.push_back("a|" + std::to_string(i) + "|" + std::to_string(i));
  harness.push(rows);
  harness.push({"a|0|0"});  // moves every row
  EXPECT_EQ(harness.consolidated().size(), 1001u);
  EXPECT_EQ(harness.consolidated().at("a|500|500|501|503"), 1);
  EXPECT_LE(harness.largest_burst(), 64u);
}

TEST(over, refuses_what_it_cannot_compute) {
  manual_clock clock;
  step_accounting accounting;
  const operator_context context{.step = "versions", .time = &clock, .accounting = &accounting};
  const auto unknown = make_operator(over_node({{"ntile", "v"}}), append, context);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "step versions: there is no function ntile for over");
  EXPECT_FALSE(make_operator(over_node({{"lag", "v", 10'001, ""}}), append, context));
  EXPECT_FALSE(make_operator(over_node({{"max", ""}}), append, context));
}

struct sample {
  std::string p;
  std::optional<int> o, v;
  int number;  ///< of arrival, which is its position
  bool same(const sample& other) const { return p == other.p && o == other.o && v == other.v; }
};

std::string text_of(std::optional<int64_t> value) { return value ? std::to_string(*value) : "NULL"; }

/// The rows of one partition, in order, with their calls' values.
void append_expected(const std::vector<sample>& rows, std::map<std::string, int>& live) {
  std::optional<int64_t> largest, smallest, sum;
  int64_t known = 0;
  const auto at = [&](size_t i, ptrdiff_t away) -> const sample* {
    const ptrdiff_t index = static_cast<ptrdiff_t>(i) + away;
    return index < 0 || index >= static_cast<ptrdiff_t>(rows.size()) ? nullptr : &rows[static_cast<size_t>(index)];
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    const sample& row = rows[i];
    if (row.v) {
      ++known;
      largest = std::max<int64_t>(largest.value_or(*row.v), *row.v);
      smallest = std::min<int64_t>(smallest.value_or(*row.v), *row.v);
      sum = sum.value_or(0) + *row.v;
    }
    const sample *before = at(i, -1), *far = at(i, -3), *next = at(i, 2);
    std::string text = row.p + "|" + text_of(row.o) + "|" + text_of(row.v);
    text += "|" + (before ? text_of(before->v) : text_of(row.o)) + "|" + (far ? text_of(far->v) : "NULL");
    text += "|" + (next ? text_of(next->o) : "NULL") + "|" + text_of(rows[0].v) + "|" + text_of(row.v);
    text += "|" + std::to_string(i + 1) + "|" + std::to_string(known) + "|" + text_of(largest) + "|" + text_of(smallest) + "|" + text_of(sum);
    ++live[text];
  }
}

void run_random(uint64_t seed, bool changelog, bool running) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto draw = [&](int64_t n) { return static_cast<int>(random() % static_cast<uint64_t>(n)); };
  std::vector<over_call> calls = {{"lag", "v", 1, "o"}, {"lag", "v", 3, ""}, {"lead", "o", 2, ""}};
  calls.insert(calls.end(), {{"first_value", "v"}, {"last_value", "v"}, {"row_number", ""}, {"count", "v"}, {"max", "v"}, {"min", "v"}, {"sum", "v"}});
  proto::Node node = over_node(calls);
  if (!running)  // only calls that look at neighbours
    for (int i = 6; i < 13; ++i)
      if (i != 7) node.mutable_over()->mutable_fields(i)->mutable_value()->set_sql("0");
  if (!running) {
    auto& all = *node.mutable_over()->mutable_calls();
    all.DeleteSubrange(5, 5);
    all.DeleteSubrange(3, 1);
  }
  event_script script{node, changelog ? changes : append, {""}, {{"p"}}, {}};
  std::map<std::string, std::vector<sample>> partitions;
  std::vector<sample> owed;
  for (int i = 0; i < 250; ++i) {
    sample row{draw(9) == 0 ? "NULL" : "p" + std::to_string(draw(3)), {}, {}, i};
    if (draw(9) != 0) row.o = draw(12);
    if (draw(6) != 0) row.v = draw(20) - 10;
    bool erase = changelog && draw(3) == 0;
    std::vector<sample>& partition = partitions[row.p];
    if (erase && !partition.empty() && draw(6) != 0) {
      const sample& given = partition[static_cast<size_t>(draw(static_cast<int64_t>(partition.size())))];
      row.o = given.o, row.v = given.v;
    }
    script.row((changelog ? erase ? "-D " : "+I " : "") + row.p + "|" + text_of(row.o) + "|" + text_of(row.v));
    // Of equal rows the first goes.
    const auto is_same = [&](const sample& each) { return each.same(row); };
    if (erase) {
      const auto found = std::find_if(partition.begin(), partition.end(), is_same);
      if (found == partition.end()) owed.push_back(row);
      else partition.erase(found);
    } else if (const auto debt = std::find_if(owed.begin(), owed.end(), is_same); debt != owed.end()) {
      owed.erase(debt);
    } else {
      partition.push_back(row);
    }
    if (draw(40) == 0) script.barrier();
  }
  std::map<std::string, int> live;
  for (auto& [p, rows] : partitions) {
    std::stable_sort(rows.begin(), rows.end(), [](const sample& a, const sample& b) {
      return a.o.has_value() != b.o.has_value() ? a.o.has_value() : a.o < b.o;
    });
    append_expected(rows, live);
  }
  if (!running) {
    std::map<std::string, int> bare;
    for (const auto& [text, count] : live) {
      std::vector<std::string> fields(1);
      for (char c : text) {
        if (c == '|') fields.emplace_back();
        else fields.back().push_back(c);
      }
      for (size_t i = 6; i < 13; ++i)
        if (i != 7) fields[i] = "0";
      std::string made = fields[0];
      for (size_t i = 1; i < fields.size(); ++i) made += "|" + fields[i];
      bare[made] += count;
    }
    live = bare;
  }
  ASSERT_GT(live.size(), 20u);
  expect_in_all_runs(script, live);
}

TEST(over, agrees_with_sorting_whole_partitions_on_random_input) {
  const uint64_t seed = seed_of(61);
  run_random(seed, false, true);
  run_random(seed + 1, true, true);
  run_random(seed + 2, false, false);
  run_random(seed + 3, true, false);
}

}  // namespace
}  // namespace systole::testing::over_tests
