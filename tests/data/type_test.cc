#include "data/type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace systole {
namespace {

using ::testing::HasSubstr;

TEST(type, parses_postgresqls_names_and_aliases) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"boolean", "BOOLEAN"},
      {"Bool", "BOOLEAN"},
      {"int", "INT"},
      {"INTEGER", "INT"},
      {"int4", "INT"},
      {"bigint", "BIGINT"},
      {"int8", "BIGINT"},
      {"double precision", "DOUBLE PRECISION"},
      {"  Double   Precision ", "DOUBLE PRECISION"},
      {"float8", "DOUBLE PRECISION"},
      {"numeric", "NUMERIC"},
      {"numeric(10,2)", "NUMERIC(10,2)"},
      {"NUMERIC ( 10 , 2 )", "NUMERIC(10,2)"},
      {"decimal(5)", "NUMERIC(5,0)"},
      {"numeric(38,38)", "NUMERIC(38,38)"},
      {"text", "TEXT"},
      {"varchar", "TEXT"},
      {"character varying", "TEXT"},
      {"bytea", "BYTEA"},
      {"date", "DATE"},
      {"timestamptz", "TIMESTAMPTZ"},
      {"timestamp with time zone", "TIMESTAMPTZ"},
      {"timestamp(6) with time zone", "TIMESTAMPTZ"},
      {"timestamp", "TIMESTAMP"},
      {"timestamp without time zone", "TIMESTAMP"},
      {"interval", "INTERVAL"},
  };
  for (const auto& [name, expected] : cases) {
    const result<data_type> type = parse_type(name);
    ASSERT_TRUE(type) << name;
    EXPECT_EQ(to_string(*type), expected) << name;
    EXPECT_EQ(parse_type(to_string(*type)).value(), *type) << "its own name leads back";
  }
}

TEST(type, refuses_others_and_says_what_to_write) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "unknown type"},
      {"number", "unknown type"},
      {"numeric(0)", "precision"},
      {"numeric(39)", "precision"},
      {"numeric(3,4)", "scale"},
      {"numeric(3,-1)", "malformed"},
      {"numeric(3", "malformed"},
      {"numeric()", "malformed"},
      {"numeric(1,2,3)", "malformed"},
      {"numeric(a)", "malformed"},
      {"numeric(99999999999)", "malformed"},
      {"int(4)", "no number"},
      {"varchar(20)", "text has no length"},
      {"timestamptz(3)", "microseconds"},
      {"smallint", "use int"},
      {"uuid", "use text"},
      {"jsonb", "not in this build"},
      {"text[]", "not in this build"},
      {std::string(5000, 'x'), "unknown type"},
  };
  for (const auto& [name, expected] : cases) {
    const result<data_type> type = parse_type(name);
    ASSERT_FALSE(type) << name;
    EXPECT_EQ(type.error().code, error_code::invalid_argument);
    EXPECT_THAT(type.error().message, HasSubstr(expected)) << name;
    EXPECT_LT(type.error().message.size(), 300u);
  }
}

}  // namespace
}  // namespace systole
