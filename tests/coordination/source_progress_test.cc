#include "coordination/source_progress.h"

#include <gtest/gtest.h>

#include <limits>

#include "coordination/control_wire.h"
#include "coordination/tap_messages.h"
#include "proto/control.pb.h"
#include "tests/coordination/every_field_set.h"
#include "tests/support/seed.h"

namespace systole::testing {
namespace {

source_progress full_progress() {
  return {{1, 2},
          job_id(3),
          {term_id(4), attempt_id(5)},
          {{"adt", -6}, {"labs\xff", std::numeric_limits<int64_t>::min()}, {"beds", std::numeric_limits<int64_t>::max()}}};
}

TEST(source_progress, every_field_arrives) {
  const std::string bytes = encode(full_progress());
  ASSERT_TRUE(is_source_progress(bytes));
  proto::SourceProgress raw;
  ASSERT_TRUE(raw.ParseFromString(bytes.substr(5)));
  expect_all_set(raw);
  expect_all_set(raw.sources(0));
  const auto read = decode_source_progress(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(encode(*read), bytes);
  EXPECT_EQ(read->sources[1].slowest_us, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(read->stamp, full_progress().stamp);
}

TEST(source_progress, is_no_other_message_and_no_other_is_one) {
  const std::string bytes = encode(full_progress());
  EXPECT_FALSE(decode_coordinator_message(bytes));
  EXPECT_FALSE(is_tap_order(bytes));
  EXPECT_FALSE(is_source_progress(encode(tap_order{term_id(1), {}})));
  EXPECT_FALSE(is_source_progress(encode(coordinator_message(worker_greeting{term_id(1), {2, 3}, true, "/shared", ""}))));
}

TEST(source_progress, random_bytes_never_crash) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  dice random(seed);
  const std::string whole = encode(full_progress());
  for (int i = 0; i < 5'000; ++i) {
    std::string bytes = whole;
    for (int64_t flips = random.between(1, 4); flips > 0; --flips)
      bytes[static_cast<size_t>(random.between(0, static_cast<int64_t>(bytes.size()) - 1))] =
          static_cast<char>(random.between(0, 255));
    bytes.resize(static_cast<size_t>(random.between(0, static_cast<int64_t>(bytes.size()))));
    (void)decode_source_progress(bytes).has_value();
  }
}

}  // namespace
}  // namespace systole::testing
