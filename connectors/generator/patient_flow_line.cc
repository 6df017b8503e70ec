#include "connectors/generator/patient_flow_line.h"

#include <charconv>
#include <cstring>

#include "connectors/generator/patient_flow_tables.h"
#include "data/calendar.h"
#include "data/uuid_text.h"

namespace systole {
namespace {

using namespace patient_flow_tables;

/// More than any line has: its keys take 420 bytes, its values less than 330.
constexpr size_t most_line_bytes = 1024;

/// Writes JSON into space that is large enough.
class line_writer {
 public:
  explicit line_writer(char* at) : at_(at) {}
  char* end() const { return at_; }

  template <size_t N>
  void put(const char (&literal)[N]) {
    std::memcpy(at_, literal, N - 1);
    at_ += N - 1;
  }
  void put(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void quoted(std::string_view text) {
    *at_++ = '"';
    put(text);
    *at_++ = '"';
  }
  void number(int64_t value) { at_ = std::to_chars(at_, at_ + 24, value).ptr; }
  void uuid(const std::array<char, 16>& id) {
    *at_++ = '"';
    unpack_uuid(id.data(), at_);
    at_ += uuid_text_bytes;
    *at_++ = '"';
  }
  void time(timestamp_us value) {
    *at_++ = '"';
    at_ = write_timestamp(at_, value, 'T');
    *at_++ = '"';
  }
  /// A number with `digits` (1 or 2) decimals of which a last zero is not written, as in 12.5 or 3.0.
  void decimal(int64_t scaled, int digits) {
    if (scaled < 0) *at_++ = '-';
    const int64_t magnitude = scaled < 0 ? -scaled : scaled;
    const int64_t unit = digits == 1 ? 10 : 100;
    number(magnitude / unit);
    *at_++ = '.';
    const auto fraction = static_cast<int>(magnitude % unit);
    if (digits == 1) {
      *at_++ = static_cast<char>('0' + fraction);
      return;
    }
    *at_++ = static_cast<char>('0' + fraction / 10);
    if (fraction % 10) *at_++ = static_cast<char>('0' + fraction % 10);
  }

 private:
  char* at_;
};

void put_place(line_writer& line, const patient_flow_generator::patient& patient) {
  const department& where = departments[patient.department];
  line.put(",\"department\":");
  line.quoted(where.spellings[patient.spelling]);
  line.put(",\"hospital_id\":");
  line.number(patient.hospital_id);
  line.put(",\"hospital_name\":");
  line.quoted(patient.hospital_id == patient.hospital + 1 ? hospital_names[patient.hospital] : "UNKNOWN");
  line.put(",\"bed_id\":\"H");
  line.number(patient.hospital + 1);
  line.put("-");
  line.put(where.code);
  line.put(patient.bed < 10 ? std::string_view("-0") : std::string_view("-"));
  line.number(patient.bed);
  line.put("\"");
}

void put_vitals(line_writer& line, const patient_flow_event& event) {
  line.put(",\"vitals\":{\"heart_rate\":");
  line.number(event.heart_rate);
  line.put(",\"bp_systolic\":");
  line.number(event.bp_systolic);
  line.put(",\"bp_diastolic\":");
  line.number(event.bp_diastolic);
  line.put(",\"temperature_f\":");
  line.decimal(event.temperature_tenths, 1);
  line.put(",\"oxygen_saturation\":");
  line.number(event.oxygen_saturation);
  line.put("}");
}

}  // namespace

void append_patient_flow_line(std::string& out, const patient_flow_generator::patient& patient,
                              const patient_flow_event& event) {
  char space[most_line_bytes];
  line_writer line(space);
  if (event.admission) line.put("{\"event_type\":\"ADMISSION\",\"event_id\":");
  else line.put("{\"event_type\":\"DISCHARGE\",\"event_id\":");
  line.uuid(event.event_id);
  line.put(",\"patient_id\":");
  line.uuid(patient.id);
  if (patient.missing & missing_gender) line.put(",\"gender\":null");
  else if (patient.gender) line.put(",\"gender\":\"Female\"");
  else line.put(",\"gender\":\"Male\"");
  line.put(",\"age\":");
  if (patient.missing & missing_age) line.put("null");
  else line.number(patient.age);
  put_place(line, patient);
  line.put(",\"admission_time\":");
  if (patient.missing & missing_admission_time) line.put("null");
  else line.time(patient.admission_time_us);
  if (event.admission) {
    line.put(",\"expected_discharge_time\":");
    line.time(event.expected_discharge_us);
    line.put(",\"admission_priority\":");
    line.quoted(event.priority);
  } else {
    line.put(",\"discharge_time\":");
    line.time(event.discharge_time_us);
    line.put(",\"length_of_stay_hrs\":");
    line.decimal(event.length_of_stay_hundredths, 2);
    line.put(",\"discharge_status\":");
    line.quoted(event.discharge_status);
  }
  line.put(",\"diagnosis_code\":");
  if (patient.missing & missing_diagnosis) line.put("null");
  else line.quoted(departments[patient.department].diagnoses[patient.diagnosis]);
  line.put(",\"insurance_type\":");
  if (patient.missing & missing_insurance) line.put("null");
  else line.quoted(insurances[patient.insurance]);
  put_vitals(line, event);
  line.put(",\"event_timestamp\":");
  line.time(event.at_us);
  line.put("}\n");
  out.append(space, static_cast<size_t>(line.end() - space));
}

}  // namespace systole
