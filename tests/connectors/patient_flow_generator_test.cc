#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "data/calendar.h"
#include "data/key_encoding.h"
#include "tests/connectors/generated_events.h"

namespace systole {
namespace {

TEST(patient_flow, equal_options_give_equal_bytes_in_portions_of_any_size) {
  for (const bool stays : {false, true}) {
    patient_flow_options options;
    options.stays = stays;
    const std::string whole = lines_of(options, 5'000);
    for (const size_t at_once : {size_t{1}, size_t{7}, size_t{4096}})
      EXPECT_TRUE(lines_of(options, 5'000, at_once) == whole);
    options.seed = 2;
    EXPECT_FALSE(lines_of(options, 5'000) == whole);
  }
}

TEST(patient_flow, bytes_are_the_same_on_every_machine) {
  // XXH3-64 of the first 20,000 lines. A change of the simulator changes them: say so in the commit.
  patient_flow_options options;
  EXPECT_EQ(hash_key(lines_of(options, 20'000)), 3'796'521'074'394'180'858u);
  options.stays = true;
  EXPECT_EQ(hash_key(lines_of(options, 20'000)), 5'561'295'096'734'876'345u);
}

TEST(patient_flow, a_saved_state_continues_at_any_event) {
  constexpr uint64_t seed = 20260712;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const bool stays : {false, true}) {
    patient_flow_options options;
    options.stays = stays;
    options.dirt.duplicate = 0.3;  // so that many states stand between an event and its repetition
    constexpr size_t events = 6'000;
    const std::string whole = lines_of(options, events);
    for (int round = 0; round < 60; ++round) {
      const size_t middle = random() % events;
      patient_flow_generator first(options);
      std::string out;
      EXPECT_EQ(first.generate(out, middle), middle);
      const std::string state = first.save();
      EXPECT_LT(state.size(), 100'000u);
      patient_flow_generator second(options);
      std::string ignored;
      (void)second.generate(ignored, random() % 100);  // whatever it did before
      ASSERT_TRUE(second.restore(state));
      EXPECT_EQ(second.position(), middle);
      EXPECT_EQ(second.now_us(), first.now_us());
      EXPECT_EQ(second.generate(out, events - middle), events - middle);
      ASSERT_TRUE(out == whole) << "restored at " << middle;
    }
  }
}

TEST(patient_flow, a_state_of_other_options_or_with_damage_is_refused) {
  patient_flow_options options;
  options.stays = true;
  patient_flow_generator generator(options);
  std::string out;
  (void)generator.generate(out, 2'000);
  const std::string state = generator.save();
  for (int change = 0; change < 6; ++change) {
    patient_flow_options other = options;
    if (change == 0) other.seed = 9;
    if (change == 1) other.dirt.missing_field = 0.5;
    if (change == 2) other.stays = false;
    if (change == 3) other.surge = false;
    if (change == 4) other.hospitals = 3;
    if (change == 5) other.start += 1;
    const result<void> refused = patient_flow_generator(other).restore(state);
    ASSERT_FALSE(refused) << change;
    EXPECT_EQ(refused.error().code, error_code::incompatible) << change;
  }
  patient_flow_options longer = options;
  longer.count = 5'000;
  EXPECT_TRUE(patient_flow_generator(longer).restore(state)) << "a longer run continues a shorter one";
  for (size_t length = 0; length < state.size(); length += 97)
    EXPECT_FALSE(patient_flow_generator(options).restore(std::string_view(state).substr(0, length))) << length;
  EXPECT_FALSE(patient_flow_generator(options).restore(state + "x"));
}

TEST(patient_flow, ends_at_its_count_and_holds_at_a_time) {
  patient_flow_options options;
  options.count = 1'500;
  patient_flow_generator generator(options);
  std::string out;
  EXPECT_EQ(generator.generate(out, 1'000), 1'000u);
  EXPECT_FALSE(generator.finished());
  EXPECT_EQ(generator.generate(out, 1'000), 500u);
  EXPECT_TRUE(generator.finished());
  EXPECT_EQ(generator.generate(out, 1'000), 0u);

  options = {};
  options.surge = false;
  options.dirt = options.dirt.scaled(0);
  patient_flow_generator paced(options);
  EXPECT_EQ(paced.generate(out, 1'000, options.start + 10 * options.step_us - 1), 10u) << "a step a minute";
  EXPECT_EQ(paced.generate(out, 1'000, options.start + 10 * options.step_us - 1), 0u);
  EXPECT_FALSE(paced.finished());
}

TEST(patient_flow, options_out_of_range_are_refused) {
  const auto refused = [](auto change) {
    patient_flow_options options;
    change(options);
    return !check(options);
  };
  EXPECT_TRUE(check(patient_flow_options{}));
  EXPECT_TRUE(refused([](auto& o) { o.hospitals = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.hospitals = 8; }));
  EXPECT_TRUE(refused([](auto& o) { o.step_us = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.dirt.duplicate = -0.1; }));
  EXPECT_TRUE(refused([](auto& o) { o.dirt.duplicate = 1.1; }));
  EXPECT_TRUE(refused([](auto& o) { o.dirt.duplicate = std::nan(""); }));
  EXPECT_TRUE(refused([](auto& o) { o.start = std::numeric_limits<int64_t>::max(); }));
}

TEST(patient_flow, the_virtual_clock_ends_before_the_year_10000) {
  patient_flow_options options;
  options.start = parse_iso_timestamp("9998-11-01").value();
  options.step_us = micros_per_day;
  for (const bool stays : {false, true}) {
    options.stays = stays;
    const std::string lines = lines_of(options, 1'000'000);
    EXPECT_EQ(lines.find("10000-"), std::string::npos);
    EXPECT_GT(lines.size(), 100'000u);
  }
}

TEST(patient_flow, a_surge_has_three_times_the_events) {
  // From Thursday noon over a weekend in March, then a week of January.
  const auto events_between = [](std::string_view from, std::string_view to) {
    patient_flow_options options;
    options.start = parse_iso_timestamp(from).value();
    options.dirt = options.dirt.scaled(0);
    patient_flow_generator generator(options);
    std::string out;
    return generator.generate(out, 1'000'000, parse_iso_timestamp(to).value() - 1);
  };
  EXPECT_EQ(events_between("2026-03-05T12:00", "2026-03-05T18:00"), 360u);
  EXPECT_EQ(events_between("2026-03-05T18:00", "2026-03-05T23:00"), 300u) << "Thursday evening";
  EXPECT_EQ(events_between("2026-03-06T12:00", "2026-03-06T18:00"), 360u);
  for (const char* day : {"2026-03-06", "2026-03-07", "2026-03-08"})
    EXPECT_EQ(events_between(std::string(day) + "T18:00", std::string(day) + "T23:00"), 900u) << day;
  EXPECT_EQ(events_between("2026-03-09T18:00", "2026-03-09T23:00"), 300u) << "Monday evening";
  EXPECT_EQ(events_between("2026-01-06T08:00", "2026-01-06T10:00"), 360u) << "winter";
  EXPECT_EQ(events_between("2026-12-01T08:00", "2026-12-01T10:00"), 360u);
  EXPECT_EQ(events_between("2026-11-30T08:00", "2026-11-30T10:00"), 120u);
  EXPECT_EQ(events_between("2026-03-08T23:00", "2026-03-09T01:00"), 240u) << "ends at midnight";
}

}  // namespace
}  // namespace systole
