#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace systole {
namespace {

TEST(bytes, what_is_appended_is_read_back) {
  std::string out;
  append_fixed(out, uint32_t{0xdeadbeef});
  for (const uint64_t value : {uint64_t{0}, uint64_t{127}, uint64_t{128}, std::numeric_limits<uint64_t>::max()})
    append_varint(out, value);
  append_bytes(out, "text");
  byte_reader reader(out);
  EXPECT_EQ(reader.fixed<uint32_t>(), 0xdeadbeef);
  for (const uint64_t value : {uint64_t{0}, uint64_t{127}, uint64_t{128}, std::numeric_limits<uint64_t>::max()})
    EXPECT_EQ(reader.varint(), value);
  EXPECT_EQ(reader.bytes(), "text");
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.at_end());
}

TEST(bytes, a_reader_stays_failed_after_the_first_bad_length) {
  std::string out;
  append_varint(out, 1000);
  out += "only a little";
  byte_reader reader(out);
  EXPECT_EQ(reader.bytes(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.fixed<uint8_t>(), 0);
  byte_reader endless(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11));
  EXPECT_EQ(endless.varint(), 0u);
  EXPECT_FALSE(endless.ok());
  byte_reader cut(std::string_view("\x80", 1));
  EXPECT_EQ(cut.varint(), 0u);
  EXPECT_FALSE(cut.ok());
}

result<int> half(int value) {
  if (value % 2) return fail(error_code::invalid_argument, "odd");
  return value / 2;
}
result<int> quarter(int value) {
  SYSTOLE_ASSIGN(const int once, half(value));
  return half(once);
}
result<void> check(int value) {
  SYSTOLE_TRY(quarter(value) ? result<void>() : result<void>(fail(error_code::data, "no", "22003")));
  return {};
}

TEST(result, errors_leave_through_the_macros) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().code, error_code::invalid_argument);
  EXPECT_TRUE(check(4));
  EXPECT_EQ(check(5).error().sqlstate, "22003");
}

TEST(ids, different_kinds_do_not_mix_and_compare_by_value) {
  EXPECT_LT(epoch_id(1), epoch_id(2));
  EXPECT_EQ(epoch_id().value, 0u);
  static_assert(!std::is_convertible_v<epoch_id, term_id>);
  static_assert(!std::is_convertible_v<int, epoch_id>);
}

TEST(clock, a_manual_clock_moves_by_hand) {
  manual_clock time(5);
  time.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(time.now_us(), 1005);
  EXPECT_EQ(time.monotonic(), std::chrono::microseconds(1005));
  EXPECT_GT(system_clock().now_us(), 1'700'000'000'000'000);
}

}  // namespace
}  // namespace systole
