#include "coordination/attempt_failure.h"

#include <gtest/gtest.h>

#include "tests/coordination/every_field_set.h"

namespace systole::testing {
namespace {

attempt_failure with_message(std::string message) {
  return {7, 1'700'000'000'000'000, epoch_id(41), fail(error_code::data, std::move(message), "22P02")};
}

TEST(attempt_failure, comes_back_from_the_log_as_it_was) {
  const proto::LogRecord::Failed stored = to_log(with_message("step clean failed"));
  expect_all_set(stored);
  const attempt_failure back = from_log(stored);
  EXPECT_EQ(back.attempt, 7u);
  EXPECT_EQ(back.at_us, 1'700'000'000'000'000);
  EXPECT_EQ(back.restored_from, epoch_id(41));
  EXPECT_EQ(back.cause.code, error_code::data);
  EXPECT_EQ(back.cause.message, "step clean failed");
  EXPECT_EQ(back.cause.sqlstate, "22P02");
}

TEST(attempt_failure, every_code_has_a_name_of_its_own) {
  for (int i = 0; i <= static_cast<int>(error_code::internal); ++i) {
    attempt_failure failed = with_message("x");
    failed.cause.code = static_cast<error_code>(i);
    EXPECT_EQ(from_log(to_log(failed)).cause.code, failed.cause.code) << to_log(failed).code();
  }
}

TEST(attempt_failure, a_code_of_a_later_version_is_internal) {
  proto::LogRecord::Failed stored = to_log(with_message("x"));
  stored.set_code("of_tomorrow");
  EXPECT_EQ(from_log(stored).cause.code, error_code::internal);
}

TEST(attempt_failure, a_long_message_ends_with_a_whole_character_and_says_how_long_it_was) {
  const std::string fits(kept_message_bytes, 'x');
  EXPECT_EQ(to_log(with_message(fits)).message(), fits);
  const std::string before(kept_message_bytes - 1, 'x');
  EXPECT_EQ(to_log(with_message(before + "\u00e9yz")).message(), before + "... (4099 bytes)");
}

}  // namespace
}  // namespace systole::testing
