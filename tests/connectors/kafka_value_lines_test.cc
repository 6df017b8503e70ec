#include "connectors/kafka/kafka_value_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "tests/kafka/protocol/batch_bytes.h"

namespace systole {
namespace kafka_value_lines_test {

using namespace systole::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Lines without their last ends.
std::vector<std::string> lines_of(const record_span& span) {
  std::vector<std::string> made;
  std::string_view rest(span.data, span.size);
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    made.emplace_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return made;
}
std::string trimmed(const std::string& line) { return line.substr(std::min(line.find_first_not_of(' '), line.size())); }

/// Records of one batch, laid as lines; "{}" for one without a value.
struct laid {
  explicit laid(bool json, const std::string& batches) : json(json), lines(json), set(set_of(batches, pool)) {}

  /// False where there is no further record, or `lines` must end before it.
  bool add() {
    if (!kept && !set.next(record)) return false;
    kept = false;
    const std::string_view value = record.has_value ? record.value : "{}";
    if (lines.must_end(record, value, set.block())) {
      kept = true;
      return false;
    }
    places.push_back(lines.add(record, value, set.block()));
    return true;
  }
  /// Where each line begins, and how many blanks, as the span has them.
  void check_places() const {
    const record_span span = lines.span(0);
    const std::string_view text(span.data, span.size);
    size_t at = 0;
    for (const auto& each : places) {
      EXPECT_EQ(each.begin, span.offset + at);
      EXPECT_EQ(text.substr(at, each.gap), std::string(each.gap, ' '));
      at = text.find('\n', at) + 1;
    }
    EXPECT_EQ(at, text.size());
    // JSON's lines are known, from wherever the next one is to be decoded.
    for (size_t from = 0, left = places.size(); json && left > 0; from = text.find('\n', from) + 1, --left) {
      const record_span rest = lines.span(from);
      ASSERT_EQ(rest.lines.size(), left);
      EXPECT_EQ(rest.lines_from + rest.lines[0].end, span.data + text.find('\n', from));
      EXPECT_EQ(rest.lines[0].has_escape, text.substr(from, text.find('\n', from) - from).find('\\') != std::string::npos);
    }
    EXPECT_GE(span.padding, span.data + span.size);
    EXPECT_EQ(std::string_view(span.padding, decode_padding), std::string(decode_padding, '\0'));
  }

  const bool json;
  buffer_pool pool;
  kafka_value_lines lines;
  kafka_record_set set;
  kafka_record record;
  bool kept = false;
  std::vector<kafka_value_lines::line> places;
};

TEST(kafka_value_lines, json_stays_where_it_lies_with_blanks_between) {
  const std::string batches = bytes_of({.records = {{.key = "p1", .value = R"({"a":1})", .headers = {{"h", "x"}}}, {.value = R"({"a":2})"}}}) +
                              values_at(2, {"", R"({"a":3})"});
  laid it(true, batches);
  EXPECT_TRUE(it.lines.empty());
  const char* first = nullptr;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(it.add()) << i;
    if (i == 0) first = it.record.value.data();
  }
  EXPECT_EQ(it.lines.span(0).data, first);
  std::vector<std::string> lines;
  for (const std::string& each : lines_of(it.lines.span(0))) lines.push_back(trimmed(each));
  EXPECT_THAT(lines, ElementsAre(R"({"a":1})", R"({"a":2})", "", R"({"a":3})"));
  EXPECT_EQ(it.places[0].gap, 0u);
  EXPECT_GE(it.places[3].gap, 3u);
  EXPECT_GE(it.places[2].gap, 61u);  // a batch's head
  it.check_places();
  // A part of them was decoded.
  const size_t decoded = lines_of(it.lines.span(0))[0].size() + 1;
  EXPECT_EQ(it.lines.span(decoded).offset, decoded);
  EXPECT_EQ(it.lines.span(decoded).size, it.lines.size() - decoded);
}

TEST(kafka_value_lines, a_line_break_within_a_value_is_none_until_restored) {
  laid it(true, values_at(0, {"{\n\"a\":\n1}\n", "\n", R"({"a":2})"}));
  while (it.add()) {}
  const record_span span = it.lines.span(0);
  EXPECT_THAT(lines_of(span), ElementsAre("{\r\"a\":\r1}\r", HasSubstr("\r"), HasSubstr(R"({"a":2})")));
  it.check_places();
  it.lines.end();
  EXPECT_TRUE(it.lines.empty());
  // Until the rejected records were taken from it.
  it.lines.restore();
  EXPECT_EQ(std::string_view(span.data, 11), "{\n\"a\":\n1}\n\n");
  EXPECT_EQ(std::string_view(span.data, span.size).find('\r'), std::string_view::npos);
}

TEST(kafka_value_lines, one_without_a_value_has_what_stands_for_it) {
  laid it(true, bytes_of({.records = {{}, {.key = "gone"}, {.value = R"({"a":1})"}, {}}}));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(it.add()) << i;
  std::vector<std::string> lines;
  for (const std::string& each : lines_of(it.lines.span(0))) lines.push_back(trimmed(each));
  EXPECT_THAT(lines, ElementsAre("{}", "{}", R"({"a":1})", "{}"));
  it.check_places();
  // The shortest record holds it: nothing behind the batch was written.
  EXPECT_EQ(std::string_view(it.set.block().end(), kafka_block::padding), std::string(kafka_block::padding, '\0'));
}

TEST(kafka_value_lines, lines_with_an_escape_are_known) {
  laid it(true, values_at(0, {R"({"a":1})", R"({"a":"\n"})", R"({"a":"\\"})", R"({"a":2})"}));
  while (it.add()) {}
  it.check_places();
  EXPECT_TRUE(it.lines.span(0).lines[1].has_escape);
  EXPECT_FALSE(it.lines.span(0).lines[3].has_escape);
}

TEST(kafka_value_lines, a_large_gap_ends_the_lines) {
  const std::string large(17 * limits::kibibyte, 'k');
  laid it(true, bytes_of({.records = {{.value = "1"}, {.key = large.substr(0, 15 * limits::kibibyte), .value = "2"}, {.key = large, .value = "3"}, {.value = "4"}}}));
  ASSERT_TRUE(it.add());
  ASSERT_TRUE(it.add());
  EXPECT_FALSE(it.add());  // so many blanks cost more than they are worth
  it.check_places();
  const size_t before = it.lines.size();
  it.lines.end();
  it.places.clear();
  ASSERT_TRUE(it.add());
  ASSERT_TRUE(it.add());
  EXPECT_EQ(it.places[0].begin, before);
  EXPECT_EQ(it.places[0].gap, 0u);
  EXPECT_EQ(lines_of(it.lines.span(0))[0], "3");
  it.check_places();
  it.lines.end();
  it.lines.restore();
  laid other(true, values_at(0, {"5"}));
  ASSERT_TRUE(other.add());
  EXPECT_EQ(it.lines.add(other.record, other.record.value, other.set.block()).begin, 0u);
}

TEST(kafka_value_lines, records_of_another_block_end_the_lines) {
  laid it(true, values_at(0, {"1"})), other(true, values_at(1, {"2"}));
  ASSERT_TRUE(it.add());
  ASSERT_TRUE(other.set.next(other.record));
  EXPECT_TRUE(it.lines.must_end(other.record, other.record.value, other.set.block()));
  it.lines.end();
  EXPECT_FALSE(it.lines.must_end(other.record, other.record.value, other.set.block()));
}

TEST(kafka_value_lines, lines_keep_their_bytes_when_the_records_are_gone) {
  kafka_value_lines lines(true);
  record_span span;
  {
    laid it(true, values_at(0, {"{\"a\":\n1}"}));
    ASSERT_TRUE(it.set.next(it.record));
    lines.add(it.record, it.record.value, it.set.block());
    span = lines.span(0);
  }
  lines.end();
  lines.restore();
  EXPECT_EQ(std::string_view(span.data, span.size - 1), "{\"a\":\n1}");
}

TEST(kafka_value_lines, csv_is_copied_without_blanks) {
  laid it(false, bytes_of({.records = {{.key = "k", .value = "1,a"}, {.value = ""}, {.value = " 2,b "}, {}}}));
  while (it.add()) {}
  EXPECT_THAT(lines_of(it.lines.span(0)), ElementsAre("1,a", "", " 2,b ", "{}"));
  for (const auto& each : it.places) EXPECT_EQ(each.gap, 0u);
  it.check_places();
  // Records of other blocks too.
  laid other(false, values_at(9, {"3,c"}));
  ASSERT_TRUE(other.set.next(other.record));
  ASSERT_FALSE(it.lines.must_end(other.record, other.record.value, other.set.block()));
  it.lines.add(other.record, other.record.value, other.set.block());
  EXPECT_EQ(lines_of(it.lines.span(0)).back(), "3,c");
  EXPECT_EQ(other.record.value, "3,c");
}

TEST(kafka_value_lines, csv_ends_where_its_window_is_full) {
  const std::string large(limits::source_window_bytes - 1, 'x');
  // The last one would have no room for its line's end.
  laid it(false, values_at(0, {large, "1", large + "yz", large.substr(2), "23"}));
  ASSERT_TRUE(it.add());
  for (const char* rest : {"1", "z", "x", "3"}) {
    EXPECT_FALSE(it.add()) << rest;
    it.check_places();
    it.lines.end();
    it.lines.restore();
    it.places.clear();
    ASSERT_TRUE(it.add());
    EXPECT_EQ(lines_of(it.lines.span(0))[0].back(), rest[0]) << rest;
  }
}

}  // namespace kafka_value_lines_test
}  // namespace systole
