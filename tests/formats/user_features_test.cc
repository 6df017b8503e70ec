#include <gtest/gtest.h>

#include "decode_support.h"

// What the manual promises of CSV and NDJSON files, one promise a test.

namespace systole::user_features_tests {
namespace {

using strings = std::vector<std::string>;

decoder_column text_column(const std::string& name) { return {.name = name, .path = {name}, .type = {type_id::text}}; }
decoder_column int_column(const std::string& name) { return {.name = name, .path = {name}, .type = {type_id::int32}}; }
decoder_column nested(const std::string& name, std::vector<std::string> path, type_id type = type_id::text) {
  return {.name = name, .path = std::move(path), .type = {type}};
}

decoded_text csv(std::vector<decoder_column> columns, std::string_view text, decoder_options options = {},
                 size_t buffer_bytes = 1 << 20) {
  auto decoder = make_csv_decoder(columns, options);
  EXPECT_TRUE(decoder.has_value());
  return decode_all(**decoder, columns, text, options.capacity, buffer_bytes);
}
decoded_text json(std::vector<decoder_column> columns, std::string_view text, decoder_options options = {},
                  size_t buffer_bytes = 1 << 20) {
  auto decoder = make_json_decoder(columns, options);
  EXPECT_TRUE(decoder.has_value());
  return decode_all(**decoder, columns, text, options.capacity, buffer_bytes);
}

const std::vector<decoder_column> visit = {text_column("ward"), int_column("beds")};

TEST(csv_files, the_header_names_the_columns_in_any_order_and_others_are_left_out) {
  EXPECT_EQ(csv(visit, "note,beds,ward\nx,4,A\n").rows, strings{"A,4"});
}
TEST(csv_files, without_a_header_fields_come_in_the_schemas_order) {
  EXPECT_EQ(csv(visit, "A,4\nB,5\n", {.header = false}).rows, (strings{"A,4", "B,5"}));
}
TEST(csv_files, quotes_hold_delimiters_and_doubled_quotes) {
  EXPECT_EQ(csv(visit, "ward,beds\n\"A, \"\"east\"\"\",4\n").rows, strings{"\"A, \"\"east\"\"\",4"});
}
TEST(csv_files, other_delimiters_and_quotes) {
  EXPECT_EQ(csv(visit, "ward;beds\n'A;''1';4\n", {.delimiter = ';', .quote = '\''}).rows, strings{"A;'1,4"});
  EXPECT_EQ(csv(visit, "ward\tbeds\nA\t4\n", {.delimiter = '\t'}).rows, strings{"A,4"});
}
TEST(csv_files, a_byte_order_mark_is_no_part_of_the_first_name) {
  EXPECT_EQ(csv(visit, "\xef\xbb\xbfward,beds\nA,4\n").rows, strings{"A,4"});
  EXPECT_EQ(csv(visit,
                "\xef\xbb\xbf"
                "A,4\n",
                {.header = false})
                .rows,
            strings{"A,4"});
}
TEST(csv_files, lines_may_end_in_crlf_and_the_last_without) {
  EXPECT_EQ(csv(visit, "ward,beds\r\nA,4\r\nB,5").rows, (strings{"A,4", "B,5"}));
}
TEST(csv_files, newlines_within_quotes_where_they_are_allowed) {
  const std::string text = "ward,beds\n\"two\r\nlines\",4\nB,5\n";
  const decoded_text got = csv(visit, text, {.quoted_newlines = true});
  EXPECT_EQ(got.rows, (strings{"\"two\r\nlines\",4", "B,5"}));
  EXPECT_EQ(got.offsets, (std::vector<uint64_t>{10, text.find("B,5")}));
}
TEST(csv_files, a_header_with_a_newline_within_quotes_may_come_in_pieces) {
  const std::string text = "\"the\n\nnote\",ward,beds\nx,A,4\n";
  for (size_t bytes = 1; bytes < text.size(); ++bytes)
    EXPECT_EQ(csv(visit, text, {.quoted_newlines = true}, bytes).rows, strings{"A,4"}) << bytes << " bytes at a time";
}
TEST(csv_files, nothing_is_null_and_so_are_the_words_that_the_manifest_names) {
  EXPECT_EQ(csv(visit, "ward,beds\n,4\n").rows, strings{",4"});
  EXPECT_EQ(csv(visit, "ward,beds\nNA,-\nNAN,n/a\n", {.null_words = {"NA", "-", "n/a"}}).rows, (strings{",", "NAN,"}));
}
TEST(csv_files, a_broken_line_names_its_byte_and_leaves_its_neighbours_alone) {
  const std::string text = "ward,beds\nA,4\n\"B\" x,5\nC,6\nD,7,8\nE,9\n";
  const decoded_text got = csv(visit, text, {.keep_raw = true});
  EXPECT_EQ(got.rows, (strings{"A,4", "C,6", "E,9"}));
  EXPECT_EQ(got.rejects,
            (strings{"!" + std::to_string(text.find("\"B\"")) + " malformed CSV: text behind a closing quote",
                     "!" + std::to_string(text.find("D,7")) + " malformed CSV: more fields than the header"}));
}
TEST(csv_files, a_value_of_a_wrong_type_is_null_or_rejects_the_record) {
  EXPECT_EQ(csv(visit, "ward,beds\nA,four\n").rows, strings{"A,"});
  EXPECT_EQ(csv(visit, "ward,beds\nA,four\nB,5\n", {.strict_types = true}).rejects, strings{"!10 wrong type: beds"});
}

TEST(ndjson_files, fields_come_from_paths_however_deep) {
  const std::vector<decoder_column> columns = {nested("ward", {"visit", "location", "ward"}),
                                               nested("bed", {"visit", "location", "bed"}, type_id::int32),
                                               nested("kind", {"visit", "kind"})};
  EXPECT_EQ(json(columns, R"({"visit":{"kind":"A01","location":{"bed":4,"ward":"East"}}})").rows,
            strings{"East,4,A01"});
  EXPECT_EQ(json(columns, "{\"visit\":{\"kind\":\"A01\"}}\n{\"visit\":5}\n{}\n").rows, (strings{",,A01", ",,", ",,"}));
}
TEST(ndjson_files, unknown_fields_are_skipped_or_reject_the_record) {
  const std::string text = "{\"ward\":\"A\",\"new\":{\"x\":[1,{}]},\"beds\":4}\n{\"ward\":\"B\",\"beds\":5}\n";
  EXPECT_EQ(json(visit, text).rows, (strings{"A,4", "B,5"}));
  const decoded_text strict = json(visit, text, {.unknown_fields_reject = true});
  EXPECT_EQ(strict.rows, strings{"B,5"});
  EXPECT_EQ(strict.rejects, strings{"!0 an unknown field"});
}
TEST(ndjson_files, a_value_of_a_wrong_type_is_null_or_rejects_the_record) {
  const std::string text = "{\"ward\":\"A\",\"beds\":\"4\"}\n{\"ward\":\"B\",\"beds\":5}\n";
  EXPECT_EQ(json(visit, text).rows, (strings{"A,", "B,5"}));
  const decoded_text strict = json(visit, text, {.strict_types = true});
  EXPECT_EQ(strict.rows, strings{"B,5"});
  EXPECT_EQ(strict.rejects, strings{"!0 wrong type: beds"});
}
TEST(ndjson_files, a_field_that_must_be_there_rejects_records_without_it) {
  std::vector<decoder_column> columns = visit;
  columns[1].not_null = true;
  EXPECT_EQ(json(columns, "{\"ward\":\"A\"}\n{\"beds\":1}\n").rejects, strings{"!0 null in a not null field: beds"});
}

/// Each kind of broken line, with what is said of it.
const std::vector<std::pair<std::string, std::string>> broken_lines = {
    {R"({"ward":"B")", "malformed JSON"},
    {R"({"ward":)", "malformed JSON"},
    {R"(}}{"ward":1})", "not a JSON object"},
    {R"({"ward":"B"} x)", "malformed JSON: text behind the object"},
    {R"({"ward":"B)", "malformed JSON: a string does not end"},
    {"{\"ward\":\"\xff\"}", "invalid UTF-8"},
    {"{\"ward\":\"a\tb\"}", "malformed JSON: a control character in a string"},
    {R"({"beds":01})", "malformed JSON: a number"},
    {R"({"ward":"\u0000"})", "U+0000 in a string"},
};

TEST(ndjson_files, a_broken_line_names_its_byte_and_leaves_its_neighbours_alone) {
  for (const auto& [line, reason] : broken_lines) {
    const decoded_text got = json(visit, "{\"ward\":\"A\",\"beds\":1}\n" + line + "\n{\"ward\":\"C\",\"beds\":3}\n");
    EXPECT_EQ(got.rows, (strings{"A,1", "C,3"})) << line;
    EXPECT_EQ(got.rejects, strings{"!22 " + reason}) << line;
  }
}
TEST(ndjson_files, the_reason_does_not_depend_on_the_lines_beside_it_or_on_the_buffers) {
  std::string all;
  for (const auto& [line, reason] : broken_lines) all += line + "\n{\"ward\":\"good\"}\n";
  const decoded_text whole = json(visit, all);
  EXPECT_EQ(whole.rejects.size(), broken_lines.size());
  for (size_t bytes = 1; bytes < 80; ++bytes) EXPECT_EQ(json(visit, all, {}, bytes), whole) << bytes;
  for (size_t i = 0; i < broken_lines.size(); ++i)
    EXPECT_TRUE(whole.rejects[i].ends_with(" " + broken_lines[i].second)) << whole.rejects[i];
}

}  // namespace
}  // namespace systole::user_features_tests
