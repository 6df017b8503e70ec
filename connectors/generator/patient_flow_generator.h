#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace systole {

/// How often each kind of dirt is drawn, independently for each event; several at once are possible.
struct patient_flow_dirt {
  double invalid_age = 0.04;
  double future_admission = 0.03;
  double missing_field = 0.05;
  double discharge_before_admission = 0.02;  ///< of discharges
  double department_typo = 0.03;
  double invalid_hospital = 0.02;
  double duplicate = 0.03;  ///< of events: sent again at once

  /// All rates times `factor`, at most 1.
  patient_flow_dirt scaled(double factor) const;
  friend bool operator==(const patient_flow_dirt&, const patient_flow_dirt&) = default;
};

/// What the hospitals do. All but `count` is part of the saved state: a state continues only under equal options.
struct patient_flow_options {
  uint64_t seed = 1;
  timestamp_us start = 1'767'225'600'000'000;  ///< of the virtual clock: 2026-01-01T00:00:00Z
  uint64_t count = 0;                          ///< events in all, duplicates included; 0 = no end
  int64_t step_us = 60'000'000;                ///< virtual time from step to step, a third of it in a surge
  patient_flow_dirt dirt;
  bool stays = false;  ///< discharge at the end of a drawn stay, admit to free beds only, more by day than by night
  bool surge = true;   ///< three times the rate in December to February and on Friday to Sunday from 18:00 UTC
  uint32_t hospitals = 7;
};

/// `invalid_argument`, naming the option, where a value is out of range.
result<void> check(const patient_flow_options& options);

/// Simulates the admissions and discharges of seven hospitals with the flaws of real feeds, as NDJSON: one event a
/// line, the fields of the patient-flow job's schema. Equal options give equal bytes on every machine. One thread.
///
/// Without `stays` each step discharges a random one of at most 500 remembered patients (30 %) or admits a new one, to
/// any bed. With it a step admits (to a department drawn by its turnover) and each patient leaves when his stay is
/// over, so that occupancy stays within the beds and follows the hours of the day.
class patient_flow_generator {
 public:
  static constexpr timestamp_us no_limit = std::numeric_limits<timestamp_us>::max();

  /// REQUIRES: check(options).
  explicit patient_flow_generator(const patient_flow_options& options);

  /// Appends up to `most_events` lines, each with its '\n', of events not after `until_us` of the virtual clock. Gives
  /// their number: fewer only at the end of the events or of that time.
  size_t generate(std::string& out, size_t most_events, timestamp_us until_us = no_limit);

  /// Events given so far: the position to continue from.
  uint64_t position() const { return position_; }
  /// The virtual clock: of the next step or discharge.
  timestamp_us now_us() const;
  /// True where generate() will give no more: `count` is reached, or December 9999.
  bool finished() const;

  /// The state, at most some 100 kB; versioned.
  std::string save() const;
  /// Continues from a saved state; `incompatible` where it was saved under other options, `corrupt` where it is damaged
  /// (the generator must not be used then).
  result<void> restore(std::string_view bytes);

  /// A patient as his last event told of him, and what is true.
  struct patient {
    std::array<char, 16> id{};
    timestamp_us admitted_us = 0;        ///< true
    timestamp_us leaves_us = 0;          ///< true; with `stays` only
    timestamp_us admission_time_us = 0;  ///< as sent
    int16_t age = 0;
    int16_t hospital_id = 0;  ///< as sent
    uint8_t hospital = 0;     ///< true, from 0
    uint8_t department = 0;   ///< true
    uint8_t spelling = 0;     ///< of the department's name as sent; 0 is right
    uint8_t bed = 0;          ///< from 1
    uint8_t gender = 0;
    uint8_t diagnosis = 0;
    uint8_t insurance = 0;
    uint8_t missing = 0;  ///< bits of fields that were sent as null
  };

 private:
  /// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
  struct random_source {
    uint64_t state = 0;
    uint64_t next();
    uint64_t below(uint64_t bound) { return static_cast<uint64_t>((next() >> 32) * bound >> 32); }
    int64_t between(int64_t low, int64_t high);
    /// `threshold` is the chance times 2^64.
    bool chance(uint64_t threshold) { return next() < threshold; }
  };

  void schedule_step();
  bool take_step();
  void admit(timestamp_us now);
  void discharge(timestamp_us now);
  void leave(timestamp_us now);
  bool draw_place(patient& made);
  void draw_person(patient& made, timestamp_us now);
  void draw_dirt(patient& sent, timestamp_us now);
  void write(const patient& sent, bool admission, timestamp_us now, timestamp_us discharged_us, bool before_admission);
  std::string describe_options() const;

  patient_flow_options options_;
  struct {
    uint64_t age, future, missing, before, typo, hospital, duplicate;
  } thresholds_{};
  std::vector<uint32_t> turnover_;  ///< cumulative weights of the departments
  random_source random_;
  uint64_t position_ = 0;
  timestamp_us step_base_us_ = 0;  ///< of the next step, without its jitter
  timestamp_us next_step_us_ = 0;
  std::vector<patient> patients_;    ///< with `stays` a heap, the next to leave on top
  std::vector<uint64_t> free_beds_;  ///< with `stays`: a bit per bed, by hospital and department
  std::string line_;                 ///< the last event
  bool repeat_ = false;              ///< the next event is line_ again
};

}  // namespace systole
