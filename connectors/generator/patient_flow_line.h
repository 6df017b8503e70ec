#pragma once

#include <string>

#include "connectors/generator/patient_flow_generator.h"

namespace systole {

/// What an event says besides its patient.
struct patient_flow_event {
  bool admission = true;
  std::array<char, 16> event_id{};
  timestamp_us at_us = 0;
  timestamp_us expected_discharge_us = 0;  ///< admissions
  std::string_view priority;               ///< admissions
  timestamp_us discharge_time_us = 0;      ///< discharges
  int64_t length_of_stay_hundredths = 0;   ///< discharges; hours
  std::string_view discharge_status;       ///< discharges
  int heart_rate = 0, bp_systolic = 0, bp_diastolic = 0, oxygen_saturation = 0;
  int temperature_tenths = 0;
};

/// Appends the event as one line of JSON with its '\n', at most 1 kB.
void append_patient_flow_line(std::string& out, const patient_flow_generator::patient& patient,
                              const patient_flow_event& event);

}  // namespace systole
