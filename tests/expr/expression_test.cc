#include <gtest/gtest.h>

#include "tests/expr/table_text.h"

namespace systole::test {
namespace {

std::string value_of(const std::string& sql) { return evaluate(sql).value; }

TEST(expression, arithmetic_of_constants) {
  EXPECT_EQ(value_of("1 + 2 * 3"), "'7'");
  EXPECT_EQ(value_of("-5"), "'-5'");
  EXPECT_EQ(value_of("2147483647 + 1"), "ERROR 22003");
  EXPECT_EQ(value_of("1 / 0"), "ERROR 22012");
  EXPECT_EQ(value_of("1.0 / 3"), "'0.33333333333333333333'");
}

}  // namespace
}  // namespace systole::test
