// Records of transactions: committed ones are given, aborted ones and all marks are not (read_committed).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kafka/protocol/batch_bytes.h"

namespace systole {
namespace record_set_transactions_test {

using namespace systole::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t anna = 100, bert = 200;

std::string sent_by(int64_t producer, int64_t offset, const std::vector<std::string>& values, int16_t attributes = is_transactional) {
  written_batch made{.base_offset = offset, .attributes = attributes, .producer = producer};
  for (const std::string& each : values) made.records.push_back({.value = each});
  return bytes_of(made);
}

TEST(kafka_transactions, marks_are_not_given) {
  const std::string batches = sent_by(anna, 0, {"a"}) + end_mark(1, anna, true) + values_at(2, {"b"});
  EXPECT_THAT(texts_of(batches), ElementsAre("0=a", "2=b"));
  EXPECT_EQ(kafka_whole_batches(end_mark(5, anna, true))->next_offset, 6);
}

TEST(kafka_transactions, what_one_aborts_is_left_out_among_what_others_commit) {
  const std::string batches = sent_by(anna, 0, {"no", "no"}) + sent_by(bert, 2, {"yes"}) + values_at(3, {"plain"}) + sent_by(anna, 4, {"no"}) +
                              end_mark(5, bert, true) + sent_by(anna, 6, {"no"}) + end_mark(7, anna, false) + sent_by(bert, 8, {"also"});
  EXPECT_THAT(texts_of(batches, {.aborted = {{anna, 0}}}), ElementsAre("2=yes", "3=plain", "8=also"));
}

TEST(kafka_transactions, an_abort_ends_with_its_mark) {
  const std::string batches = sent_by(anna, 0, {"no"}) + end_mark(1, anna, false) + sent_by(anna, 2, {"yes"}) + end_mark(3, anna, true) +
                              sent_by(anna, 4, {"no"}) + end_mark(5, anna, false) + sent_by(anna, 6, {"open to the end"});
  // In any order.
  EXPECT_THAT(texts_of(batches, {.aborted = {{anna, 4}, {anna, 0}}}), ElementsAre("2=yes", "6=open to the end"));
}

TEST(kafka_transactions, anothers_mark_ends_nothing) {
  const std::string batches = sent_by(anna, 0, {"no"}) + sent_by(bert, 1, {"no"}) + end_mark(2, bert, false) + sent_by(anna, 3, {"no"}) +
                              sent_by(bert, 4, {"yes"}) + end_mark(5, anna, false) + end_mark(6, bert, true);
  EXPECT_THAT(texts_of(batches, {.aborted = {{anna, 0}, {bert, 1}}}), ElementsAre("4=yes"));
}

TEST(kafka_transactions, only_the_mark_of_an_abort_ends_it) {
  std::string other_kind;
  put(other_kind, int16_t{0});
  put(other_kind, int16_t{2});
  const std::string batches = sent_by(anna, 0, {"no"}) + bytes_of({.base_offset = 1, .records = {{.key = other_kind}}, .attributes = is_control, .producer = anna}) +
                              sent_by(anna, 2, {"no"}) + end_mark(3, anna, false) + sent_by(anna, 4, {"yes"});
  EXPECT_THAT(texts_of(batches, {.aborted = {{anna, 0}}}), ElementsAre("4=yes"));
}

TEST(kafka_transactions, records_before_an_aborted_one_begins_are_given) {
  const std::string batches = sent_by(anna, 0, {"yes"}) + end_mark(1, anna, true) + sent_by(anna, 2, {"no"});
  EXPECT_THAT(texts_of(batches, {.aborted = {{anna, 2}}}), ElementsAre("0=yes"));
}

TEST(kafka_transactions, an_abort_begun_before_the_wanted_offset_counts) {
  const std::string batches = sent_by(anna, 0, {"no", "no", "no"}) + end_mark(3, anna, false) + sent_by(anna, 4, {"yes"});
  EXPECT_THAT(texts_of(batches, {.from = 2, .aborted = {{anna, 0}}}), ElementsAre("4=yes"));
  // The answer begins within it.
  const std::string later = sent_by(anna, 50, {"no"}) + end_mark(51, anna, false) + sent_by(anna, 52, {"yes"});
  EXPECT_THAT(texts_of(later, {.from = 50, .aborted = {{anna, 3}}}), ElementsAre("52=yes"));
}

TEST(kafka_transactions, a_producer_outside_of_transactions_is_not_kept_back) {
  const std::string batches = sent_by(anna, 0, {"no"}) + sent_by(anna, 1, {"plain"}, 0) + end_mark(2, anna, false);
  EXPECT_THAT(texts_of(batches, {.aborted = {{anna, 0}}}), ElementsAre("1=plain"));
}

TEST(kafka_transactions, marks_of_unknown_kinds_are_left_out) {
  for (const std::string& key : {std::string(), std::string("x"), std::string("\0\0\0\2", 4), std::string(100, '\xff')})
    EXPECT_THAT(texts_of(bytes_of({.records = {{.key = key}}, .attributes = is_control}) + values_at(1, {"a"})), ElementsAre("1=a")) << key.size();
  EXPECT_THAT(texts_of(bytes_of({.records = {}, .attributes = is_control})), IsEmpty());
}

}  // namespace record_set_transactions_test
}  // namespace systole
