#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

#include "base/file_system.h"
#include "connectors/generator_source.h"
#include "connectors/patient_flow_generator.h"
#include "connectors/patient_flow_tables.h"
#include "data/calendar.h"
#include "data/key_encoding.h"
#include "formats/record_decoder.h"

namespace systole {
namespace {

using namespace patient_flow_tables;
using ::testing::HasSubstr;

constexpr int64_t hour_us = 3'600 * micros_per_second;

std::string lines_of(const patient_flow_options& options, size_t events, size_t at_once = 1024) {
  patient_flow_generator generator(options);
  std::string out;
  for (size_t made = 0; made < events;) {
    const size_t got = generator.generate(out, std::min(at_once, events - made));
    if (got == 0) break;
    made += got;
  }
  return out;
}

/// The columns of the patient-flow job that the tests look at.
enum columns : size_t {
  event_type,
  event_id,
  patient_id,
  gender,
  age,
  department_name,
  hospital_id,
  hospital_name,
  bed_id,
  admission_time,
  expected_discharge_time,
  discharge_time,
  length_of_stay,
  discharge_status,
  priority,
  diagnosis,
  insurance,
  heart_rate,
  temperature,
  event_timestamp
};
std::vector<decoder_column> event_columns() {
  const data_type text{type_id::text}, number{type_id::int32}, time{type_id::timestamptz},
      decimal{type_id::numeric, 10, 2};
  const std::vector<std::pair<std::string, data_type>> fields = {{"event_type", text},
                                                                 {"event_id", text},
                                                                 {"patient_id", text},
                                                                 {"gender", text},
                                                                 {"age", number},
                                                                 {"department", text},
                                                                 {"hospital_id", number},
                                                                 {"hospital_name", text},
                                                                 {"bed_id", text},
                                                                 {"admission_time", time},
                                                                 {"expected_discharge_time", time},
                                                                 {"discharge_time", time},
                                                                 {"length_of_stay_hrs", decimal},
                                                                 {"discharge_status", text},
                                                                 {"admission_priority", text},
                                                                 {"diagnosis_code", text},
                                                                 {"insurance_type", text},
                                                                 {"vitals.heart_rate", number},
                                                                 {"vitals.temperature_f", decimal},
                                                                 {"event_timestamp", time}};
  std::vector<decoder_column> made;
  for (const auto& [name, type] : fields) {
    decoder_column column{.name = name, .path = {name}, .type = type};
    if (const size_t dot = name.find('.'); dot != std::string::npos)
      column.path = {name.substr(0, dot), name.substr(dot + 1)};
    made.push_back(column);
  }
  return made;
}

/// Events as columns, decoded strictly: a line that the JSON decoder refuses, an unknown key or a wrong type fails the
/// test.
batch decoded(const std::string& lines, size_t events) {
  decoder_options options;
  options.capacity = events;
  options.strict_types = true;
  auto decoder = make_json_decoder(event_columns(), options).value();
  auto bytes = std::make_shared<std::string>(lines);
  bytes->append(decode_padding, '\0');
  size_t at = 0;
  while (at < lines.size()) {
    const record_span span{bytes->data() + at, lines.size() - at, bytes, bytes->data() + lines.size(), at, true};
    const size_t used = decoder->decode(span, events - decoder->pending_records()).value();
    EXPECT_GT(used, 0u);
    if (used == 0) break;
    at += used;
  }
  decoded_records made = decoder->take();
  EXPECT_TRUE(made.rejects.empty()) << made.rejects[0].reason;
  return batch(made.rows, std::move(made.columns));
}

/// A count that has a binomial distribution lies within 4.5 standard deviations (one false alarm in 150,000; the seed
/// is fixed, so that it does not depend on luck).
void expect_share(double count, double of, double expected, const char* what) {
  const double deviation = std::sqrt(of * expected * (1 - expected));
  EXPECT_NEAR(count, of * expected, 4.5 * deviation) << what << ": " << count << " of " << of;
}

/// Pearson's chi-square of counts against shares; the bounds are the 99.99 % points for 1 to 11 degrees of freedom.
void expect_shares(const std::map<std::string, uint64_t>& counts, const std::map<std::string, double>& shares,
                   const char* what) {
  constexpr double bounds[] = {0, 15.14, 18.42, 21.11, 23.51, 25.74, 27.86, 29.88, 31.83, 33.72, 35.56, 37.37};
  double total = 0, statistic = 0;
  for (const auto& [word, count] : counts) {
    EXPECT_TRUE(shares.contains(word)) << what << ": " << word;
    total += static_cast<double>(count);
  }
  for (const auto& [word, share] : shares) {
    const auto found = counts.find(word);
    const double seen = found == counts.end() ? 0 : static_cast<double>(found->second);
    statistic += (seen - total * share) * (seen - total * share) / (total * share);
  }
  ASSERT_LT(shares.size() - 1, std::size(bounds));
  EXPECT_LT(statistic, bounds[shares.size() - 1]) << what;
}

// ---- the generator

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

// ---- statistics

/// 150,000 events, decoded once.
class patient_flow_statistics : public ::testing::Test {
 protected:
  static constexpr size_t events = 150'000;
  static void SetUpTestSuite() {
    patient_flow_options options;
    options.seed = 20'260'228;
    options.start = parse_iso_timestamp("2026-03-02").value();
    rows_ = new batch(decoded(lines_of(options, events), events));
  }
  static void TearDownTestSuite() { delete rows_; }

  static bool is_null(columns column, size_t row) { return rows_->at(column).is_null(row); }
  static std::string_view text(columns column, size_t row) { return rows_->at(column).text(row); }
  static int32_t number(columns column, size_t row) { return rows_->at(column).values<int32_t>()[row]; }
  static int64_t time(columns column, size_t row) { return rows_->at(column).values<int64_t>()[row]; }
  static bool is_admission(size_t row) { return text(event_type, row) == "ADMISSION"; }
  static bool is_repeated(size_t row) { return row > 0 && text(event_id, row) == text(event_id, row - 1); }
  static const department* department_of(size_t row) {
    for (const department& each : departments)
      for (size_t i = 0; i < each.spelling_count; ++i)
        if (each.spellings[i] == text(department_name, row)) return &each;
    return nullptr;
  }
  static bool is_misspelt(size_t row) { return department_of(row)->name != text(department_name, row); }
  static bool has_invalid_age(size_t row) {
    return !is_null(age, row) && (number(age, row) < 0 || number(age, row) > 120);
  }
  static int missing(size_t row) {
    return is_null(gender, row) + is_null(age, row) + is_null(diagnosis, row) + is_null(insurance, row) +
           is_null(admission_time, row);
  }
  static inline batch* rows_ = nullptr;
};

TEST_F(patient_flow_statistics, each_kind_of_dirt_has_its_rate) {
  double originals = 0, repeated = 0, admissions = 0, ages = 0, future = 0, nulls = 0, typos = 0, hospitals = 0;
  double discharges = 0, before = 0, discharge_typos = 0, discharge_hospitals = 0, several = 0;
  for (size_t row = 0; row < events; ++row) {
    if (is_repeated(row)) {
      ++repeated;
      continue;
    }
    ++originals;
    ASSERT_NE(department_of(row), nullptr);
    if (!is_admission(row)) {
      ++discharges;
      discharge_typos += is_misspelt(row);
      discharge_hospitals += text(hospital_name, row) == "UNKNOWN";
      const bool negative = rows_->at(length_of_stay).values<int128>()[row] < 0;
      before += negative;
      continue;
    }
    ++admissions;
    const bool is_future = !is_null(admission_time, row) && time(admission_time, row) > time(event_timestamp, row);
    ages += has_invalid_age(row);
    future += is_future;
    nulls += missing(row) > 0;
    typos += is_misspelt(row);
    hospitals += text(hospital_name, row) == "UNKNOWN";
    several += has_invalid_age(row) + is_future + (missing(row) > 0) + is_misspelt(row) > 1;
    ASSERT_EQ(text(hospital_name, row) == "UNKNOWN", number(hospital_id, row) < 1 || number(hospital_id, row) > 7);
    ASSERT_LE(missing(row), 1);
  }
  expect_share(repeated, originals, 0.03, "duplicates");
  // Of the invalid ages 0 is not told apart here; one of six, and a fifth of the missing fields is the age.
  expect_share(ages, admissions, 0.04 * 5 / 6 * (1 - 0.05 / 5), "invalid ages but 0");
  expect_share(future, admissions, 0.03 * (1 - 0.05 / 5), "future admissions");
  expect_share(nulls, admissions, 0.05, "missing fields");
  expect_share(typos, admissions, 0.03, "misspelt departments");
  expect_share(hospitals, admissions, 0.02, "invalid hospitals");
  expect_share(before, discharges, 0.02, "discharges before their admission");
  // A discharge copies its admission's dirt and draws its own.
  expect_share(discharge_typos, discharges, 1 - 0.97 * 0.97, "misspelt departments of discharges");
  expect_share(discharge_hospitals, discharges, 1 - 0.98 * 0.98, "invalid hospitals of discharges");
  EXPECT_GT(several, 100) << "kinds of dirt are independent, so that several come together";
  expect_share(discharges, originals, 0.30, "discharges");
}

TEST_F(patient_flow_statistics, words_have_their_shares) {
  std::map<std::string, uint64_t> priorities_seen, statuses_seen, genders, insurances_seen, departments_seen,
      hospitals_seen;
  std::map<std::string, uint64_t> missing_seen, ages_seen, typos_seen;
  for (size_t row = 0; row < events; ++row) {
    if (is_repeated(row)) continue;
    if (!is_admission(row)) {
      ++statuses_seen[std::string(text(discharge_status, row))];
      EXPECT_TRUE(is_null(priority, row) && is_null(expected_discharge_time, row));
      continue;
    }
    EXPECT_TRUE(is_null(discharge_status, row) && is_null(discharge_time, row) && is_null(length_of_stay, row));
    ++priorities_seen[std::string(text(priority, row))];
    if (department_of(row)->name != "Maternity" && !is_null(gender, row)) ++genders[std::string(text(gender, row))];
    if (!is_null(insurance, row)) ++insurances_seen[std::string(text(insurance, row))];
    ++departments_seen[std::string(department_of(row)->name)];
    if (text(hospital_name, row) != "UNKNOWN") ++hospitals_seen[std::string(text(hospital_name, row))];
    for (const columns each : {gender, age, diagnosis, insurance, admission_time})
      if (is_null(each, row)) ++missing_seen[std::to_string(each)];
    if (has_invalid_age(row)) ++ages_seen[std::to_string(number(age, row))];
    if (is_misspelt(row) && department_of(row)->name == "Emergency")
      ++typos_seen[std::string(text(department_name, row))];
  }
  const auto even = [](std::initializer_list<std::string> words) {
    std::map<std::string, double> made;
    for (const std::string& word : words) made[word] = 1.0 / static_cast<double>(words.size());
    return made;
  };
  expect_shares(priorities_seen, {{"Emergency", 0.4}, {"Urgent", 0.25}, {"Scheduled", 0.25}, {"Transfer", 0.1}},
                "priorities");
  expect_shares(statuses_seen,
                {{"Discharged-Home", 0.7}, {"Discharged-Transfer", 0.15}, {"Discharged-AMA", 0.1}, {"Deceased", 0.05}},
                "statuses");
  expect_shares(genders, even({"Male", "Female"}), "genders");
  expect_shares(insurances_seen, even({"Private", "Medicare", "Medicaid", "Self-Pay", "Employer-Sponsored"}),
                "insurances");
  expect_shares(departments_seen,
                even({"Emergency", "Surgery", "ICU", "Pediatrics", "Maternity", "Oncology", "Cardiology"}),
                "departments");
  expect_shares(hospitals_seen,
                even({"MHA Central Hospital", "MHA Lakeside Medical Center", "MHA Riverside General",
                      "MHA Prairie Health", "MHA Summit Medical", "MHA Valley Care", "MHA Metro Hospital"}),
                "hospitals");
  expect_shares(missing_seen,
                even({std::to_string(gender), std::to_string(age), std::to_string(diagnosis), std::to_string(insurance),
                      std::to_string(admission_time)}),
                "missing fields");
  expect_shares(ages_seen, even({"-5", "-1", "125", "150", "200"}), "invalid ages but 0");
  expect_shares(typos_seen, even({"Emergancy", "Emergncy", "ER", "EMERGENCY"}), "misspellings");
}

TEST_F(patient_flow_statistics, times_and_values_obey_the_rules) {
  std::set<std::string> ids;
  std::map<std::string, int64_t> admitted;
  int64_t last = 0;
  for (size_t row = 0; row < events; ++row) {
    const int64_t now = time(event_timestamp, row);
    ASSERT_GE(now, last) << "the virtual clock does not go back";
    last = now;
    if (is_repeated(row)) {
      for (size_t column = 0; column <= event_timestamp; ++column) {
        const auto each = static_cast<columns>(column);
        ASSERT_EQ(is_null(each, row), is_null(each, row - 1));
        if (rows_->at(each).type().is(type_id::text) && !is_null(each, row)) {
          ASSERT_EQ(text(each, row), text(each, row - 1));
        }
      }
      continue;
    }
    ASSERT_TRUE(ids.insert(std::string(text(event_id, row))).second) << "event ids are unique";
    ASSERT_EQ(text(event_id, row)[14], '4') << "UUID version 4";
    const department& where = *department_of(row);
    const std::string_view bed = text(bed_id, row);
    ASSERT_EQ(bed.substr(3, 3), where.code);
    const int bed_number = std::stoi(std::string(bed.substr(7)));
    ASSERT_TRUE(bed_number >= 1 && bed_number <= where.beds) << bed;
    ASSERT_TRUE(number(heart_rate, row) >= 50 && number(heart_rate, row) <= 115);
    const bool has_admission = !is_null(admission_time, row);
    if (is_admission(row)) {
      if (has_admission && time(admission_time, row) <= now) {
        ASSERT_GT(time(admission_time, row), now - hour_us / 2 - 1) << "0 to 30 minutes ago";
        const int64_t expected = time(expected_discharge_time, row) - time(admission_time, row);
        ASSERT_EQ(expected % hour_us, 0);
        ASSERT_GE(expected, where.mean_stay_hours * hour_us * 2 / 3);
        ASSERT_LE(expected, where.mean_stay_hours * hour_us * 3 / 2);
        admitted[std::string(text(patient_id, row))] = time(admission_time, row);
      } else if (has_admission) {
        const int64_t ahead = time(admission_time, row) - now;
        ASSERT_TRUE(ahead >= 24 * hour_us && ahead <= 168 * hour_us) << "+24 to 168 h";
      }
      continue;
    }
    const auto known = admitted.find(std::string(text(patient_id, row)));
    if (known == admitted.end()) continue;
    const int64_t length = time(discharge_time, row) - known->second;
    const auto hundredths = static_cast<int64_t>(rows_->at(length_of_stay).values<int128>()[row]);
    if (hundredths < 0) {
      ASSERT_TRUE(length <= -hour_us && length >= -24 * hour_us) << "1 to 24 hours before the admission";
    } else {
      ASSERT_LE(time(discharge_time, row), now) << "cut off at now";
      ASSERT_LE(length, where.mean_stay_hours * hour_us * 3 / 2);
      ASSERT_NEAR(static_cast<double>(hundredths), static_cast<double>(length) / 36e6, 0.51 + 0.03);
    }
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

TEST(patient_flow, with_stays_no_bed_has_two_patients_and_each_leaves_after_his_stay) {
  patient_flow_options options;
  options.stays = true;
  options.start = parse_iso_timestamp("2026-03-02").value();
  options.dirt = options.dirt.scaled(0);
  constexpr size_t events = 60'000;
  const batch rows = decoded(lines_of(options, events), events);
  struct stay {
    std::string patient;
    int64_t from;
  };
  std::map<std::string, stay> beds;
  size_t most = 0;
  std::map<std::string, std::pair<size_t, size_t>> by_department;  // now, most
  size_t emptied = 0;
  for (size_t row = 0; row < events; ++row) {
    const std::string bed(rows.at(bed_id).text(row)), patient(rows.at(patient_id).text(row));
    const std::string where(rows.at(department_name).text(row));
    if (rows.at(event_type).text(row) == "ADMISSION") {
      ASSERT_TRUE(beds.insert({bed, {patient, rows.at(admission_time).values<int64_t>()[row]}}).second)
          << bed << " is taken";
      auto& [now, high] = by_department[where];
      high = std::max(high, ++now);
    } else {
      const auto found = beds.find(bed);
      ASSERT_TRUE(found != beds.end() && found->second.patient == patient) << "nobody to leave " << bed;
      const int64_t length = rows.at(event_timestamp).values<int64_t>()[row] - found->second.from;
      for (const department& each : departments) {
        if (each.name != where) continue;
        ASSERT_GE(length, std::max(hour_us, each.mean_stay_hours * hour_us * 2 / 3));
        ASSERT_LE(length, each.mean_stay_hours * hour_us * 3 / 2);
      }
      beds.erase(found);
      --by_department[where].first;
      ++emptied;
    }
    most = std::max(most, beds.size());
  }
  EXPECT_LE(most, 7u * 185u);
  EXPECT_GT(most, 900u) << "the hospitals fill";
  EXPECT_GT(emptied, events / 3) << "and empty";
  for (const department& each : departments) {
    const size_t high = by_department[std::string(each.name)].second;
    EXPECT_LE(high, 7u * each.beds);
    EXPECT_GT(high, 7u * each.beds / 2) << each.name;
  }
}

TEST(patient_flow, without_stays_occupancy_grows_beyond_the_beds) {
  // The published simulator's flaw, kept on purpose: what it forgets never leaves.
  patient_flow_options options;
  options.dirt = options.dirt.scaled(0);
  constexpr size_t events = 20'000;
  const batch rows = decoded(lines_of(options, events), events);
  int64_t inside = 0;
  for (size_t row = 0; row < events; ++row) inside += rows.at(event_type).text(row) == "ADMISSION" ? 1 : -1;
  EXPECT_GT(inside, 7 * 185);
}

// ---- the source

class generator_source : public ::testing::Test {
 protected:
  proto::Node node(const std::map<std::string, std::string>& settings) {
    proto::Node made;
    proto::Source& source = *made.mutable_source();
    source.set_kind(proto::Source::GENERATOR);
    source.set_number(3);
    source.set_needs_position(true);
    source.set_needs_raw(true);
    source.mutable_decoder()->set_format(proto::Decoder::GENERATED);
    for (const auto& [name, value] : settings) (*source.mutable_generator())[name] = value;
    const auto add = [&source](const char* name, type_id id) {
      proto::Field& field = *source.add_columns()->mutable_field();
      field.set_name(name);
      field.mutable_type()->set_id(static_cast<uint32_t>(id));
    };
    add("event_id", type_id::text);
    add("event_timestamp", type_id::timestamptz);
    source.mutable_watermark()->set_column("event_timestamp");
    source.mutable_watermark()->set_max_out_of_orderness_us(5'000'000);
    return made;
  }
  connector_context context() {
    connector_context made;
    made.time = &time;
    made.files = &posix_file_system();
    made.parameters = &parameters;
    made.batch_rows = 300;
    return made;
  }
  std::unique_ptr<source_factory> factory(const std::map<std::string, std::string>& settings) {
    return make_generator_source(node(settings), context()).value();
  }
  std::unique_ptr<source_reader> reader(const std::map<std::string, std::string>& settings,
                                        const std::vector<std::string>& restored = {}) {
    return factory(settings)->make_reader(0, 1, restored).value();
  }
  /// Adds the rows of a poll as "position event_id raw".
  static void collect(const source_poll& poll, std::vector<std::string>& into) {
    for (size_t row = 0; row < poll.rows.rows(); ++row) {
      const row_position at = row_position::unpack(poll.rows.position(row));
      EXPECT_EQ(at.source, 3u);
      into.push_back(std::to_string(at.offset) + " " + std::string(poll.rows.at(0).text(row)) + " " +
                     std::string(poll.rows.hidden_column(hidden::raw)->text(row)));
    }
  }

  manual_clock time{1'000'000};
  parameter_map parameters;
};

TEST_F(generator_source, gives_the_generators_lines_with_their_byte_offsets) {
  EXPECT_TRUE(factory({{"count", "2500"}})->bounded());
  EXPECT_FALSE(factory({})->bounded());
  const auto source = reader({{"count", "2500"}, {"seed", "5"}});
  std::vector<std::string> rows;
  timestamp_us watermark = watermark_none;
  uint64_t records = 0, bytes = 0;
  for (source_poll poll = source->poll().value(); poll.what != source_poll::kind::finished;
       poll = source->poll().value()) {
    EXPECT_EQ(poll.what, source_poll::kind::rows);
    EXPECT_TRUE(poll.rejects.empty());
    EXPECT_GE(poll.watermark, watermark);
    // The watermark moves with every 1,024th record only.
    EXPECT_TRUE(poll.watermark == watermark || records / 1024 != (records + poll.records) / 1024);
    watermark = poll.watermark;
    records += poll.records;
    bytes += poll.bytes;
    collect(poll, rows);
  }
  patient_flow_options options;
  options.seed = 5;
  const std::string lines = lines_of(options, 2'500);
  EXPECT_EQ(records, 2'500u);
  EXPECT_EQ(bytes, lines.size());
  ASSERT_EQ(rows.size(), 2'500u);
  size_t at = 0;
  for (const std::string& row : rows) {
    const size_t end = lines.find('\n', at);
    const std::string line = lines.substr(at, end - at);
    const std::string id = line.substr(line.find("\"event_id\":\"") + 12, 36);
    ASSERT_EQ(row, std::to_string(at) + " " + id + " " + line);
    at = end + 1;
  }
  EXPECT_EQ(source->poll().value().watermark, watermark_end);
}

TEST_F(generator_source, a_restored_reader_gives_the_rest) {
  const std::map<std::string, std::string> settings = {{"count", "4000"}, {"stays", "true"}, {"dirt", "5"}};
  std::vector<std::string> whole;
  const auto undisturbed = reader(settings);
  std::vector<timestamp_us> watermarks;
  for (source_poll poll = undisturbed->poll().value(); poll.what != source_poll::kind::finished;
       poll = undisturbed->poll().value()) {
    collect(poll, whole);
    watermarks.push_back(poll.watermark);
  }
  for (size_t polls = 0; polls < watermarks.size(); ++polls) {
    std::vector<std::string> rows;
    std::string snapshot;
    {
      const auto first = reader(settings);
      for (size_t i = 0; i < polls; ++i) collect(first->poll().value(), rows);
      snapshot = first->snapshot();
    }
    // At another parallelism: the snapshots of all readers come along, in any order.
    const auto second = reader(settings, {std::string(), snapshot});
    for (size_t i = polls;; ++i) {
      const source_poll poll = second->poll().value();
      if (poll.what == source_poll::kind::finished) break;
      ASSERT_EQ(poll.watermark, watermarks[i]);
      collect(poll, rows);
    }
    ASSERT_TRUE(rows == whole) << "restored after " << polls << " polls";
  }
  EXPECT_FALSE(factory(settings)->make_reader(0, 1, {"damaged"}));
  const auto other = factory({{"count", "4000"}, {"seed", "2"}})->make_reader(0, 1, {reader(settings)->snapshot()});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, error_code::incompatible);
}

TEST_F(generator_source, other_subtasks_finish_at_once) {
  const auto second = factory({{"count", "10"}})->make_reader(1, 2, {}).value();
  EXPECT_EQ(second->poll().value().what, source_poll::kind::finished);
  EXPECT_TRUE(second->snapshot().empty());
}

TEST_F(generator_source, keeps_a_rate) {
  const auto source = reader({{"rate", "100"}});
  source_poll poll = source->poll().value();
  EXPECT_EQ(poll.what, source_poll::kind::idle);
  EXPECT_NEAR(static_cast<double>(poll.wait.count()), 10'000, 1);
  time.advance(std::chrono::milliseconds(255));
  poll = source->poll().value();
  EXPECT_EQ(poll.rows.rows(), 25u);
  EXPECT_EQ(poll.watermark, watermark_none);
  const timestamp_us newest = poll.rows.event_time(24);
  poll = source->poll().value();
  EXPECT_EQ(poll.what, source_poll::kind::idle);
  EXPECT_NEAR(static_cast<double>(poll.wait.count()), 5'000, 1);
  EXPECT_EQ(poll.watermark, newest - 5'000'000 - 1) << "run dry: the watermark follows what was given";
  time.advance(std::chrono::seconds(10));
  uint64_t caught_up = 0;
  while (true) {
    poll = source->poll().value();
    if (poll.what == source_poll::kind::idle) break;
    caught_up += poll.rows.rows();
  }
  EXPECT_EQ(caught_up, 1'000u);
  // A restored reader does not make up for the time in between.
  const auto restored = reader({{"rate", "100"}}, {source->snapshot()});
  EXPECT_EQ(restored->poll().value().what, source_poll::kind::idle);
}

TEST_F(generator_source, keeps_the_speed_of_the_virtual_clock) {
  const auto source = reader({{"speed", "600"}, {"surge", "false"}, {"dirt", "0"}});
  uint64_t rows = 0;
  const auto read_all = [&] {
    while (true) {
      const source_poll poll = source->poll().value();
      if (poll.what == source_poll::kind::idle) return poll.wait;
      rows += poll.rows.rows();
    }
  };
  (void)read_all();
  EXPECT_EQ(rows, 1u) << "the first step";
  for (int second = 1; second <= 60; ++second) {
    time.advance(std::chrono::seconds(1));
    const std::chrono::microseconds wait = read_all();
    EXPECT_LE(wait, std::chrono::milliseconds(105)) << "a minute passes in a tenth of a second";
  }
  EXPECT_NEAR(static_cast<double>(rows), 600, 1.1) << "a step a minute, 600 minutes a minute";
}

TEST_F(generator_source, wrong_settings_are_named) {
  const auto refused = [this](const std::string& name, const std::string& value) {
    const auto made = make_generator_source(node({{name, value}}), context());
    return made ? "accepted" : made.error().message;
  };
  EXPECT_THAT(refused("kind", "weather"), HasSubstr("kind must be patient-flow"));
  EXPECT_THAT(refused("seeds", "1"), HasSubstr("unknown setting 'seeds'"));
  EXPECT_THAT(refused("count", "-1"), HasSubstr("count must be a whole number"));
  EXPECT_THAT(refused("count", "1e3"), HasSubstr("count must be"));
  EXPECT_THAT(refused("stays", "yes"), HasSubstr("stays must be true or false"));
  EXPECT_THAT(refused("rate", "-1"), HasSubstr("rate must be"));
  EXPECT_THAT(refused("rate", "inf"), HasSubstr("rate must be"));
  EXPECT_THAT(refused("start", "yesterday"), HasSubstr("start must be a time"));
  EXPECT_THAT(refused("hospitals", "9"), HasSubstr("1 to 7 hospitals"));
  EXPECT_THAT(refused("step", "0"), HasSubstr("a step takes"));
  EXPECT_THAT(refused("dirt", "-1"), HasSubstr("dirt must be"));
  EXPECT_EQ(refused("dirt", "2.5"), "accepted");
  EXPECT_EQ(refused("start", "2026-03-02T00:00:00Z"), "accepted");
}

}  // namespace
}  // namespace systole
