#include <algorithm>

#include "base/bytes.h"
#include "connectors/generator/patient_flow_generator.h"
#include "connectors/generator/patient_flow_tables.h"

// The saved state of the patient-flow generator: part of a checkpoint's source positions.
namespace systole {
namespace {

using namespace patient_flow_tables;
using patient = patient_flow_generator::patient;

constexpr uint32_t state_version = 1;
constexpr size_t most_patients = 4096;  // beds of seven hospitals: 1,295

void append_patient(std::string& out, const patient& each) {
  out.append(each.id.data(), each.id.size());
  append_fixed(out, each.admitted_us);
  append_fixed(out, each.leaves_us);
  append_fixed(out, each.admission_time_us);
  append_fixed(out, each.age);
  append_fixed(out, each.hospital_id);
  for (const uint8_t byte : {each.hospital, each.department, each.spelling, each.bed, each.gender, each.diagnosis,
                             each.insurance, each.missing})
    append_fixed(out, byte);
}

patient read_patient(byte_reader& reader) {
  patient made;
  const std::string_view id = reader.take(made.id.size());
  std::copy(id.begin(), id.end(), made.id.begin());
  made.admitted_us = reader.fixed<timestamp_us>();
  made.leaves_us = reader.fixed<timestamp_us>();
  made.admission_time_us = reader.fixed<timestamp_us>();
  made.age = reader.fixed<int16_t>();
  made.hospital_id = reader.fixed<int16_t>();
  for (uint8_t* byte : {&made.hospital, &made.department, &made.spelling, &made.bed, &made.gender, &made.diagnosis,
                        &made.insurance, &made.missing})
    *byte = reader.fixed<uint8_t>();
  return made;
}

/// True where all indices of a patient are within their tables.
bool is_possible(const patient& each, uint32_t hospitals) {
  if (each.hospital >= hospitals || each.department >= departments.size()) return false;
  const department& where = departments[each.department];
  return each.spelling < where.spelling_count && each.bed >= 1 && each.bed <= where.beds &&
         each.diagnosis < where.diagnoses.size() && each.insurance < insurances.size();
}

}  // namespace

/// All that decides about the events, `count` left out: a longer run continues a shorter one.
std::string patient_flow_generator::describe_options() const {
  std::string out;
  append_fixed(out, options_.seed);
  append_fixed(out, options_.start);
  append_fixed(out, options_.step_us);
  append_fixed(out, static_cast<uint8_t>((options_.stays ? 1 : 0) | (options_.surge ? 2 : 0)));
  append_fixed(out, options_.hospitals);
  for (const uint64_t each : {thresholds_.age, thresholds_.future, thresholds_.missing, thresholds_.before,
                              thresholds_.typo, thresholds_.hospital, thresholds_.duplicate})
    append_fixed(out, each);
  return out;
}

std::string patient_flow_generator::save() const {
  std::string out;
  append_fixed(out, state_version);
  append_bytes(out, describe_options());
  append_fixed(out, random_.state);
  append_fixed(out, position_);
  append_fixed(out, step_base_us_);
  append_fixed(out, next_step_us_);
  append_bytes(out, repeat_ ? line_ : std::string());
  append_varint(out, patients_.size());
  for (const patient& each : patients_) append_patient(out, each);
  return out;
}

result<void> patient_flow_generator::restore(std::string_view bytes) {
  const failure damaged = fail(error_code::corrupt, "the saved state of the patient-flow generator is damaged");
  byte_reader reader(bytes);
  const auto version = reader.fixed<uint32_t>();
  if (reader.ok() && version != state_version) {
    return fail(error_code::incompatible, "the patient-flow generator's state has version " + std::to_string(version) +
                                              "; this build reads version " + std::to_string(state_version));
  }
  const std::string_view described = reader.bytes();
  if (!reader.ok()) return damaged;
  if (described != describe_options()) {
    return fail(
        error_code::incompatible,
        "the patient-flow generator's settings differ from those of the saved state; only count, rate and speed may "
        "change: give the old ones, or start afresh");
  }
  random_.state = reader.fixed<uint64_t>();
  position_ = reader.fixed<uint64_t>();
  step_base_us_ = reader.fixed<timestamp_us>();
  next_step_us_ = reader.fixed<timestamp_us>();
  line_ = reader.bytes();
  repeat_ = !line_.empty();
  const uint64_t count = reader.varint();
  if (!reader.ok() || count > most_patients) return damaged;
  patients_.clear();
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    patients_.push_back(read_patient(reader));
    if (!is_possible(patients_.back(), options_.hospitals)) return damaged;
  }
  if (!reader.ok() || !reader.at_end()) return damaged;
  for (size_t i = 0; i < free_beds_.size(); ++i)
    free_beds_[i] = ~uint64_t{0} >> (64 - departments[i % departments.size()].beds);
  if (!free_beds_.empty()) {
    for (const patient& each : patients_)
      free_beds_[each.hospital * departments.size() + each.department] &= ~(uint64_t{1} << (each.bed - 1));
  }
  return {};
}

}  // namespace systole
