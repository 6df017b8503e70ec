#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/operators/event_script.h"

namespace systole::testing::changing_table_join_tests {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const schema occupancy = parse_schema("ward text, department text, beds int");
const schema departments = parse_schema("department text, staffed int");

struct table_options {
  bool left_outer = false;
  bool reject_missing = false;
  bool reemit = true;
  std::string residual;
};

proto::Node table_node(const table_options& of = {}) {
  proto::Node node;
  node.set_step("live");
  proto::TableJoin& join = *node.mutable_table_join();
  join.set_stream_alias("o");
  join.set_table_alias("d");
  join.add_stream_keys()->set_sql("o.department");
  join.add_table_keys()->set_sql("d.department");
  join.add_upsert_key()->set_sql("ward");
  join.set_left_outer(of.left_outer);
  join.set_reject_missing(of.reject_missing);
  join.mutable_residual()->set_sql(of.residual);
  join.set_table_changes(true);
  join.set_keeps_results(true);
  join.set_reemit(of.reemit);
  for (const auto& [name, sql] : std::vector<std::pair<std::string, std::string>>{{"ward", "o.ward"}, {"ratio", "beds * 100 / d.staffed"}}) {
    proto::NamedExpression& field = *join.add_fields();
    field.set_name(name);
    field.mutable_value()->set_sql(sql);
  }
  *node.mutable_output() = to_proto(parse_schema("ward text, ratio int"));
  return node;
}

std::vector<operator_input> inputs() { return {{occupancy, true, {"ward"}}, {departments, true, {"department"}}}; }

/// The table's input says that it is whole, and the task comes by.
void idle(operator_harness& harness) {
  ASSERT_TRUE(harness.op().on_idle(1));
  harness.advance_clock(1);
}

/// ICU has 2 beds, MED 4; two wards of ICU, one of a department that is not there.
void begin(operator_harness& harness) {
  EXPECT_TRUE(harness.op().blocks_input(0));
  harness.push({"+I ICU|2", "+I MED|4"}, 1);
  EXPECT_TRUE(harness.op().blocks_input(0));
  idle(harness);
  EXPECT_FALSE(harness.op().blocks_input(0));
  harness.push({"+I a|ICU|1", "+I b|ICU|2", "+I c|SUR|1"}, 0);
}

TEST(changing_table_join, takes_back_what_it_emitted_whatever_the_table_holds_by_then) {
  operator_harness harness(table_node({.reemit = false}), inputs());
  begin(harness);
  EXPECT_THAT(harness.rows(), ElementsAre("+I a|50", "+I b|100"));
  harness.clear_output();
  harness.push({"+U ICU|4", "+I SUR|1"}, 1);
  harness.advance_clock(1);
  EXPECT_THAT(harness.rows(), IsEmpty());
  harness.push({"-U a|ICU|1", "+U a|ICU|4", "-D b|ICU|2"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("-U a|50", "+U a|100", "-D b|100"));
  harness.push({"-U a|ICU|4", "+U a|SUR|1"}, 0);
  EXPECT_EQ(harness.rows().size(), 3u) << "the same result is none";
  harness.expect_balanced();
}

TEST(changing_table_join, a_change_of_the_table_makes_results_anew) {
  operator_harness harness(table_node(), inputs());
  begin(harness);
  harness.clear_output();
  harness.push({"+U ICU|4", "+I SUR|1"}, 1);
  EXPECT_THAT(harness.rows(), UnorderedElementsAre("-U a|50", "+U a|25", "-U b|100", "+U b|50", "+I c|100"));
  harness.clear_output();
  harness.push({"-D ICU|4", "+U MED|9", "+U SUR|1"}, 1);
  EXPECT_THAT(harness.rows(), UnorderedElementsAre("-D a|25", "-D b|50"));
  harness.push({"-U a|ICU|1", "+U a|MED|9", "-D b|ICU|2"}, 0);
  harness.clear_output();
  harness.push({"+U MED|3"}, 1);
  EXPECT_THAT(harness.rows(), ElementsAre("-U a|100", "+U a|300"));
  harness.expect_balanced();
}

TEST(changing_table_join, a_left_join_pads_a_row_until_the_table_has_its_own) {
  operator_harness harness(table_node({.left_outer = true, .residual = "staffed > 1"}), inputs());
  begin(harness);
  EXPECT_THAT(harness.rows(), ElementsAre("+I a|50", "+I b|100", "+I c|NULL"));
  harness.clear_output();
  harness.push({"+U ICU|1", "+I SUR|2"}, 1);
  EXPECT_THAT(harness.rows(), UnorderedElementsAre("-U a|50", "+U a|NULL", "-U b|100", "+U b|NULL", "-U c|NULL", "+U c|50"));
}

TEST(changing_table_join, a_row_that_was_rejected_for_its_miss_does_not_come_back) {
  operator_harness harness(table_node({.reject_missing = true}), inputs());
  begin(harness);
  harness.push({"-U b|ICU|2", "+U b|SUR|2"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("+I a|50", "+I b|100", "-D b|100"));
  EXPECT_THAT(harness.rejected(), ElementsAre("join_miss: the table has no row with this key <- +I c|SUR|1",
                                              "join_miss: the table has no row with this key <- +U b|SUR|2"));
  harness.clear_output();
  harness.push({"+I SUR|1"}, 1);
  EXPECT_THAT(harness.rows(), IsEmpty());
  harness.expect_balanced();
}

TEST(changing_table_join, a_result_that_fails_goes_to_the_dead_letter_and_what_stood_is_taken_back) {
  operator_harness harness(table_node(), inputs());
  begin(harness);
  harness.clear_output();
  harness.push({"+U MED|0"}, 1);
  harness.push({"-U a|ICU|1", "+U a|MED|1"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("-D a|50"));
  harness.push({"+U ICU|0"}, 1);
  EXPECT_THAT(harness.rows(), ElementsAre("-D a|50", "-D b|100"));
  ASSERT_EQ(harness.rejected().size(), 2u);
  EXPECT_THAT(harness.rejected()[0], ::testing::HasSubstr("22012"));
  EXPECT_THAT(harness.rejected()[1], ::testing::HasSubstr("22012"));
  harness.expect_balanced();
}

TEST(changing_table_join, after_a_restore_the_whole_new_image_tells_what_has_changed) {
  operator_harness harness(table_node(), inputs());
  begin(harness);
  harness.barrier();
  harness.crash();
  EXPECT_FALSE(harness.op().blocks_input(0));
  harness.clear_output();
  harness.push({"+I MED|4"}, 1);
  harness.push({"+I ICU|4"}, 1);
  EXPECT_THAT(harness.rows(), IsEmpty()) << "half an image says nothing";
  idle(harness);
  EXPECT_THAT(harness.rows(), UnorderedElementsAre("-U a|50", "+U a|25", "-U b|100", "+U b|50"));
}

/// What must live downstream: by ward, from a map of the stream's rows and one of the table's.
TEST(changing_table_join, agrees_with_two_maps_on_random_input) {
  const uint64_t seed = seed_of(7);
  for (uint64_t round = 0; round < 12; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed + round));
    std::mt19937_64 random(seed + round);
    const auto draw = [&](uint64_t n) { return static_cast<int64_t>(random() % n); };
    const bool left_outer = round % 3 == 1;
    operator_harness harness(table_node({.left_outer = left_outer}), inputs(),
                             {.in_memory = round % 2 == 0, .batch_rows = round % 4 < 2 ? size_t{3} : size_t{1024}, .credit_rows = round % 5 == 0 ? size_t{2} : size_t{0}});
    std::map<std::string, std::pair<std::string, int64_t>> wards, saved_wards;
    std::map<std::string, int64_t> table, saved_table;
    const auto expect_right = [&] {
      std::map<std::string, int> wanted;
      for (const auto& [ward, row] : wards) {
        const auto found = table.find(row.first);
        if (found != table.end()) ++wanted[ward + "|" + std::to_string(row.second * 100 / found->second)];
        else if (left_outer) ++wanted[ward + "|NULL"];
      }
      ASSERT_EQ(harness.consolidated(), wanted);
    };
    const auto give_image = [&] {
      std::vector<std::string> image;
      for (const auto& [name, staffed] : table) image.push_back("+I " + name + "|" + std::to_string(staffed));
      if (!image.empty()) harness.push(image, 1);
      idle(harness);
    };
    give_image();
    harness.barrier();
    for (int step = 0; step < 120; ++step) {
      std::vector<std::string> rows;
      if (draw(3) == 0) {
        for (int64_t left = draw(4); left >= 0; --left) {
          const std::string name = "d" + std::to_string(draw(6));
          const auto found = table.find(name);
          if (found != table.end() && draw(3) == 0) {
            rows.push_back("-D " + name + "|" + std::to_string(found->second));
            table.erase(found);
          } else {
            rows.push_back(std::string(found == table.end() ? "+I " : "+U ") + name + "|" + std::to_string(table[name] = 1 + draw(9)));
          }
        }
        harness.push(rows, 1);
      } else {
        for (int64_t left = draw(9); left >= 0; --left) {
          const std::string ward = "w" + std::to_string(draw(12));
          const auto found = wards.find(ward);
          const auto text = [&] { return ward + "|" + wards[ward].first + "|" + std::to_string(wards[ward].second); };
          if (found != wards.end()) rows.push_back((draw(3) == 0 ? "-D " : "-U ") + text());
          if (found != wards.end() && rows.back()[1] == 'D') {
            wards.erase(found);
            continue;
          }
          const bool is_new = found == wards.end();
          wards[ward] = {"d" + std::to_string(draw(8)), draw(20)};
          rows.push_back((is_new ? "+I " : "+U ") + text());
        }
        harness.push(rows, 0);
      }
      expect_right();
      if (HasFatalFailure()) return;
      if (draw(10) == 0) {
        harness.barrier();
        saved_wards = wards;
        saved_table = table;
      } else if (draw(25) == 0) {
        harness.crash();
        wards = saved_wards;
        // The table was changed while the job was down, and comes whole.
        table = saved_table;
        table["d" + std::to_string(draw(6))] = 1 + draw(9);
        give_image();
        expect_right();
        if (HasFatalFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace systole::testing::changing_table_join_tests
