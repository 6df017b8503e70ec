#include "base/log.h"

#include <gtest/gtest.h>

namespace systole {
namespace {

TEST(log, keeps_the_last_lines_with_numbers_without_gaps) {
  set_log_level(log_level::warning);
  const auto before = lines_logged_after(0, logged_lines);
  const uint64_t last = before.empty() ? 0 : before.back().sequence;
  log_line(log_level::info, "test", "is below the level");
  log_line(log_level::warning, "test", "first");
  log_line(log_level::error, "test", std::string(2 * logged_line_bytes, 'x'));
  const auto two = lines_logged_after(last, 10);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].sequence, last + 1);
  EXPECT_EQ(two[0].text, "test: first");
  EXPECT_EQ(two[0].level, log_level::warning);
  EXPECT_GT(two[0].at_us, 1'600'000'000'000'000) << "Unix time";
  EXPECT_EQ(two[1].text.size(), logged_line_bytes);
  EXPECT_EQ(lines_logged_after(last, 1).size(), 1u);
  EXPECT_TRUE(lines_logged_after(last + 2, 10).empty());
}

TEST(log, keeps_no_more_than_it_says) {
  for (size_t i = 0; i < logged_lines + 20; ++i) log_line(log_level::warning, "test", "line " + std::to_string(i));
  const auto kept = lines_logged_after(0, 2 * logged_lines);
  ASSERT_EQ(kept.size(), logged_lines);
  EXPECT_EQ(kept.back().text, "test: line " + std::to_string(logged_lines + 19));
  EXPECT_EQ(kept.back().sequence - kept.front().sequence, logged_lines - 1);
}

}  // namespace
}  // namespace systole
