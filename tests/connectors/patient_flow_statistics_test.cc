#include <gtest/gtest.h>

#include "connectors/generator/patient_flow_tables.h"
#include "data/calendar.h"
#include "tests/connectors/generated_events.h"
#include "tests/connectors/generated_shares.h"

namespace systole {
namespace {

using namespace patient_flow_tables;

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

}  // namespace
}  // namespace systole
