#include "expr/functions.h"
#include "expr/row_kernel.h"
#include "expr/time_format.h"
#include "expr/time_units.h"

namespace systole {
namespace {

using text_out = row_writer<std::string_view>;

prepared_call prepare_format(std::span<const node_ptr> arguments) {
  const column_ptr constant = arguments[1]->constant();
  if (!constant || constant->is_null(0)) return {};
  return {std::make_shared<const time_format>(time_format::parse(constant->text(0))), {}, {}, {}};
}

void show(text_out& out, const time_format* known, std::string_view pattern, const time_fields& fields) {
  if (pattern.empty()) return out.set(std::string_view());
  std::string made;
  const row_failure* problem = known ? append_formatted(made, *known, fields) : append_formatted(made, time_format::parse(pattern), fields);
  if (problem) return out.fail(*problem);
  out.set(made);
}
template <bool HasZone>
void show_timestamp(text_out& out, const time_format* known, int64_t micros, std::string_view pattern) {
  show(out, known, pattern, fields_of_timestamp(micros, HasZone));
}
void show_interval(text_out& out, const time_format* known, interval_value span, std::string_view pattern) {
  show(out, known, pattern, fields_of_interval(span));
}

const row_failure* read(const time_format* known, std::string_view text, std::string_view pattern, int64_t& micros) {
  return known ? read_formatted(text, *known, micros) : read_formatted(text, time_format::parse(pattern), micros);
}
void read_timestamp(row_writer<int64_t>& out, const time_format* known, std::string_view text, std::string_view pattern) {
  int64_t micros = 0;
  if (const row_failure* problem = read(known, text, pattern, micros)) return out.fail(*problem);
  out.set(micros);
}
void read_date(row_writer<int32_t>& out, const time_format* known, std::string_view text, std::string_view pattern) {
  int64_t micros = 0;
  if (const row_failure* problem = read(known, text, pattern, micros)) return out.fail(*problem);
  out.set(split_days(micros).day);
}

}  // namespace

void add_time_formats(std::vector<function_entry>& table) {
  using enum type_id;
  table.push_back({"to_char", {timestamp, text}, text, row_kernel<&show_timestamp<false>>, slow_fallible, prepare_format});
  table.push_back({"to_char", {timestamptz, text}, text, row_kernel<&show_timestamp<true>>, slow_fallible, prepare_format});
  table.push_back({"to_char", {interval, text}, text, row_kernel<&show_interval>, slow_fallible, prepare_format});
  table.push_back({"to_timestamp", {text, text}, timestamptz, row_kernel<&read_timestamp>, slow_fallible, prepare_format});
  table.push_back({"to_date", {text, text}, date, row_kernel<&read_date>, slow_fallible, prepare_format});
}

}  // namespace systole
