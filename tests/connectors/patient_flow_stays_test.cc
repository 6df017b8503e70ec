#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "connectors/generator/patient_flow_tables.h"
#include "data/calendar.h"
#include "tests/connectors/generated_events.h"

namespace systole {
namespace {

using namespace patient_flow_tables;

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

}  // namespace
}  // namespace systole
