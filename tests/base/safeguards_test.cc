#include "base/safeguards.h"

#include <gtest/gtest.h>

namespace systole::testing {
namespace {

TEST(safeguards, are_on_but_for_those_named) {
  const safeguards left = *safeguards_without("fencing,alignment");
  EXPECT_TRUE(left.epoch_check && left.marker_read && left.attempt_check);
  EXPECT_FALSE(left.fencing || left.alignment);
  const safeguards all = *safeguards_without("");
  EXPECT_TRUE(all.epoch_check && all.marker_read && all.fencing && all.attempt_check && all.alignment);
}

TEST(safeguards, an_unknown_name_is_refused) {
  const auto left = safeguards_without("fencing,allignment");
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().code, error_code::invalid_argument);
  EXPECT_EQ(left.error().message, "there is no safeguard 'allignment'");
}

}  // namespace
}  // namespace systole::testing
