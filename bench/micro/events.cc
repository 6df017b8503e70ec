#include "bench/micro/events.h"

#include <array>
#include <random>

#include "data/calendar.h"
#include "data/uuid_text.h"

namespace systole::bench {
namespace {

constexpr std::array departments = {"Emergency", "Surgery", "ICU", "Pediatrics", "Maternity", "Oncology", "Cardiology"};
constexpr int64_t first_event_us = 1'767'225'600'000'000, minute_us = 60'000'000;

std::string uuid(std::mt19937_64& random) {
  const uint64_t packed[2] = {random(), random()};
  std::string text(uuid_text_bytes, ' ');
  unpack_uuid(reinterpret_cast<const char*>(packed), text.data());
  return text;
}

std::string time_text(int64_t micros) {
  std::string text;
  append_timestamp_fixed(text, micros, 'T');
  return text;
}

}  // namespace

const schema& event_schema() {
  static const schema made{{{"event_id", {type_id::text}, true},
                            {"patient_id", {type_id::text}, true},
                            {"department", {type_id::text}, true},
                            {"hospital_id", {type_id::int32}, true},
                            {"age", {type_id::int32}, true},
                            {"event_timestamp", {type_id::timestamptz}, true}}};
  return made;
}

batch event_batch(uint64_t number) {
  std::mt19937_64 random(number);
  column_builder event_id({type_id::text}, event_rows), patient_id({type_id::text}, event_rows),
      department({type_id::text}, event_rows), hospital({type_id::int32}, event_rows), age({type_id::int32}, event_rows),
      time({type_id::timestamptz}, event_rows);
  for (size_t i = 0; i < event_rows; ++i) {
    event_id.append_text_copy(uuid(random));
    patient_id.append_text_copy(uuid(random));
    department.append_text_copy(departments[random() % departments.size()]);
    hospital.append(static_cast<int32_t>(1 + random() % 7));
    age.append(static_cast<int32_t>(random() % 130));
    time.append(static_cast<int64_t>(first_event_us + static_cast<int64_t>(number * event_rows + i) * minute_us));
  }
  const column_ptr times = time.finish();
  batch made(event_rows, {event_id.finish(), patient_id.finish(), department.finish(), hospital.finish(), age.finish(), times});
  made.set_hidden(hidden::event_time, times);
  return made;
}

std::string event_lines(size_t lines) {
  std::mt19937_64 random(1);
  std::string out;
  for (size_t i = 0; i < lines; ++i) {
    const int64_t at = first_event_us + static_cast<int64_t>(i) * minute_us;
    const std::string hospital = std::to_string(1 + random() % 7);
    out += "{\"event_type\":\"ADMISSION\",\"event_id\":\"" + uuid(random) + "\",\"patient_id\":\"" + uuid(random) +
           "\",\"gender\":\"F\",\"age\":" + std::to_string(random() % 110) + ",\"department\":\"" +
           departments[random() % departments.size()] + "\",\"hospital_id\":" + hospital +
           ",\"hospital_name\":\"General Hospital " + hospital + "\",\"bed_id\":\"B-" + std::to_string(random() % 400) +
           "\",\"admission_time\":\"" + time_text(at) + "\",\"expected_discharge_time\":\"" + time_text(at + 60 * minute_us) +
           "\",\"discharge_time\":null,\"length_of_stay_hrs\":null,\"discharge_status\":null,"
           "\"admission_priority\":\"URGENT\",\"diagnosis_code\":\"I21.9\",\"insurance_type\":\"PUBLIC\",\"vitals\":{"
           "\"heart_rate\":" + std::to_string(50 + random() % 90) +
           ",\"bp_systolic\":120,\"bp_diastolic\":80,\"temperature_f\":98.6,\"oxygen_saturation\":97},"
           "\"event_timestamp\":\"" + time_text(at) + "\"}\n";
  }
  return out;
}

}  // namespace systole::bench
