#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operators/operator_harness.h"

namespace systole::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const operator_input patients{parse_schema("id text, age int, department text"), false, {}};

constexpr const char* reject_rules = R"node(validate {
  rules { id: "bad_age" check { sql: "age BETWEEN 0 AND 120" } message { sql: "'age ' || age" } }
  rules { id: "no_department" check { sql: "department IS NOT NULL" } } })node";

TEST(validate, reports_all_violated_rules_of_a_rejected_row) {
  operator_harness harness(parse_node(reject_rules), {patients});
  harness.push({"a|10|ICU", "b|130|NULL", "c|20|NULL", "d|121|ICU"});
  EXPECT_THAT(harness.rows(), ElementsAre("a|10|ICU"));
  EXPECT_THAT(harness.rejected(), ElementsAre("bad_age;no_department: bad_age: age 130; no_department <- b|130|NULL",
                                              "no_department: no_department <- c|20|NULL",
                                              "bad_age: bad_age: age 121 <- d|121|ICU"));
  EXPECT_EQ(harness.accounting().rejected, 3u);
  EXPECT_THAT(harness.accounting().by_rule, UnorderedElementsAre(Pair("bad_age", 2), Pair("no_department", 2)));
  harness.expect_balanced();
}

TEST(validate, passes_a_row_only_when_the_check_is_true) {
  operator_harness harness(parse_node(reject_rules), {patients});
  harness.push({"a|NULL|ICU"});
  EXPECT_THAT(harness.rows(), IsEmpty());
  EXPECT_THAT(harness.rejected(), ElementsAre("bad_age: bad_age <- a|NULL|ICU"));
}

TEST(validate, passes_a_clean_batch_on_without_a_copy) {
  operator_harness harness(parse_node(reject_rules), {patients});
  const batch rows = parse_rows(patients.columns, {"a|10|ICU"});
  harness.push(rows);
  EXPECT_EQ(harness.batches().at(0).share(1), rows.share(1));
}

TEST(validate, a_check_that_fails_is_violated_and_says_why) {
  operator_harness harness(parse_node(R"node(validate {
    rules { id: "number" check { sql: "department::int > 0" } }
    rules { id: "old" check { sql: "age > 10" } } })node"), {patients});
  harness.push({"a|5|x", "b|20|7"});
  EXPECT_THAT(harness.rows(), ElementsAre("b|20|7"));
  ASSERT_EQ(harness.rejected().size(), 1u);
  EXPECT_THAT(harness.rejected()[0], ::testing::StartsWith("number;old: number: invalid input syntax"));
  EXPECT_THAT(harness.rejected()[0], ::testing::HasSubstr("; old [22P02] <- a|5|x"));
}

constexpr const char* flag_rules = R"node(validate {
  flag: true flag_column: "dq_flags" separator: "|" none: "CLEAN"
  rules { id: "INVALID_AGE" check { sql: "age IS NULL OR age BETWEEN 0 AND 120" }
          repairs { name: "age" value { sql: "NULL" } } }
  rules { id: "DEPT_TYPO" check { sql: "department IN ('ICU', 'ER')" }
          repairs { name: "department" value { sql: "CASE department WHEN 'icu' THEN 'ICU' ELSE department END" } } }
  rules { id: "NO_AGE" check { sql: "age IS NOT NULL" } } })node";

TEST(validate, flags_and_repairs_and_lets_later_rules_see_the_repair) {
  operator_harness harness(parse_node(flag_rules), {patients});
  harness.push({"a|10|ICU", "b|130|icu", "c|7|XX", "d|NULL|ER"});
  EXPECT_THAT(harness.rows(), ElementsAre("a|10|ICU|CLEAN", "b|NULL|ICU|INVALID_AGE|DEPT_TYPO|NO_AGE", "c|7|XX|DEPT_TYPO",
                                          "d|NULL|ER|NO_AGE"));
  EXPECT_EQ(harness.accounting().flagged, 3u);
  EXPECT_EQ(harness.accounting().out, 4u);
  EXPECT_THAT(harness.accounting().by_rule,
              UnorderedElementsAre(Pair("INVALID_AGE", 1), Pair("DEPT_TYPO", 2), Pair("NO_AGE", 2)));
  harness.expect_balanced();
}

TEST(validate, all_repairs_of_a_rule_see_the_row_as_the_rule_saw_it) {
  operator_harness harness(parse_node(R"node(validate {
    flag: true flag_column: "flags" separator: "," none: ""
    rules { id: "swap" check { sql: "age > 50" }
            repairs { name: "id" value { sql: "department" } } repairs { name: "department" value { sql: "id" } } } })node"),
                           {patients});
  harness.push({"a|10|b", "c|60|d"});
  EXPECT_THAT(harness.rows(), ElementsAre("b|10|a|swap", "c|60|d|"));
}

TEST(validate, overwrites_an_existing_flag_column) {
  operator_harness harness(parse_node(R"node(validate {
    flag: true flag_column: "flags" separator: "," none: "ok"
    rules { id: "old" check { sql: "age < 50" } } })node"), {{parse_schema("flags text, age int"), false, {}}});
  harness.push({"x|10", "y|60"});
  EXPECT_THAT(harness.rows(), ElementsAre("ok|10", "old|60"));
}

TEST(validate, rejects_a_row_whose_flags_cannot_be_known) {
  operator_harness harness(parse_node(R"node(validate {
    flag: true flag_column: "flags" separator: "," none: "ok"
    rules { id: "first" check { sql: "age > 0" } }
    rules { id: "ratio" check { sql: "100 / age > 1" } } })node"), {patients});
  harness.push({"a|0|x", "b|10|y", "c|80|z"});
  EXPECT_THAT(harness.rows(), ElementsAre("b|10|y|ok", "c|80|z|ratio"));
  EXPECT_THAT(harness.rejected(), ElementsAre("expression: division by zero [22012] <- a|0|x"));
  EXPECT_THAT(harness.accounting().by_rule, UnorderedElementsAre(Pair("expression", 1), Pair("ratio", 1)));
  harness.expect_balanced();
}

TEST(validate, evaluates_repairs_only_for_violating_rows) {
  operator_harness harness(parse_node(R"node(validate {
    flag: true flag_column: "flags" separator: "," none: "ok"
    rules { id: "small" check { sql: "age = 0" } repairs { name: "age" value { sql: "100 / age" } } } })node"), {patients});
  harness.push({"a|0|x", "b|10|y"});
  EXPECT_THAT(harness.rows(), ElementsAre("a|0|x|ok", "b|10|y|small"));
  EXPECT_THAT(harness.rejected(), IsEmpty());
}

TEST(validate, keeps_more_than_64_rules_apart) {
  proto::Node node = parse_node(R"node(validate { flag: true flag_column: "flags" separator: "," none: "ok" })node");
  for (int i = 0; i < 70; ++i) {
    proto::Rule* rule = node.mutable_validate()->add_rules();
    rule->set_id("r" + std::to_string(i));
    rule->mutable_check()->set_sql("age <> " + std::to_string(i));
  }
  operator_harness harness(node, {patients});
  harness.push({"a|5|x", "b|69|x", "c|70|x"});
  EXPECT_THAT(harness.rows(), ElementsAre("a|5|x|r5", "b|69|x|r69", "c|70|x|ok"));
}

}  // namespace
}  // namespace systole::testing
