#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coordination/barrier.h"
#include "coordination/credit.h"
#include "coordination/deployment.h"
#include "data/batch.h"
#include "data/key_encoding.h"
#include "expr/expression.h"
#include "operators/operator_chain.h"

namespace systole {

/// What travels in a channel: rows, and in band with them watermarks, barriers and the end. Within a process a pointer
/// to it is sent; it is never changed afterwards.
struct frame {
  enum class kind : uint8_t { rows, watermark, barrier, end };
  kind what = kind::rows;
  uint32_t channel = 0;
  uint64_t sequence = 0;  ///< from 1, without gaps
  batch rows;
  uint64_t bytes = 0;  ///< of rows, what credit is counted in; 0 for control frames, which need none
  timestamp_us watermark = watermark_none;
  bool idle = false;
  barrier cut;
  timestamp_us read_us = 0;  ///< when the input was read that led to this; 0: not known
};
using frame_ptr = std::shared_ptr<const frame>;

/// Bytes of a batch with its texts: what a channel's budget is spent on. Never 0.
uint64_t exchange_bytes(const batch& rows);

/// Deals rows to the receiving subtasks. One thread.
class partitioner {
 public:
  virtual ~partitioner() = default;
  /// Calls `give(receiver, rows)` for each receiver with rows.
  virtual void split(batch rows, const std::function<void(size_t receiver, batch rows)>& give) = 0;
};

/// By the key groups of the key columns' values, so that rows of one key meet in one subtask. Rows are sorted by
/// receiver once (counting sort) and gathered. A row whose key cannot be computed goes to receiver 0, whose operator
/// rejects it.
std::unique_ptr<partitioner> make_hash_partitioner(std::vector<expression_ptr> keys, size_t receivers,
                                                   uint32_t max_parallelism, const clock* time);
/// Whole batches in turn, starting with receiver `first`.
std::unique_ptr<partitioner> make_rebalancer(size_t receivers, size_t first);
/// Every row to every receiver (one receiver: forward and gather).
std::unique_ptr<partitioner> make_broadcaster(size_t receivers);

/// The sending end of an exchange: splits rows over its channels, numbers the frames, and sends rows only with credit.
/// What has no credit waits in order, control frames behind it too; full() then tells the chain to stop. One thread.
class exchange_output final : public chain_exit {
 public:
  using send_function = std::function<void(frame_ptr)>;
  exchange_output(std::vector<uint32_t> channels, std::unique_ptr<partitioner> split, uint64_t budget_bytes);
  /// Call before anything below.
  void connect(send_function send) { send_ = std::move(send); }
  /// Where to read frame::read_us; outlives this.
  void stamp_with(const timestamp_us* read_us) { read_us_ = read_us; }

  result<void> write(batch rows) override;
  result<void> watermark(timestamp_us watermark, bool idle) override;
  result<void> end() override;
  bool full() const override { return starved_ > 0; }

  void cut(const barrier& what);
  /// The receiver of the channel has consumed so many bytes. True where the channel is one of this exchange's.
  bool on_credit(uint32_t channel, uint64_t bytes);

 private:
  struct lane {
    uint32_t channel;
    credit_sender credit;
    uint64_t sequence = 0;
    std::deque<std::shared_ptr<frame>> waiting;
    bool starved() const { return !waiting.empty() || !credit.has_credit(); }
  };
  template <class Change>
  void with_lane(lane& at, Change change);
  void control(const frame& what);
  void put(lane& at, std::shared_ptr<frame> what);
  void flush(lane& at);

  std::vector<lane> lanes_;
  std::unique_ptr<partitioner> split_;
  send_function send_;
  const timestamp_us* read_us_ = nullptr;
  size_t starved_ = 0;
};

}  // namespace systole
