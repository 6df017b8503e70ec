// Expressions over whole columns: rows per second.
#include <benchmark/benchmark.h>

#include "bench/micro/events.h"
#include "expr/expression.h"

namespace systole::bench {
namespace {

void expression(benchmark::State& state, const char* sql) {
  const batch rows = event_batch(1);
  const bind_result bound = bind_expression(sql, scope_of(event_schema()));
  if (!bound.expression) return state.SkipWithError(bound.errors.at(0).message.c_str());
  std::vector<row_error> errors;
  for (auto _ : state) {
    errors.clear();
    benchmark::DoNotOptimize(bound.expression->evaluate(rows, {}, errors));
  }
  if (!errors.empty()) state.SkipWithError("rows failed");
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * event_rows));
}
BENCHMARK_CAPTURE(expression, between, "age IS NULL OR age BETWEEN 0 AND 120");
BENCHMARK_CAPTURE(expression, in_list, "department IN ('Emergency', 'Surgery', 'ICU', 'Pediatrics', 'Maternity')");
BENCHMARK_CAPTURE(expression, case_of_text, "CASE department WHEN 'ICU' THEN 'Intensive Care' WHEN 'ER' THEN 'Emergency' ELSE department END");
BENCHMARK_CAPTURE(expression, case_of_number, "CASE department WHEN 'ICU' THEN 1 ELSE -1 END");
BENCHMARK_CAPTURE(expression, time_compare, "event_timestamp <= '2026-01-01T12:00:00Z'::timestamptz + INTERVAL '1 hour'");
BENCHMARK_CAPTURE(expression, date_trunc, "date_trunc('hour', event_timestamp)");
BENCHMARK_CAPTURE(expression, numeric_division, "age::numeric(10,2) / nullif(hospital_id, 0)");
BENCHMARK_CAPTURE(expression, regular_expression, "department ~ '^[A-Z][a-z]+y$'");
BENCHMARK_CAPTURE(expression, concatenation, "department || '-' || hospital_id");

}  // namespace
}  // namespace systole::bench
