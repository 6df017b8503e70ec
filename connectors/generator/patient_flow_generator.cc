#include "connectors/generator/patient_flow_generator.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "connectors/generator/patient_flow_line.h"
#include "connectors/generator/patient_flow_tables.h"
#include "data/calendar.h"

namespace systole {
namespace {

using namespace patient_flow_tables;
using patient = patient_flow_generator::patient;

constexpr int64_t hour_us = 3'600 * micros_per_second;
constexpr size_t most_remembered = 500;           // patients without `stays`
constexpr int discharge_percent = 30;             // of the steps without `stays`
constexpr int64_t longest_wait_us = hour_us / 2;  // from the admission to its event
constexpr int64_t most_jitter_us = micros_per_second;
constexpr int64_t surge_factor = 3;
constexpr timestamp_us earliest_start = -62'135'596'800'000'000;  // year 1
constexpr timestamp_us clock_end = 253'399'622'400'000'000;       // December 9999: ISO years have four digits
constexpr timestamp_us latest_start = clock_end - 366 * micros_per_day;

uint64_t threshold(double rate) {
  return rate >= 1 ? ~uint64_t{0} : static_cast<uint64_t>(std::ldexp(std::max(rate, 0.0), 64));
}

/// Orders the heap of patients by who leaves next; ids make it total, so that every machine pops alike.
bool leaves_later(const patient& a, const patient& b) {
  return a.leaves_us != b.leaves_us ? a.leaves_us > b.leaves_us : a.id > b.id;
}

int64_t floor_divide(int64_t value, int64_t by) { return value / by - (value % by < 0); }

/// December to February, and Friday to Sunday from 18:00.
bool is_surge(timestamp_us at) {
  const int64_t days = floor_divide(at, micros_per_day);
  const int32_t month = civil_from_days(static_cast<int32_t>(days)).month;
  if (month == 12 || month <= 2) return true;
  const int64_t weekday = ((days + 3) % 7 + 7) % 7;  // 0 = Monday; 1970-01-01 was a Thursday
  return weekday >= 4 && at - days * micros_per_day >= 18 * hour_us;
}

int64_t hour_of_day(timestamp_us at) { return (at - floor_divide(at, micros_per_day) * micros_per_day) / hour_us; }

}  // namespace

patient_flow_dirt patient_flow_dirt::scaled(double factor) const {
  const auto times = [factor](double rate) { return std::min(1.0, rate * factor); };
  return {times(invalid_age),     times(future_admission), times(missing_field), times(discharge_before_admission),
          times(department_typo), times(invalid_hospital), times(duplicate)};
}

result<void> check(const patient_flow_options& options) {
  const auto refuse = [](const char* what) {
    return fail(error_code::invalid_argument, std::string("patient-flow: ") + what);
  };
  const patient_flow_dirt& dirt = options.dirt;
  for (const double rate :
       {dirt.invalid_age, dirt.future_admission, dirt.missing_field, dirt.discharge_before_admission,
        dirt.department_typo, dirt.invalid_hospital, dirt.duplicate})
    if (!(rate >= 0 && rate <= 1)) return refuse("a rate of dirt must be 0 to 1");
  if (options.hospitals < 1 || options.hospitals > hospital_names.size()) return refuse("there are 1 to 7 hospitals");
  if (options.step_us < 1'000 || options.step_us > micros_per_day) return refuse("a step takes from 1 ms to a day");
  if (options.start < earliest_start || options.start > latest_start)
    return refuse("the start must be in year 1 to 9998");
  return {};
}

// ---- random numbers

uint64_t patient_flow_generator::random_source::next() {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

int64_t patient_flow_generator::random_source::between(int64_t low, int64_t high) {
  const auto range = static_cast<uint64_t>(high - low) + 1;
  return low + static_cast<int64_t>(static_cast<unsigned __int128>(next()) * range >> 64);
}

namespace {

/// One of `from` by their percents.
template <class Random, size_t N>
std::string_view pick(Random& random, const std::array<share, N>& from) {
  uint64_t roll = random.below(100);
  for (const share& each : from) {
    if (roll < each.percent) return each.word;
    roll -= each.percent;
  }
  return from.back().word;
}

template <class Random>
std::array<char, 16> make_uuid(Random& random) {
  const uint64_t high = random.next(), low = random.next();
  std::array<char, 16> id;
  std::memcpy(id.data(), &high, 8);
  std::memcpy(id.data() + 8, &low, 8);
  id[6] = static_cast<char>((id[6] & 0x0f) | 0x40);  // version 4, variant 1 (RFC 4122)
  id[8] = static_cast<char>((id[8] & 0x3f) | 0x80);
  return id;
}

/// A stay: the mean less a third to the mean and a half, at least an hour.
template <class Random>
int64_t draw_stay(Random& random, const department& where, int64_t unit_us) {
  const int64_t mean_us = where.mean_stay_hours * hour_us;
  const int64_t low = std::max(hour_us, mean_us * 2 / 3), high = mean_us * 3 / 2;
  return random.between((low + unit_us - 1) / unit_us, high / unit_us) * unit_us;
}

}  // namespace

// ---- time

patient_flow_generator::patient_flow_generator(const patient_flow_options& options)
    : options_(options),
      thresholds_{threshold(options.dirt.invalid_age),     threshold(options.dirt.future_admission),
                  threshold(options.dirt.missing_field),   threshold(options.dirt.discharge_before_admission),
                  threshold(options.dirt.department_typo), threshold(options.dirt.invalid_hospital),
                  threshold(options.dirt.duplicate)},
      random_{options.seed},
      step_base_us_(options.start) {
  uint32_t sum = 0;
  for (const department& each : departments) turnover_.push_back(sum += each.beds * 1000u / each.mean_stay_hours);
  if (options.stays) {
    for (uint32_t hospital = 0; hospital < options.hospitals; ++hospital)
      for (const department& each : departments) free_beds_.push_back(~uint64_t{0} >> (64 - each.beds));
  }
  patients_.reserve(most_remembered);
  schedule_step();
}

void patient_flow_generator::schedule_step() {
  int64_t interval = options_.step_us;
  if (options_.surge && is_surge(step_base_us_)) interval /= surge_factor;
  if (options_.stays) interval = interval * 100 / admissions_by_hour[static_cast<size_t>(hour_of_day(step_base_us_))];
  next_step_us_ = step_base_us_ + random_.between(0, std::min(interval, most_jitter_us) - 1);
  step_base_us_ += interval;
}

timestamp_us patient_flow_generator::now_us() const {
  if (options_.stays && !patients_.empty()) return std::min(next_step_us_, patients_.front().leaves_us);
  return next_step_us_;
}

bool patient_flow_generator::finished() const {
  return (options_.count > 0 && position_ >= options_.count) || (!repeat_ && now_us() >= clock_end);
}

size_t patient_flow_generator::generate(std::string& out, size_t most_events, timestamp_us until_us) {
  size_t made = 0;
  while (made < most_events && !finished()) {
    if (repeat_) {
      repeat_ = false;
    } else {
      if (now_us() > until_us) break;
      if (!take_step()) continue;
      repeat_ = random_.chance(thresholds_.duplicate);
    }
    out.append(line_);
    ++position_;
    ++made;
  }
  return made;
}

bool patient_flow_generator::take_step() {
  const timestamp_us now = now_us();
  line_.clear();
  if (options_.stays && now != next_step_us_) {
    leave(now);
    return true;
  }
  schedule_step();
  if (!options_.stays && !patients_.empty() && random_.below(100) < discharge_percent) discharge(now);
  else admit(now);
  return !line_.empty();
}

// ---- patients

/// With `stays` the place is a free bed, and false where none is left in the department.
bool patient_flow_generator::draw_place(patient& made) {
  made.hospital = static_cast<uint8_t>(random_.below(options_.hospitals));
  if (!options_.stays) {
    made.department = static_cast<uint8_t>(random_.below(departments.size()));
    made.bed = static_cast<uint8_t>(1 + random_.below(departments[made.department].beds));
    return true;
  }
  const auto roll = static_cast<uint32_t>(random_.below(turnover_.back()));
  made.department =
      static_cast<uint8_t>(std::upper_bound(turnover_.begin(), turnover_.end(), roll) - turnover_.begin());
  for (uint32_t tried = 0; tried < options_.hospitals; ++tried) {
    if (uint64_t& beds = free_beds_[made.hospital * departments.size() + made.department]) {
      made.bed = static_cast<uint8_t>(1 + std::countr_zero(beds));
      beds &= beds - 1;
      return true;
    }
    made.hospital = static_cast<uint8_t>((made.hospital + 1) % options_.hospitals);
  }
  return false;
}

void patient_flow_generator::draw_person(patient& made, timestamp_us now) {
  const department& where = departments[made.department];
  made.id = make_uuid(random_);
  made.gender = where.code == "MAT" ? 1 : static_cast<uint8_t>(random_.below(2));
  made.age = static_cast<int16_t>(random_.between(where.youngest, where.oldest));
  made.diagnosis = static_cast<uint8_t>(random_.below(where.diagnoses.size()));
  made.insurance = static_cast<uint8_t>(random_.below(insurances.size()));
  made.hospital_id = static_cast<int16_t>(made.hospital + 1);
  made.admitted_us = made.admission_time_us = now - random_.between(0, longest_wait_us - 1);
}

void patient_flow_generator::draw_dirt(patient& sent, timestamp_us now) {
  if (random_.chance(thresholds_.age)) sent.age = invalid_ages[random_.below(invalid_ages.size())];
  if (random_.chance(thresholds_.future)) sent.admission_time_us = now + random_.between(24, 168) * hour_us;
  if (random_.chance(thresholds_.missing)) sent.missing |= static_cast<uint8_t>(1u << random_.below(missing_fields));
  if (random_.chance(thresholds_.typo))
    sent.spelling = static_cast<uint8_t>(1 + random_.below(departments[sent.department].spelling_count - 1u));
  if (random_.chance(thresholds_.hospital))
    sent.hospital_id = invalid_hospitals[random_.below(invalid_hospitals.size())];
}

void patient_flow_generator::admit(timestamp_us now) {
  patient made;
  if (!draw_place(made)) return;
  draw_person(made, now);
  draw_dirt(made, now);
  write(made, true, now, 0, false);
  if (options_.stays) {
    made.leaves_us = made.admitted_us + draw_stay(random_, departments[made.department], 1);
    patients_.push_back(made);
    std::push_heap(patients_.begin(), patients_.end(), leaves_later);
  } else if (patients_.size() < most_remembered) {
    patients_.push_back(made);
  } else {
    patients_[random_.below(most_remembered)] = made;
  }
}

/// A random patient of those remembered.
void patient_flow_generator::discharge(timestamp_us now) {
  patient& chosen = patients_[random_.below(patients_.size())];
  patient leaving = chosen;
  chosen = patients_.back();
  patients_.pop_back();
  const int64_t stay = draw_stay(random_, departments[leaving.department], 1);
  leaving.leaves_us = std::min(now, leaving.admitted_us + stay);
  const bool before = random_.chance(thresholds_.before);
  draw_dirt(leaving, now);  // on top of what his admission had
  write(leaving, false, now, leaving.leaves_us, before);
}

/// The patient whose stay is over.
void patient_flow_generator::leave(timestamp_us now) {
  std::pop_heap(patients_.begin(), patients_.end(), leaves_later);
  patient leaving = patients_.back();
  patients_.pop_back();
  free_beds_[leaving.hospital * departments.size() + leaving.department] |= uint64_t{1} << (leaving.bed - 1);
  const bool before = random_.chance(thresholds_.before);
  draw_dirt(leaving, now);
  write(leaving, false, now, now, before);
}

void patient_flow_generator::write(const patient& sent, bool admission, timestamp_us now, timestamp_us discharged_us,
                                   bool before_admission) {
  patient_flow_event event;
  event.admission = admission;
  event.event_id = make_uuid(random_);
  event.at_us = now;
  if (admission) {
    event.expected_discharge_us = sent.admitted_us + draw_stay(random_, departments[sent.department], hour_us);
    event.priority = pick(random_, priorities);
  } else {
    event.discharge_status = pick(random_, discharge_statuses);
    event.discharge_time_us = discharged_us;
    // As the job computes it: whole seconds, half away from zero.
    const int64_t seconds =
        floor_divide(discharged_us, micros_per_second) - floor_divide(sent.admitted_us, micros_per_second);
    event.length_of_stay_hundredths = (seconds * 100 + 1800) / 3600;
    if (before_admission) {
      event.discharge_time_us = sent.admitted_us - random_.between(1, 24) * hour_us;
      event.length_of_stay_hundredths = -std::max<int64_t>(1, event.length_of_stay_hundredths);
    }
  }
  event.heart_rate = static_cast<int>(random_.between(50, 115));
  event.bp_systolic = static_cast<int>(random_.between(88, 180));
  event.bp_diastolic = static_cast<int>(random_.between(55, 90));
  event.temperature_tenths = static_cast<int>(random_.between(970, 1030));
  event.oxygen_saturation = static_cast<int>(random_.between(87, 100));
  append_patient_flow_line(line_, sent, event);
}

}  // namespace systole
