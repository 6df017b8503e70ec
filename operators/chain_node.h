#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "operators/operator_chain.h"
#include "operators/watermark_combiner.h"

namespace systole {

/// Something on its way into a node that cannot take it yet.
struct operator_chain::item {
  enum class kind { rows, watermark, end } what = kind::rows;
  uint32_t input = 0;
  uint32_t channel = 0;  ///< within the input
  batch rows;
  timestamp_us watermark = watermark_none;
  bool idle = false;
};

/// What an operator sees of the chain.
class operator_chain::node_output final : public output {
 public:
  node_output(operator_chain& chain, node& from) : chain_(chain), from_(from) {}
  void push(batch rows) override {
    if (!rows.empty()) chain_.emit(from_, std::move(rows));
  }
  bool full() const override { return chain_.full(from_); }
  void reject(const batch& rows, uint32_t row, const reject_reason& why) override;

 private:
  operator_chain& chain_;
  node& from_;
};

/// An operator, or a source or sink without one, with what waits for it.
struct operator_chain::node {
  node(operator_chain& chain, size_t number, node_parts parts)
      : index(number),
        op(std::move(parts.op)),
        accounting(parts.accounting ? parts.accounting : &counted),
        is_source(parts.is_source),
        probe(parts.probe),
        blocked(parts.input_channels.size(), false),
        out(chain, *this) {
    uint32_t channels = 0;
    for (const uint32_t count : parts.input_channels) {
      first_channel.push_back(channels);
      channels += count;
    }
    open_channels = std::move(parts.input_channels);
    queued.assign(open_channels.size(), 0);
    combiner = watermark_combiner(channels);
  }

  bool input_ended(uint32_t input) const { return open_channels[input] == 0; }

  size_t index;
  std::unique_ptr<stream_operator> op;
  step_accounting* accounting;  ///< the operator's, or `counted`
  bool is_source;
  emission_probe* probe;                ///< null: nobody may look
  std::vector<uint32_t> first_channel;  ///< of each input, in the combiner
  std::vector<uint32_t> open_channels;  ///< of each input, not ended
  watermark_combiner combiner;
  std::vector<target> targets;
  std::vector<chain_exit*> exits;

  work pending = work::none;
  std::deque<item> inbox;
  std::vector<uint32_t> queued;  ///< inbox items of each input
  std::vector<bool> blocked;     ///< what the operator's blocks_input said
  bool held = false;             ///< everything it emits reaches a blocked input
  bool draining = false;
  bool ended = false;
  timestamp_us sent_watermark = watermark_none;
  bool sent_idle = false;

  timestamp_us given_watermark = watermark_none;  ///< to the operator
  step_accounting counted;                        ///< of sources and sinks
  uint64_t rows_in = 0;                           ///< since the attempt began, for progress
  uint64_t rows_out = 0;
  node_output out;
};

}  // namespace systole
