#include "coordination/worker_news.h"

#include <gtest/gtest.h>

#include "coordination/control_wire.h"
#include "proto/news.pb.h"
#include "tests/coordination/every_field_set.h"

namespace systole::testing {
namespace {

worker_news full_news() {
  worker_news made;
  made.name = "worker-1";
  made.process = {1, 2};
  step_figures step;
  step.step = "adt";
  step.in = 3;
  step.out = 4;
  step.rejected = 5;
  step.late = 6;
  step.busy = std::chrono::nanoseconds(7);
  step.backpressured = std::chrono::nanoseconds(8);
  step.watermark = -9;
  step.state_bytes = 10;
  step.queue_bytes = 11;
  step.lag_records = 12;
  made.jobs[job_id(13)] = {step};
  made.lines = {{14, 15, log_level::error, "worker: text"}};
  return made;
}

TEST(worker_news, every_field_arrives) {
  const std::string bytes = encode(full_news());
  ASSERT_TRUE(is_worker_news(bytes));
  proto::WorkerNews raw;
  ASSERT_TRUE(raw.ParseFromString(bytes.substr(5)));
  expect_all_set(raw);
  expect_all_set(raw.jobs(0));
  expect_all_set(raw.jobs(0).steps(0));
  expect_all_set(raw.lines(0));
  const auto read = decode_worker_news(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(encode(*read), bytes);
  EXPECT_EQ(read->lines[0].text, "worker: text");
  EXPECT_EQ(read->jobs.at(job_id(13))[0].watermark, -9);
}

TEST(worker_news, what_is_not_known_stays_unknown) {
  worker_news news = full_news();
  news.jobs[job_id(13)][0].watermark.reset();
  news.jobs[job_id(13)][0].lag_records.reset();
  const auto read = decode_worker_news(encode(news));
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->jobs.at(job_id(13))[0].watermark);
  EXPECT_FALSE(read->jobs.at(job_id(13))[0].lag_records);
}

TEST(worker_news, is_no_other_message) {
  EXPECT_FALSE(is_worker_news(encode(worker_message(worker_report{{1, 2}, "w", "h:1", "n", 1, 1, false, {}, {}}))));
  EXPECT_FALSE(is_worker_news(""));
  EXPECT_FALSE(decode_worker_message(encode(full_news()))) << "an older coordinator refuses it";
  EXPECT_FALSE(decode_worker_news("NEWS1\xff"));
}

TEST(worker_news, takes_no_more_than_it_says) {
  worker_news news = full_news();
  news.lines.assign(worker_news::most_lines + 10, news.lines[0]);
  news.lines[0].text = std::string(logged_line_bytes + 10, 'x');
  const auto read = decode_worker_news(encode(news));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->lines.size(), worker_news::most_lines);
  EXPECT_EQ(read->lines[0].text.size(), logged_line_bytes);
}

TEST(step_figures, of_two_processes_add_up) {
  step_figures sum = full_news().jobs.at(job_id(13))[0], more = sum;
  more.watermark = -20;
  more.lag_records.reset();
  add_figures(sum, more);
  EXPECT_EQ(sum.in, 6u);
  EXPECT_EQ(sum.watermark, -20) << "the lowest";
  EXPECT_EQ(sum.lag_records, 12u) << "of those that know it";
  EXPECT_EQ(sum.queue_bytes, 22u);
}

}  // namespace
}  // namespace systole::testing
