#include <gtest/gtest.h>

#include <random>

#include "decode_support.h"
#include "tests/support/seed.h"

namespace systole {
namespace {

using strings = std::vector<std::string>;

decoder_column top(const std::string& name, data_type type = {type_id::text}) {
  return {.name = name, .path = {name}, .type = type};
}

decoded_text decode(std::vector<decoder_column> columns, std::string_view text, decoder_options options = {},
                    size_t buffer_bytes = 1 << 20) {
  auto decoder = make_csv_decoder(columns, options);
  EXPECT_TRUE(decoder.has_value());
  return decode_all(**decoder, columns, text, options.capacity, buffer_bytes);
}

TEST(csv_decoder, finds_columns_by_name) {
  EXPECT_EQ(decode({top("b", {type_id::int32}), top("a"), top("missing")}, "a,x,b\none,2,3\ntwo,4,5\n").rows,
            (strings{"3,one,", "5,two,"}));
}

TEST(csv_decoder, quotes_delimiters_and_line_ends) {
  EXPECT_EQ(
      decode({top("a"), top("b")}, "\xef\xbb\xbf\"a\",b\r\n\"x, y\",\"say \"\"hi\"\" to the long text\"\r\n\r\n  \n1,2")
          .rows,
      (strings{"\"x, y\",\"say \"\"hi\"\" to the long text\"", "1,2"}));
}

TEST(csv_decoder, quoted_newlines_where_asked_for) {
  const std::string text = "a,b\n\"one\ntwo\",2\nthree,3\n";
  EXPECT_EQ(decode({top("a"), top("b")}, text, {.quoted_newlines = true}).rows, (strings{"\"one\ntwo\",2", "three,3"}));
  const decoded_text split = decode({top("a"), top("b")}, text);
  EXPECT_EQ(split.rows, (strings{"\"two\"\"\",2", "three,3"}));  // a quote inside of a field is text
  EXPECT_EQ(split.rejects, strings{"!4 malformed CSV: a quote does not close"});
}

TEST(csv_decoder, short_rows_lack_their_last_fields_and_long_ones_are_rejected) {
  const decoded_text got = decode({top("a"), top("b"), top("c")}, "a,b,c\n1\n1,2\n1,2,3\n1,2,3,4\n,,\n");
  EXPECT_EQ(got.rows, (strings{"1,,", "1,2,", "1,2,3", ",,"}));
  EXPECT_EQ(got.rejects, strings{"!18 malformed CSV: more fields than the header"});
}

TEST(csv_decoder, broken_records_harm_no_neighbour) {
  const decoded_text got =
      decode({top("a"), top("b")}, "a,b\n1,2\n\"x\"y,2\n\"open,2\nbad\xff,2\nnul" + std::string(1, '\0') + ",1\n3,4\n");
  EXPECT_EQ(got.rows, (strings{"1,2", "3,4"}));
  EXPECT_EQ(got.rejects,
            (strings{"!8 malformed CSV: text behind a closing quote", "!15 malformed CSV: a quote does not close",
                     "!23 invalid UTF-8", "!30 U+0000 in a record"}));
}

TEST(csv_decoder, null_words_and_blanks) {
  const decoder_options options{.null_words = {"NA", "null"}, .trim = true};
  EXPECT_EQ(
      decode({top("a"), top("b", {type_id::int32})}, "a,b\n NA ,7\n\" NA \",null\n nAn , 8 \n\"\",x\n", options).rows,
      (strings{",7", " NA ,", "nAn,8", ","}));
  EXPECT_EQ(decode({top("a"), top("b", {type_id::int32})}, "a,b\n NA ,7\n").rows, strings{" NA ,7"});
}

TEST(csv_decoder, types) {
  EXPECT_EQ(decode({top("i", {type_id::int32}), top("d", {type_id::float64}), top("n", {type_id::numeric, 10, 2}),
                    top("b", {type_id::boolean}), top("z", {type_id::timestamptz}), top("y", {type_id::date})},
                   "i,d,n,b,z,y\n+5,.5,1e3,T,2026-01-02 03:04,2026-01-02T10:00:00\n5.0,inf,x,maybe,never,2026-02-30\n "
                   "6 , 1e3 , -.005 ,no, 2026-01-02 , 2026-01-02\n")
                .rows,
            (strings{"5,0.5,1000.00,true,2026-01-02 03:04:00.000000,2026-01-02", ",,,,,",
                     "6,1000,-0.01,false,2026-01-02 00:00:00.000000,2026-01-02"}));
}

TEST(csv_decoder, not_null_strict_types_and_headers) {
  std::vector<decoder_column> columns = {top("a", {type_id::int32})};
  EXPECT_EQ(decode(columns, "a\nx\n\n1\n", {.strict_types = true}).rejects, strings{"!2 wrong type: a"});
  columns[0].not_null = true;
  EXPECT_EQ(decode(columns, "a\nx\n1\n").rejects, strings{"!2 null in a not null field: a"});
  EXPECT_EQ(decode(columns, "b\n1\n").rejects, strings{"failed: the CSV header has none of the columns, among them a"});
  EXPECT_EQ(decode(columns, "a,a\n1,2\n").rejects, strings{"failed: the CSV header names a column twice: a"});
  EXPECT_EQ(decode(columns, "a,b\n1,2\n", {.unknown_fields_reject = true}).rejects,
            strings{"failed: the CSV header has an unknown column, number 2"});
  EXPECT_EQ(decode({top("a"), top("b")}, "1,2\n3,4\n", {.header = false}).rows, (strings{"1,2", "3,4"}));
  EXPECT_TRUE(decode(columns, "").rejects.empty());
}

/// RFC 4180 read one character at a time.
struct reference_record {
  std::vector<std::string> fields;
  bool broken = false;
};
std::vector<reference_record> reference_csv(std::string_view text) {
  std::vector<reference_record> records;
  size_t at = 0;
  while (at < text.size()) {
    reference_record record;
    const size_t begin = at;
    bool end = false;
    while (!end) {
      std::string field;
      if (at < text.size() && text[at] == '"') {
        ++at;
        for (;; ++at) {
          if (at >= text.size()) {
            record.broken = end = true;
            break;
          }
          if (text[at] == '"') {
            if (at + 1 < text.size() && text[at + 1] == '"') ++at;
            else break;
          }
          field += text[at];
        }
        if (end) break;
        ++at;
        const bool line_end =
            at >= text.size() || text[at] == '\n' || text.substr(at, 2) == "\r\n" || text.substr(at) == "\r";
        if (!line_end && text[at] != ',') record.broken = true;
        if (line_end || record.broken) {
          while (at < text.size() && text[at] != '\n') ++at;
          ++at;
          end = true;
        } else {
          ++at;
        }
      } else {
        while (at < text.size() && text[at] != ',' && text[at] != '\n') field += text[at++];
        if (at >= text.size() || text[at] == '\n') {
          end = true;
          if (!field.empty() && field.back() == '\r') field.pop_back();
        }
        ++at;
      }
      record.fields.push_back(field);
    }
    const std::string_view line = text.substr(begin, std::min(at, text.size()) - begin);
    if (line.find_first_not_of(" \t\r\n") != std::string_view::npos) records.push_back(record);
  }
  return records;
}

TEST(csv_decoder, agrees_with_a_slow_parser) {
  const uint64_t seed = testing::make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::vector<std::string> pieces = {"a",       "bb",   ",",        ",",        "\n", "\r\n",
                                           "\"",      "\"\"", "\"x, y\"", "\"p\nq\"", " ",  "a somewhat longer text",
                                           "\xc3\xa4"};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (size_t i = 0, n = random() % 40; i < n; ++i) text += pieces[random() % pieces.size()];
    const std::vector<decoder_column> columns = {top("a"), top("b"), top("c"), top("d")};
    const decoded_text got = decode(columns, text, {.header = false, .quoted_newlines = true}, 1 + random() % 50);
    strings wanted;
    size_t rejected = 0;
    for (const reference_record& each : reference_csv(text)) {
      if (each.broken || each.fields.size() > 4) {
        ++rejected;
        continue;
      }
      std::string row;
      for (size_t c = 0; c < 4; ++c) {
        if (c) row += ',';
        if (c >= each.fields.size() || each.fields[c].empty()) continue;
        const std::string& field = each.fields[c];
        if (field.find_first_of(",\"\r\n") == std::string::npos) {
          row += field;
          continue;
        }
        row += '"';
        for (char ch : field) row += ch == '"' ? std::string("\"\"") : std::string(1, ch);
        row += '"';
      }
      wanted.push_back(row);
    }
    ASSERT_EQ(got.rows, wanted) << text;
    ASSERT_EQ(got.rejects.size(), rejected) << text;
  }
}

}  // namespace
}  // namespace systole
