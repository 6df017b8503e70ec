#pragma once

#include <cstdint>
#include <string>

#include "data/batch.h"

namespace systole::bench {

inline constexpr size_t event_rows = 1024;

/// Patient-flow events as columns: event_id, patient_id, department, hospital_id, age, event_timestamp (the event time
/// too), a minute apart. `number` chooses other ids and later times.
batch event_batch(uint64_t number);
/// The names of event_batch's columns.
const schema& event_schema();
/// Lines of NDJSON with all 22 fields of the patient flow, about 640 bytes each.
std::string event_lines(size_t lines);

}  // namespace systole::bench
