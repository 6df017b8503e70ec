// The exchange within a process: hashing keys, splitting rows by receiver, frames and credit. Rows per second.
#include <benchmark/benchmark.h>

#include "actors/exchange.h"
#include "bench/micro/events.h"

namespace systole::bench {
namespace {

constexpr uint64_t budget_bytes = 2 << 20;

void exchange_by_hash(benchmark::State& state) {
  const auto receivers = static_cast<size_t>(state.range(0));
  const bind_result key = bind_expression("patient_id", scope_of(event_schema()));
  std::vector<uint32_t> channels(receivers);
  for (uint32_t i = 0; i < receivers; ++i) channels[i] = i;
  exchange_output out(channels, make_hash_partitioner({key.expression}, receivers, 128, nullptr), budget_bytes);
  uint64_t received = 0;
  // The receiver consumes at once and grants what it consumed.
  std::vector<frame_ptr> sent;
  out.connect([&](frame_ptr what) { sent.push_back(std::move(what)); });
  const batch rows = event_batch(1);
  for (auto _ : state) {
    if (!out.write(rows)) state.SkipWithError("failed");
    for (const frame_ptr& each : sent) {
      received += each->rows.rows();
      out.on_credit(each->channel, each->bytes);
    }
    sent.clear();
  }
  if (received != state.iterations() * event_rows) state.SkipWithError("rows are missing");
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * event_rows));
}
BENCHMARK(exchange_by_hash)->Arg(1)->Arg(2)->Arg(8);

}  // namespace
}  // namespace systole::bench
