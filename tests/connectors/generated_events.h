#pragma once

#include <string>

#include "connectors/generator/patient_flow_generator.h"
#include "data/batch.h"
#include "data/calendar.h"

namespace systole {

/// The generator's first lines, asked for in portions; fewer where it ends before.
std::string lines_of(const patient_flow_options& options, size_t events, size_t at_once = 1024);

inline constexpr int64_t hour_us = 3'600 * micros_per_second;

/// The columns that decoded() gives, in their order: those of the patient-flow job that the tests look at.
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

/// Events as columns, decoded strictly: a line that the JSON decoder refuses, an unknown key or a wrong type fails the
/// test.
batch decoded(const std::string& lines, size_t events);

}  // namespace systole
