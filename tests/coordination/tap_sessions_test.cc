#include "coordination/tap_sessions.h"

#include <gtest/gtest.h>

namespace systole {
namespace {

constexpr timestamp_us a_second = 1'000'000;
const tapped_step adt_step{job_id(1), "adt"}, beds_step{job_id(1), "beds"}, step_of_other_job{job_id(2), "adt"};

class kept_rows final : public tap_listener {
 public:
  bool row(std::string_view json) override {
    if (gone) return false;
    rows.emplace_back(json);
    return true;
  }
  bool sampled(uint64_t new_passed, uint64_t new_shown) override {
    if (gone) return false;
    passed = new_passed;
    shown = new_shown;
    return true;
  }
  void ended(tap_end why, const std::string& message) override {
    EXPECT_FALSE(end) << "once only";
    end = why;
    told = message;
  }
  std::vector<std::string> rows;
  uint64_t passed = 0, shown = 0;
  std::optional<tap_end> end;
  std::string told;
  bool gone = false;
};

tap_news tapped_rows(const tapped_step& of, uint64_t passed, std::vector<std::string> rows) {
  return {"worker-1", {{.of = of, .passed = passed, .rows = std::move(rows), .refused = false}}};
}

std::optional<std::string> goes_on(job_id) { return std::nullopt; }

struct tap_sessions_test : ::testing::Test {
  std::shared_ptr<kept_rows> open(const tapped_step& what, uint32_t rows = 100, int seconds = 60) {
    auto made = std::make_shared<kept_rows>();
    taps.open(what, {what.step, rows, std::chrono::seconds(seconds)}, made, 0);
    return made;
  }
  tap_sessions taps;
};

TEST_F(tap_sessions_test, rows_go_to_who_looks_at_their_step) {
  const auto first = open(adt_step), second_one = open(adt_step), of_beds = open(beds_step),
             of_other = open(step_of_other_job);
  EXPECT_EQ(taps.wanted(), (std::vector<tapped_step>{adt_step, beds_step, step_of_other_job}));
  taps.on_news(tapped_rows(adt_step, 10, {"a", "b"}));
  taps.on_news(tapped_rows(beds_step, 5, {"c"}));
  taps.on_news(tapped_rows(adt_step, 20, {}));
  taps.on_time(a_second, goes_on);
  EXPECT_EQ(first->rows, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(second_one->rows, first->rows);
  EXPECT_EQ(first->passed, 30u);
  EXPECT_EQ(first->shown, 2u);
  EXPECT_EQ(of_beds->rows, std::vector<std::string>{"c"});
  EXPECT_TRUE(of_other->rows.empty());
  EXPECT_FALSE(first->end);
}

TEST_F(tap_sessions_test, end_with_the_wanted_rows) {
  const auto two = open(adt_step, 2), many = open(adt_step, 100);
  taps.on_news(tapped_rows(adt_step, 10, {"a", "b", "c"}));
  EXPECT_EQ(two->rows.size(), 2u);
  EXPECT_EQ(two->end, tap_end::rows);
  EXPECT_EQ(two->shown, 2u) << "told before the end";
  EXPECT_EQ(two->passed, 10u);
  EXPECT_FALSE(many->end);
  taps.on_news(tapped_rows(adt_step, 10, {"d"}));
  EXPECT_EQ(two->rows.size(), 2u);
  EXPECT_EQ(many->rows.size(), 4u);
}

TEST_F(tap_sessions_test, end_when_their_time_has_passed) {
  const auto tap = open(adt_step, 100, 3);
  taps.on_time(3 * a_second - 1, goes_on);
  EXPECT_FALSE(tap->end);
  taps.on_time(3 * a_second, goes_on);
  EXPECT_EQ(tap->end, tap_end::time);
  EXPECT_TRUE(taps.empty());
  EXPECT_TRUE(taps.wanted().empty());
}

TEST_F(tap_sessions_test, end_with_their_job_and_no_other_one) {
  const auto tap = open(adt_step), other = open(step_of_other_job);
  taps.on_time(a_second, [](job_id job) {
    return job == job_id(1) ? std::optional<std::string>("job beds is finished") : std::nullopt;
  });
  EXPECT_EQ(tap->end, tap_end::job_ended);
  EXPECT_EQ(tap->told, "job beds is finished");
  EXPECT_FALSE(other->end);
}

TEST_F(tap_sessions_test, go_when_nobody_listens_any_more) {
  const auto silent = open(adt_step), busy = open(beds_step);
  silent->gone = busy->gone = true;
  taps.on_news(tapped_rows(beds_step, 1, {"a"}));
  EXPECT_EQ(taps.wanted(), std::vector<tapped_step>{adt_step}) << "noticed with a row";
  taps.on_time(a_second, goes_on);
  EXPECT_TRUE(taps.empty()) << "noticed without one";
  EXPECT_FALSE(silent->end);
}

TEST_F(tap_sessions_test, end_where_a_worker_shows_nothing) {
  const auto tap = open(adt_step), other = open(beds_step);
  taps.on_news({"worker-2", {{.of = adt_step, .passed = 0, .rows = {}, .refused = true}}});
  EXPECT_EQ(tap->end, tap_end::refused);
  EXPECT_NE(tap->told.find("worker worker-2"), std::string::npos);
  EXPECT_NE(tap->told.find("--allow-tap"), std::string::npos);
  EXPECT_FALSE(other->end);
}

TEST_F(tap_sessions_test, are_not_more_than_the_limit) {
  std::vector<std::shared_ptr<kept_rows>> all;
  for (size_t i = 0; i < limits::taps; ++i) {
    EXPECT_FALSE(taps.full());
    all.push_back(open(adt_step));
  }
  EXPECT_TRUE(taps.full());
  EXPECT_EQ(open(adt_step)->end, tap_end::refused);
  taps.end_all(tap_end::lead_lost, "over");
  for (const auto& each : all) EXPECT_EQ(each->end, tap_end::lead_lost);
  EXPECT_TRUE(taps.empty());
}

}  // namespace
}  // namespace systole
