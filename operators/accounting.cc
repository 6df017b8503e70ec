#include "operators/accounting.h"

#include "operators/operator.h"

namespace systole {

bool count_rejection(step_accounting& accounting, row_kind kind, const reject_reason& why) {
  const bool retraction = sign(kind) < 0;
  if (why.rule == failed_result_rule) {
    ++accounting.failed_results;
    return !retraction;
  }
  if (why.rule == "late") ++accounting.late;
  else ++accounting.rejected;
  if (retraction) ++accounting.rejected_retractions;
  for (std::string_view rest = why.rule; !rest.empty();) {
    const size_t end = std::min(rest.find(';'), rest.size());
    ++accounting.by_rule[std::string(rest.substr(0, end))];
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return !retraction;
}

}  // namespace systole
