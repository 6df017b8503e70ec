#include "formats/json_value.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace systole {
namespace {

std::string rewritten(std::string_view text) {
  const auto read = json_value::parse(text);
  if (!read) return read.error().message;
  json_text out;
  read->write(out);
  return out.take();
}

TEST(json_value, writes_what_it_has_read) {
  const std::string text =
      "{\n  \"b\": [\n    1,\n    -2,\n    0.5,\n    true,\n    null,\n    \"x\\ny \xc3\xa9\"\n  ],\n  \"a\": {}\n}";
  EXPECT_EQ(rewritten(text), text);
  EXPECT_EQ(rewritten("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(rewritten("-0e1"), "-0.0");
  EXPECT_EQ(rewritten("-0.0"), "-0.0");
  EXPECT_EQ(rewritten("5525555552555555e5"), "552555555255555522560.0");
  EXPECT_EQ(rewritten("552555555255555522560.0"), "552555555255555522560.0");
  EXPECT_EQ(rewritten("2.5e3"), "2500");
  EXPECT_EQ(rewritten("\"\\u00e9\\ud83d\\ude00\""), "\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

TEST(json_value, finds_members_by_name) {
  const auto read = json_value::parse(R"({"name": "x", "count": 3, "ratio": 0.5, "on": false})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read->find("name")->text(), "x");
  EXPECT_EQ(*read->find("count")->integer(), 3);
  EXPECT_EQ(*read->find("ratio")->real(), 0.5);
  EXPECT_EQ(*read->find("on")->boolean(), false);
  EXPECT_EQ(read->find("absent"), nullptr);
  EXPECT_EQ(read->find("name")->find("x"), nullptr);
  EXPECT_EQ(read->find("name")->integer(), nullptr);
}

TEST(json_value, refuses_what_is_no_json) {
  for (const char* wrong :
       {"", " ", "{", "[1,]", "{\"a\":1,}", "nul", "01", "1 2", "\"\xff\"", "\"a\nb\"", "{'a':1}", "\"\\x\"", "NaN"}) {
    const auto read = json_value::parse(wrong);
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().code, error_code::invalid_argument);
    EXPECT_TRUE(read.error().message.starts_with("not JSON: ")) << read.error().message;
  }
}

TEST(json_value, refuses_a_member_that_is_there_twice) {
  EXPECT_EQ(rewritten(R"([{"a": 1, "b": 2, "a": 3}])"), "the member a is there twice");
}

TEST(json_value, refuses_more_levels_than_the_limit) {
  const auto nested = [](size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_TRUE(json_value::parse(nested(limits::json_depth - 1)));
  EXPECT_FALSE(json_value::parse(nested(limits::json_depth + 1)));
  EXPECT_FALSE(json_value::parse(nested(100'000)));
}

}  // namespace
}  // namespace systole
