#include <gtest/gtest.h>

#include "decode_support.h"

namespace systole::json_decoder_tests {
namespace {

using strings = std::vector<std::string>;

decoder_column top(const std::string& name, data_type type) { return {.name = name, .path = {name}, .type = type}; }

/// One column of each type, all lenient.
std::vector<decoder_column> columns_of_all_types() {
  return {top("t", {type_id::text}),    top("i", {type_id::int32}),       top("l", {type_id::int64}),
          top("d", {type_id::float64}), top("n", {type_id::numeric}),     top("m", {type_id::numeric, 6, 2}),
          top("b", {type_id::boolean}), top("z", {type_id::timestamptz}), top("day", {type_id::date}),
          top("y", {type_id::bytea})};
}

decoded_text decode(std::vector<decoder_column> columns, std::string_view text,
                    decoder_options options = {.lenient_text = true}) {
  auto decoder = make_json_decoder(columns, options);
  EXPECT_TRUE(decoder.has_value());
  return decode_all(**decoder, columns, text, options.capacity);
}

/// The text field of one line, or its rejection.
std::string text_of(std::string_view line) {
  const decoded_text got = decode({top("t", {type_id::text})}, line);
  if (got.rows.size() == 1 && got.rejects.empty()) return got.rows[0];
  return got.rejects.empty() ? "nothing" : got.rejects[0];
}

TEST(json_decoder, reads_each_type) {
  EXPECT_EQ(
      decode(
          columns_of_all_types(),
          R"({"t":"a","i":-7,"l":9007199254740993,"d":98.6,"n":1.50,"m":2.345,"b":true,"z":"2026-01-01T00:00:00.5","day":"2026-02-03","y":"\\xDEad"})")
          .rows,
      strings{R"(a,-7,9007199254740993,98.6,1.50,2.35,true,2026-01-01 00:00:00.500000,2026-02-03,\xdead)"});
}

TEST(json_decoder, missing_and_null_are_null) {
  EXPECT_EQ(decode(columns_of_all_types(), "{}\n{\"t\":null,\"i\":null,\"z\":null}\n").rows,
            (strings{",,,,,,,,,", ",,,,,,,,,"}));
}

TEST(json_decoder, wrong_types_are_null_and_the_rest_stays) {
  EXPECT_EQ(decode({top("i", {type_id::int32}), top("t", {type_id::text})},
                   "{\"i\":\"42\",\"t\":\"a\"}\n{\"i\":42.0,\"t\":\"b\"}\n{\"i\":1e2,\"t\":\"c\"}\n{\"i\":2147483648,"
                   "\"t\":\"d\"}\n"
                   "{\"i\":-2147483648,\"t\":\"e\"}\n{\"i\":[1],\"t\":\"f\"}\n{\"i\":true,\"t\":\"g\"}\n{\"i\":-0,"
                   "\"t\":\"h\"}\n")
                .rows,
            (strings{",a", ",b", ",c", ",d", "-2147483648,e", ",f", ",g", "0,h"}));
  EXPECT_EQ(decode({top("l", {type_id::int64}), top("d", {type_id::float64})},
                   "{\"l\":9223372036854775807,\"d\":1e308}\n{\"l\":9223372036854775808,\"d\":1e309}\n{\"l\":1.0,\"d\":"
                   "-1e-400}\n")
                .rows,
            (strings{"9223372036854775807,1e+308", ",", ",-0"}));
  EXPECT_EQ(decode({top("z", {type_id::timestamptz})},
                   "{\"z\":\"2026-01-01\"}\n{\"z\":\"2026-01-01 10:00\"}\n{\"z\":\"soon\"}\n{\"z\":5}\n"
                   "{\"z\":\"2026-01-01T10:00:00.1234567+02:00\"}\n")
                .rows,
            (strings{"2026-01-01 00:00:00.000000", "2026-01-01 10:00:00.000000", "\"\"", "\"\"",
                     "2026-01-01 08:00:00.123456"}));
}

TEST(json_decoder, numbers_booleans_and_containers_are_text_in_a_text_field) {
  EXPECT_EQ(text_of(R"({"t":4.50})"), "4.50");
  EXPECT_EQ(text_of(R"({"t":true})"), "true");
  EXPECT_EQ(text_of("{\"t\": { \"a\" : [ 1 , 2.50, \"x y\" ] , \"b\" : { } } }"),
            R"("{""a"":[1,2.50,""x y""],""b"":{}}")");
  EXPECT_EQ(text_of(R"({"t":[]})"), "[]");
  EXPECT_EQ(text_of(R"({"t":null})"), "\"\"");
  EXPECT_EQ(decode({top("t", {type_id::text})}, "{\"t\":4}\n{\"t\":[1]}\n{\"t\":false}\n", {}).rows,
            (strings{"\"\"", "\"\"", "\"\""}));
}

TEST(json_decoder, the_last_of_a_key_counts) {
  EXPECT_EQ(text_of(R"({"t":"a","t":"b"})"), "b");
  EXPECT_EQ(text_of(R"({"t":"a","t":null})"), "\"\"");
  EXPECT_EQ(text_of(R"({"t":"a","\u0074":"b"})"), "b");
  const std::vector<decoder_column> nested = {{.name = "r", .path = {"v", "r"}, .type = {type_id::int32}}};
  EXPECT_EQ(
      decode(nested, "{\"v\":{\"r\":1}}\n{\"v\":{\"r\":1},\"v\":{}}\n{\"v\":{\"r\":1},\"v\":null}\n{\"v\":5}\n").rows,
      (strings{"1", "\"\"", "\"\"", "\"\""}));
}

TEST(json_decoder, escapes) {
  EXPECT_EQ(text_of(R"({"t":"\u00e9\n\/\ud83d\ude00x"})"), "\"\u00e9\n/\U0001F600x\"");
  EXPECT_EQ(text_of(R"({"t":"\\"})"), "\\");
  EXPECT_EQ(text_of(R"({"t":"a long text with a \t tab in it"})"), "a long text with a \t tab in it");
  EXPECT_EQ(text_of(R"({"t":"\u0000"})"), "!0 U+0000 in a string");
  EXPECT_EQ(text_of(R"({"x":"\u0000"})"), "!0 U+0000 in a string");
  EXPECT_EQ(text_of(R"({"\u0000":1})"), "!0 U+0000 in a string");
  EXPECT_EQ(text_of(R"({"x":"\ud800"})"), "!0 a lone surrogate in a string");
  EXPECT_EQ(text_of(R"({"x":"\q"})"), "!0 malformed JSON: an escape in a string");
}

TEST(json_decoder, what_is_no_json_object_is_rejected_wherever_the_fault_is) {
  for (const char* line : {"null",
                           "[]",
                           "5",
                           "\"t\"",
                           "{\"t\":\"a\"} x",
                           "{\"t\":\"a\"}{}",
                           "{\"t\":NaN}",
                           "{'t':1}",
                           "{\"t\":\"a\"",
                           "{\"t\":\"a}",
                           "\xef\xbb\xbf{\"t\":\"a\"}",
                           "{\"t\":\"\xff\"}",
                           "{\"t\":\"a\",}",
                           "{\"t\"}",
                           "{\"t\":}",
                           "{t:1}",
                           "{\"x\":01}",
                           "{\"x\":1.}",
                           "{\"x\":.5}",
                           "{\"x\":+1}",
                           "{\"x\":-}",
                           "{\"x\":1e}",
                           "{\"x\":tru}",
                           "{\"x\":truex}",
                           "{\"x\":[1,]}",
                           "{\"x\":[1 2]}",
                           "{\"x\":{\"y\":1]}",
                           "{\"x\":[}",
                           "{\"x\":{]}",
                           "{\"x\":\"a\"\"b\"}",
                           "{\"x\":\"a\"b}",
                           "{\"x\":\"a\tb\"}",
                           "{\"x\":nul}",
                           "{,}",
                           "{\"x\":1,,\"y\":2}",
                           "}",
                           "{\"x\":12345678a}",
                           "{\"x\":1\"\"}",
                           "{\"t\":\"a\"}]",
                           "{\"x\" 1}",
                           "{\"x\":\\\"}",
                           "{\"x\":Infinity}",
                           "{\"x\":0x1}",
                           "{\"x\":[{\"y\"}]}"}) {
    const decoded_text got =
        decode({top("t", {type_id::text})}, "{\"t\":\"before\"}\n" + std::string(line) + "\n{\"t\":\"after\"}\n");
    EXPECT_EQ(got.rows, (strings{"before", "after"})) << line;
    EXPECT_EQ(got.rejects.size(), 1u) << line;
    if (got.rejects.size() == 1) {
      EXPECT_TRUE(got.rejects[0].starts_with("!15 ")) << got.rejects[0];
    }
  }
}

TEST(json_decoder, an_object_over_two_lines_is_two_broken_records) {
  const decoded_text got = decode({top("t", {type_id::text})}, "{\"t\":\n\"a\"}\n{\"t\":\"b\"\n}\n{\"t\":\"c\"}");
  EXPECT_EQ(got.rows, strings{"c"});
  EXPECT_EQ(got.rejects.size(), 4u);
}

TEST(json_decoder, the_reason_does_not_depend_on_what_follows_the_line) {
  for (const char* line : {R"({"i":5)", R"({"x":5)", R"({"x":[1,2)", R"({"x":true)", R"({"t":"a")", R"({"x":"a")",
                           R"({"x":"\u0041")", R"({"t")", R"({"x":01)", R"({"x":tru)", R"(5)", R"("a")"}) {
    const std::vector<decoder_column> columns = {top("t", {type_id::text}), top("i", {type_id::int32})};
    const decoded_text alone = decode(columns, line);
    ASSERT_EQ(alone.rejects.size(), 1u) << line;
    for (const char* behind : {"\n", "\r\n", "\n\n{}", "\n{\"t\":\"a\"}", "\r\n7}", "\n\"", "\n,", "\nx\"}"}) {
      const decoded_text got = decode(columns, std::string(line) + behind);
      EXPECT_EQ(got.rejects[0], alone.rejects[0]) << line << behind;
    }
  }
}

TEST(json_decoder, blank_lines_and_carriage_returns) {
  const decoded_text got = decode({top("t", {type_id::text})}, "\n \t\r\n{\"t\":\"a\"}\r\n\n{\"t\":\"b\"}");
  EXPECT_EQ(got.rows, (strings{"a", "b"}));
  EXPECT_EQ(got.offsets, (std::vector<uint64_t>{5, 17}));
  EXPECT_TRUE(got.rejects.empty());
}

TEST(json_decoder, nesting_has_a_limit) {
  const auto nested = [](size_t depth) {
    return "{\"x\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_EQ(text_of(nested(64)), "\"\"");
  EXPECT_EQ(text_of(nested(65)), "!0 nested deeper than limits::json_depth (64)");
}

TEST(json_decoder, not_null_strict_types_and_unknown_fields) {
  std::vector<decoder_column> required = {top("t", {type_id::text})};
  required[0].not_null = true;
  EXPECT_EQ(decode(required, "{\"t\":\"a\"}\n{}\n{\"t\":[1]}\n", {}).rejects,
            (strings{"!10 null in a not null field: t", "!13 null in a not null field: t"}));
  EXPECT_EQ(decode({top("i", {type_id::int32})}, "{\"i\":\"1\"}\n{\"i\":\"1\",\"i\":2}\n{\"i\":null}\n",
                   {.strict_types = true})
                .rejects,
            strings{"!0 wrong type: i"});
  EXPECT_EQ(
      decode({top("i", {type_id::int32})}, "{\"i\":1,\"j\":2}\n{\"i\":1}\n", {.unknown_fields_reject = true}).rejects,
      strings{"!0 an unknown field"});
}

TEST(json_decoder, one_key_may_fill_several_columns) {
  const std::vector<decoder_column> columns = {top("v", {type_id::text}),
                                               {.name = "r", .path = {"v", "r"}, .type = {type_id::int32}},
                                               {.name = "s", .path = {"v", "r"}, .type = {type_id::text}}};
  EXPECT_EQ(decode(columns, "{\"v\":{\"r\":5}}").rows, strings{R"("{""r"":5}",5,5)"});
}

TEST(json_decoder, gives_the_raw_record_and_points_into_the_buffer) {
  auto decoder = make_json_decoder({top("t", {type_id::text})}, {.keep_raw = true});
  const record_span span = padded("{\"t\":\"a text longer than twelve\"}\r\n");
  ASSERT_EQ(*(*decoder)->decode(span, 10), span.size);
  const decoded_records got = (*decoder)->take();
  EXPECT_EQ(got.raws[0], "{\"t\":\"a text longer than twelve\"}");
  EXPECT_EQ(got.columns[0]->text(0).data(), span.data + 6);
}

TEST(json_decoder, stops_at_the_records_asked_for) {
  auto decoder = make_json_decoder({top("i", {type_id::int32})}, {.capacity = 3});
  const record_span span = padded("{\"i\":1}\nbroken\n{\"i\":2}\n{\"i\":3}\n");
  EXPECT_EQ(*(*decoder)->decode(span, 3), 23u);
  const decoded_records got = (*decoder)->take();
  EXPECT_EQ(got.records, 3u);
  EXPECT_EQ(got.rows, 2u);
}

TEST(json_decoder, gives_nothing_of_an_unfinished_line) {
  auto decoder = make_json_decoder({top("i", {type_id::int32})}, {});
  EXPECT_EQ(*(*decoder)->decode(padded("{\"i\":1", false), 3), 0u);
  EXPECT_EQ((*decoder)->take().records, 0u);
}

}  // namespace
}  // namespace systole::json_decoder_tests
