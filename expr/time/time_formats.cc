#include "expr/functions.h"
#include "expr/row_kernel.h"
#include "expr/time/time_format.h"
#include "expr/time/time_range.h"

namespace systole {
namespace {

using text_out = row_writer<std::string_view>;

prepared_call prepare_format(std::span<const node_ptr> arguments) {
  const column_ptr constant = arguments[1]->constant();
  if (!constant || constant->is_null(0)) return {};
  return {std::make_shared<const time_format>(time_format::parse(constant->text(0))), {}, {}, {}};
}

void show(text_out& out, const time_format* known, std::string_view pattern, const time_fields& fields) {
  if (pattern.empty()) return out.null();
  std::string made;
  const row_failure* problem =
      known ? append_formatted(made, *known, fields) : append_formatted(made, time_format::parse(pattern), fields);
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

const row_failure* read(const time_format* known, std::string_view text, std::string_view pattern, formatted_time& at) {
  return known ? read_formatted(text, *known, at) : read_formatted(text, time_format::parse(pattern), at);
}
void timestamp_by_format(row_writer<int64_t>& out, const time_format* known, std::string_view text,
                    std::string_view pattern) {
  formatted_time at;
  int64_t micros = 0;
  if (const row_failure* problem = read(known, text, pattern, at)) return out.fail(*problem);
  if (const row_failure* problem = at.timestamp(micros)) return out.fail(*problem);
  out.set(micros);
}
void date_by_format(row_writer<int32_t>& out, const time_format* known, std::string_view text, std::string_view pattern) {
  formatted_time at;
  if (const row_failure* problem = read(known, text, pattern, at)) return out.fail(*problem);
  if (!is_date(at.days)) return out.fail(failures::date_range);
  out.set(static_cast<int32_t>(at.days));
}

// to_char of an empty format is NULL.
constexpr function_traits shows{.can_fail = true, .gives_null = true, .cheap = false};

}  // namespace

void add_time_formats(std::vector<function_entry>& table) {
  using enum type_id;
  table.push_back({"to_char", {timestamp, text}, text, row_kernel<&show_timestamp<false>>, shows, prepare_format});
  table.push_back({"to_char", {timestamptz, text}, text, row_kernel<&show_timestamp<true>>, shows, prepare_format});
  table.push_back({"to_char", {interval, text}, text, row_kernel<&show_interval>, shows, prepare_format});
  table.push_back(
      {"to_timestamp", {text, text}, timestamptz, row_kernel<&timestamp_by_format>, slow_fallible, prepare_format});
  table.push_back({"to_date", {text, text}, date, row_kernel<&date_by_format>, slow_fallible, prepare_format});
}

}  // namespace systole
