// What an operator_chain tells of its nodes, and what of them a checkpoint holds.
#include <algorithm>
#include <cassert>

#include "operators/chain_node.h"
#include "operators/chain_snapshot.h"

namespace systole {

bool operator_chain::ended(size_t index) const { return nodes_[index]->ended; }
timestamp_us operator_chain::watermark_of(size_t index) const { return nodes_[index]->combiner.combined(); }
bool operator_chain::idle_for_watermark(size_t index) const { return nodes_[index]->combiner.idle(); }
operator_chain::row_counts operator_chain::counts(size_t index) const {
  const node& at = *nodes_[index];
  return {at.rows_in, at.rows_out, at.accounting->rejected, at.accounting->late};
}

const step_accounting& operator_chain::accounting(size_t index) const { return *nodes_[index]->accounting; }

void operator_chain::count_source(size_t index, uint64_t records, uint64_t rejected, uint64_t filtered) {
  step_accounting& counted = nodes_[index]->counted;
  counted.in += records;
  counted.rejected += rejected;
  counted.filtered += filtered;
  if (rejected > 0) counted.by_rule["decode"] += rejected;
}

std::string operator_chain::snapshot(size_t index, std::string extra) const {
  assert(idle());
  const node& at = *nodes_[index];
  chain_snapshot made;
  made.watermark = at.combiner.combined();
  for (size_t i = 0; i < at.combiner.size(); ++i) {
    made.channel_watermarks.push_back(at.combiner.watermark(i));
    made.channel_ended.push_back(at.combiner.ended(i));
  }
  for (uint32_t i = 0; i < at.open_channels.size(); ++i) made.input_ended.push_back(at.input_ended(i));
  made.accounting = *at.accounting;
  made.operator_state = at.op ? at.op->snapshot() : std::move(extra);
  return encode(made);
}

result<void> operator_chain::restore(size_t index, const std::vector<std::string_view>& all,
                                     const std::vector<size_t>& own) {
  node& at = *nodes_[index];
  if (all.empty()) return {};
  std::vector<chain_snapshot> old;
  for (const std::string_view bytes : all) {
    SYSTOLE_ASSIGN(chain_snapshot decoded, decode_chain_snapshot(bytes));
    old.push_back(std::move(decoded));
  }
  for (const size_t i : own) add(*at.accounting, old[i].accounting);

  timestamp_us lowest = watermark_end;
  for (const chain_snapshot& each : old) lowest = std::min(lowest, each.watermark);
  const bool same = old.size() == 1 && old[0].channel_watermarks.size() == at.combiner.size() &&
                    old[0].input_ended.size() == at.open_channels.size();
  std::vector<timestamp_us> watermarks(at.combiner.size(), watermark_none);
  std::vector<bool> ended(at.combiner.size(), false);
  if (same) {
    watermarks = old[0].channel_watermarks;
    ended = old[0].channel_ended;
  }
  for (uint32_t input = 0; input < at.open_channels.size(); ++input) {
    const uint32_t first = at.first_channel[input];
    const uint32_t channels = at.open_channels[input];
    const bool all_ended = std::all_of(old.begin(), old.end(), [input](const chain_snapshot& each) {
      return input < each.input_ended.size() && each.input_ended[input];
    });
    for (uint32_t i = first; i < first + channels; ++i) {
      if (all_ended) {
        ended[i] = true;
        watermarks[i] = watermark_end;
      }
      if (ended[i]) --at.open_channels[input];
    }
  }
  at.combiner.restore(lowest, watermarks, ended);
  at.given_watermark = lowest;
  if (at.combiner.ended() && !at.ended) {
    at.ended = true;
    ++ended_nodes_;
  }
  if (at.op)
    for (const chain_snapshot& each : old) SYSTOLE_TRY(at.op->restore(each.operator_state));
  return {};
}

}  // namespace systole
