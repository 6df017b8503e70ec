#include "data/calendar.h"
#include "expr/functions.h"
#include "expr/row_kernel.h"
#include "expr/text/text_input.h"

// PostgreSQL has no cast that gives NULL instead of an error; these do, for dirty data.

namespace systole {
namespace {

void try_timestamptz(row_writer<int64_t>& out, std::string_view text) {
  const std::optional<timestamp_us> made = parse_iso_timestamp(text);
  made ? out.set(*made) : out.null();
}
void try_date(row_writer<int32_t>& out, std::string_view text) {
  const std::optional<int32_t> made = parse_iso_date(text);
  made ? out.set(*made) : out.null();
}
template <class T, const row_failure* (*Read)(std::string_view, T&)>
void try_read(row_writer<T>& out, std::string_view text) {
  T value{};
  Read(text, value) ? out.null() : out.set(value);
}

}  // namespace

void add_try_functions(std::vector<function_entry>& table) {
  using enum type_id;
  table.push_back({"try_timestamptz", {text}, timestamptz, row_kernel<&try_timestamptz>, optional_result});
  table.push_back({"try_date", {text}, date, row_kernel<&try_date>, optional_result});
  table.push_back({"try_numeric", {text}, numeric, row_kernel<&try_read<decimal, read_numeric>>, optional_result});
  table.push_back({"try_int", {text}, int32, row_kernel<&try_read<int32_t, read_int32>>, optional_result});
}

}  // namespace systole
