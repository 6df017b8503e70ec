#pragma once

#include <string>
#include <string_view>

#include "data/decimal.h"
#include "data/value.h"
#include "expr/evaluation.h"

namespace systole {

// PostgreSQL's input functions, for literals and casts of text. Each gives nullptr on success, else why not.

const row_failure* read_boolean(std::string_view text, bool& out);
const row_failure* read_int32(std::string_view text, int32_t& out);
const row_failure* read_int64(std::string_view text, int64_t& out);
const row_failure* read_double(std::string_view text, double& out);
const row_failure* read_numeric(std::string_view text, decimal& out);
const row_failure* read_bytea(std::string_view text, std::string& out);

/// Dates and times in ISO 8601 and PostgreSQL's other common forms (DateStyle ISO, MDY; TimeZone UTC): see
/// time_input.cc.
const row_failure* read_date(std::string_view text, int32_t& out);
/// A zone in the text is ignored, as PostgreSQL does.
const row_failure* read_timestamp(std::string_view text, int64_t& out);
const row_failure* read_timestamptz(std::string_view text, int64_t& out);
/// PostgreSQL's own style ("1 day 02:03:04", "2 weeks ago"), ISO 8601 ("P1DT2H") and SQL ("1-2").
const row_failure* read_interval(std::string_view text, interval_value& out);

/// Without the blanks that PostgreSQL's input functions skip.
std::string_view trim_blanks(std::string_view text);

}  // namespace systole
