#pragma once

#include <cstdint>
#include <string_view>

#include "expr/time/time_format.h"

namespace systole {

/// What the fields said; 0 is "not said", as in PostgreSQL.
struct read_fields {
  int64_t year = 0, month = 0, day = 0, day_of_year = 0, week_day = 0, week = 0, week_of_month = 0, century = 0,
          julian = 0;
  int64_t hour = 0, minute = 0, second = 0, second_of_day = 0, millis = 0, micros = 0, zone_hour = 0, zone_minute = 0;
  int year_size = 0, zone_sign = 0, precision = 6;
  bool clock12 = false, pm = false, bc = false, iso = false, gregorian = false;
};

/// Reads the fields of a text without making sense of them; nullptr on success.
const row_failure* read_fields_of(std::string_view text, const time_format& format, read_fields& into);

}  // namespace systole
