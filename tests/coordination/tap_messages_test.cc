#include "coordination/tap_messages.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "coordination/control_wire.h"
#include "coordination/worker_news.h"
#include "proto/news.pb.h"
#include "tests/coordination/every_field_set.h"

namespace systole::testing {
namespace {

tap_order full_tap_order() { return {term_id(3), {{job_id(4), "adt"}, {job_id(5), "beds\xff"}}}; }
tap_news full_tap_news() {
  return {"worker-1", {{.of = {job_id(4), "adt"}, .passed = 7, .rows = {R"({"kind":"+I"})", "{}"}, .refused = true}}};
}

TEST(tap_messages, every_field_of_an_order_arrives) {
  const std::string bytes = encode(full_tap_order());
  ASSERT_TRUE(is_tap_order(bytes));
  proto::TapOrder raw;
  ASSERT_TRUE(raw.ParseFromString(bytes.substr(5)));
  expect_all_set(raw);
  expect_all_set(raw.steps(0));
  const auto read = decode_tap_order(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->term, term_id(3));
  EXPECT_EQ(read->steps, full_tap_order().steps);
  EXPECT_TRUE(decode_tap_order(encode(tap_order{term_id(3), {}}))->steps.empty()) << "nothing is tapped";
}

TEST(tap_messages, every_field_of_the_news_arrives) {
  const std::string bytes = encode(full_tap_news());
  ASSERT_TRUE(is_tap_news(bytes));
  proto::TapNews raw;
  ASSERT_TRUE(raw.ParseFromString(bytes.substr(7)));
  expect_all_set(raw);
  expect_all_set(raw.samples(0));
  expect_all_set(raw.samples(0).of());
  const auto read = decode_tap_news(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(encode(*read), bytes);
  EXPECT_EQ(read->name, "worker-1");
  EXPECT_EQ(read->samples[0].rows, full_tap_news().samples[0].rows);
  EXPECT_TRUE(read->samples[0].refused);
}

TEST(tap_messages, are_no_other_messages) {
  const std::string order = encode(full_tap_order()), news = encode(full_tap_news());
  EXPECT_FALSE(is_tap_news(order));
  EXPECT_FALSE(is_tap_order(news));
  EXPECT_FALSE(is_worker_news(news));
  EXPECT_FALSE(decode_coordinator_message(order)) << "an older worker refuses it";
  EXPECT_FALSE(decode_worker_message(news));
  EXPECT_FALSE(is_tap_order(encode(coordinator_message(worker_greeting{term_id(1), {1, 2}, true, "s"}))));
  EXPECT_FALSE(is_tap_news(encode(worker_message(worker_report{{1, 2}, "w", "h:1", "n", 1, 1, false, {}, {}}))));
  EXPECT_FALSE(is_tap_order(""));
  EXPECT_FALSE(decode_tap_order("TAPS1\xff"));
  EXPECT_FALSE(decode_tap_news("TAPPED1\xff"));
}

TEST(tap_messages, take_no_more_than_the_limits) {
  tap_order order = full_tap_order();
  order.steps.assign(limits::taps + 3, order.steps[0]);
  EXPECT_EQ(decode_tap_order(encode(order))->steps.size(), limits::taps);
  tap_news news = full_tap_news();
  news.samples[0].rows.assign(limits::tap_message_rows, "{}");
  news.samples[0].rows[0] = std::string(limits::tap_row_bytes + 1, 'x');
  news.samples.push_back(news.samples[0]);
  const auto read = decode_tap_news(encode(news));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->samples[0].rows.size(), limits::tap_message_rows - 1);
  EXPECT_EQ(read->samples[1].rows.size(), 1u) << "of all samples together";
}

}  // namespace
}  // namespace systole::testing
