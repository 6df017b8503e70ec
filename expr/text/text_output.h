#pragma once

#include <string>
#include <string_view>

#include "data/decimal.h"
#include "data/value.h"

namespace systole {

// PostgreSQL's text of values (DateStyle ISO, TimeZone UTC, IntervalStyle postgres, shortest doubles).

void append_text(std::string& out, bool value);  ///< as a cast: "true", "false"
void append_text(std::string& out, int32_t value);
void append_text(std::string& out, int64_t value);
/// The shortest text that reads back equal, in PostgreSQL's layout: "0.1", "1e+20", "Infinity".
void append_text(std::string& out, double value);
void append_text(std::string& out, decimal value);
void append_bytea_text(std::string& out, std::string_view bytes);
void append_date_text(std::string& out, int32_t days);
void append_timestamp_text(std::string& out, int64_t micros);
void append_timestamptz_text(std::string& out, int64_t micros);
void append_interval_text(std::string& out, interval_value value);

}  // namespace systole
