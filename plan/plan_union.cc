#include "plan/diagnostic_codes.h"
#include "plan/expression_binder.h"
#include "plan/plan_context.h"

namespace systole {

void plan_union(step_site& site) {
  stream& out = site.made.out;
  out.poisoned = true;
  site.made.node.mutable_union_();
  const stream& first = *site.inputs[0];
  out.columns = first.columns;
  out.has_event_time = true;
  out.bounded = true;
  bool enabled = false;
  bool ok = true;
  const source_position at = site.step.at("inputs");
  for (size_t i = 0; i < site.inputs.size(); ++i) {
    const stream& input = *site.inputs[i];
    if (input.enabled) {
      if (!enabled) out.event_time = input.event_time;
      enabled = true;
      out.changelog = out.changelog || input.changelog;
      out.has_event_time = out.has_event_time && input.has_event_time;
      out.bounded = out.bounded && input.bounded;
      if (input.event_time != out.event_time) out.event_time.clear();
    }
    for (const field& f : input.columns.fields) {
      const int index = out.columns.find(f.name);
      if (index < 0) {
        site.context.problems.error(codes::unknown_column, at,
                                    "`" + site.aliases[i] + "` has a column `" + f.name + "` that `" + site.aliases[0] + "` has not",
                                    "give all inputs the same columns by project steps");
        ok = false;
        continue;
      }
      field& column = out.columns.fields[static_cast<size_t>(index)];
      std::optional<data_type> type = wider_type(column.type, f.type);
      if (!type) {
        site.context.problems.error(codes::column_type, at,
                                    "`" + f.name + "` is " + to_string(column.type) + " in `" + site.aliases[0] + "` and " +
                                        to_string(f.type) + " in `" + site.aliases[i] + "`",
                                    "cast one of them in a project step");
        ok = false;
        continue;
      }
      column.type = *type;
      column.nullable = column.nullable || f.nullable;
    }
    for (const field& f : out.columns.fields)
      if (input.columns.find(f.name) < 0) {
        site.context.problems.error(codes::unknown_column, at,
                                    "`" + site.aliases[0] + "` has a column `" + f.name + "` that `" + site.aliases[i] + "` has not",
                                    "give all inputs the same columns by project steps");
        ok = false;
      }
  }
  out.enabled = enabled;
  out.no_key_reason = "rows of several inputs may have equal keys";
  out.poisoned = !ok;
}

}  // namespace systole
