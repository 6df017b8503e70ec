#include <gtest/gtest.h>

#include <algorithm>

#include "expr/expression.h"

namespace systole::test {
namespace {

batch rows_at(const std::vector<row_position>& positions) {
  batch made(positions.size(), {});
  column_builder builder(hidden_types[static_cast<size_t>(hidden::position)], positions.size());
  for (const row_position& at : positions) builder.append<int128>(static_cast<int128>(at.pack()));
  made.set_hidden(hidden::position, builder.finish());
  return made;
}

column_ptr column_of(const std::string& sql, const batch& input, const std::vector<uint32_t>* chosen = nullptr) {
  const bind_result bound = bind_expression(sql, {});
  EXPECT_TRUE(bound.expression) << bound.errors.at(0).message;
  std::vector<row_error> errors;
  column_ptr made = bound.expression->evaluate(input, {}, errors, chosen);
  EXPECT_TRUE(errors.empty());
  return made;
}

TEST(source_position, names_source_file_and_byte_offset) {
  const batch input = rows_at({{1, 17, 4096, 0}, {1, 17, 4096, 3}});
  const column_ptr shown = column_of("source_position()", input);
  EXPECT_EQ(shown->type().id, type_id::text);
  EXPECT_EQ(shown->text(0), "00001:0000000017:000000000004096");
  EXPECT_EQ(shown->text(1), "00001:0000000017:000000000004096:00003");
}

TEST(source_position, sorts_as_the_file_does) {
  std::vector<row_position> positions = {
      {0, 0, 0, 0}, {0, 0, 9, 0},  {0, 0, 10, 0},         {0, 0, 10, 1}, {0, 0, (uint64_t{1} << 48) - 1, 0},
      {0, 9, 0, 0}, {0, 10, 5, 0}, {0, 0xffffffff, 0, 0}, {1, 0, 0, 0},  {0xffff, 0, 0, 0xffff}};
  const column_ptr shown = column_of("source_position()", rows_at(positions));
  for (size_t i = 1; i < positions.size(); ++i) EXPECT_LT(shown->text(i - 1), shown->text(i)) << i;
}

TEST(source_position, is_null_on_rows_without_a_place) {
  const batch input(2, {});
  const column_ptr shown = column_of("source_position()", input);
  EXPECT_TRUE(shown->is_null(0) && shown->is_null(1));
  const column_ptr text = column_of("coalesce(source_position(), 'none')", input);
  EXPECT_EQ(text->text(1), "none");
}

TEST(source_position, is_computed_for_chosen_rows_within_other_expressions) {
  const batch input = rows_at({{0, 1, 1, 0}, {0, 1, 2, 0}, {0, 1, 3, 0}});
  const std::vector<uint32_t> chosen{1};
  const column_ptr shown = column_of("right(source_position(), 3) || '!'", input, &chosen);
  EXPECT_EQ(shown->size(), 3u);
  EXPECT_EQ(shown->text(1), "002!");
}

TEST(source_position, takes_no_argument) {
  const bind_result bound = bind_expression("source_position(1)", {});
  ASSERT_FALSE(bound.expression);
  EXPECT_EQ(bound.errors.at(0).message, "source_position() takes no argument");
}

}  // namespace
}  // namespace systole::test
