#include "expr/functions.h"
#include "expr/row_kernel.h"
#include "expr/time/time_range.h"
#include "expr/time/time_zone.h"

namespace systole {
namespace {

constexpr row_failure zone_with_months{"22023", "an interval that is a time zone must not include months or days"};

prepared_call prepare_zone(std::span<const node_ptr> arguments) {
  const column_ptr constant = arguments[0]->constant();
  if (!constant || constant->is_null(0)) return {};
  std::shared_ptr<const zone_rule> zone = find_zone(constant->text(0));
  if (!zone)
    return {nullptr, "time zone \"" + std::string(constant->text(0)) + "\" not recognized",
            "use a name as Europe/Berlin, UTC, or INTERVAL '+02:00'", "22023"};
  return {std::move(zone), {}, {}, {}};
}

template <bool ToLocal>
void change_zone(row_writer<int64_t>& out, const zone_rule* known, std::string_view name, int64_t micros) {
  std::shared_ptr<const zone_rule> found;
  if (!known) {
    found = find_zone(name);
    if (!found) return out.fail(failures::unknown_zone);
    known = found.get();
  }
  const int64_t made = ToLocal ? known->to_local(micros) : known->to_utc(micros);
  if (!is_timestamp(made)) return out.fail(failures::timestamp_range);
  out.set(made);
}

template <bool ToLocal>
void shift_zone(row_writer<int64_t>& out, interval_value offset, int64_t micros) {
  if (offset.months != 0 || offset.days != 0) return out.fail(zone_with_months);
  int64_t made;
  const bool over = ToLocal ? __builtin_add_overflow(micros, offset.micros, &made)
                            : __builtin_sub_overflow(micros, offset.micros, &made);
  if (over || !is_timestamp(made)) return out.fail(failures::timestamp_range);
  out.set(made);
}

}  // namespace

void add_time_zones(std::vector<function_entry>& table) {
  using enum type_id;
  table.push_back(
      {"timezone", {text, timestamptz}, timestamp, row_kernel<&change_zone<true>>, slow_fallible, prepare_zone});
  table.push_back(
      {"timezone", {text, timestamp}, timestamptz, row_kernel<&change_zone<false>>, slow_fallible, prepare_zone});
  table.push_back({"timezone", {interval, timestamptz}, timestamp, row_kernel<&shift_zone<true>>, fallible});
  table.push_back({"timezone", {interval, timestamp}, timestamptz, row_kernel<&shift_zone<false>>, fallible});
}

}  // namespace systole
