#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "bench/probe/sent_events.h"

namespace latency_bench {

/// Compares a job's rows with the events that were sent: each event that counts is seen once, with what it must give.
/// on_row() is the reading thread's; expected(), seen() and rows() anybody's; the others' once reading has ended.
class row_account {
 public:
  enum class rule {
    each,  ///< a row for every event that counts
    last,  ///< rows by unit; one stands for all events of its unit up to its own
  };
  /// Latencies of events from `first_measured` on are kept. New rows after at least `silence_us` without one are told
  /// on stdout; 0: never.
  row_account(const sent_events& sent, rule how, size_t first_measured, int64_t silence_us)
      : sent_(sent), rule_(how), first_measured_(first_measured), silence_us_(silence_us), last_new_us_(now_us()) {}

  /// A record of the output topic, at this time.
  void on_row(std::string_view json, int64_t at_us);

  /// Events that count among those sent; once all are sent.
  size_t expected() const;
  /// Of these, those of which a row has told.
  size_t seen() const { return seen_.load(std::memory_order_relaxed); }
  uint64_t rows() const { return rows_.load(std::memory_order_relaxed); }
  /// The newest event told of; -1 before the first.
  int64_t newest() const { return newest_.load(std::memory_order_relaxed); }
  int64_t newest_at_us() const { return last_new_us_; }
  /// Rows that came again.
  uint64_t doubled() const { return doubled_; }
  /// Rows that no event could give, or with a wrong sum.
  uint64_t wrong() const { return wrong_; }
  /// Microseconds from when an event was due to its row, in no order.
  std::vector<uint32_t>& latencies_us() { return latencies_us_; }

 private:
  void see(size_t sequence, int64_t at_us);
  void read_facts(size_t up_to);

  const sent_events& sent_;
  const rule rule_;
  const size_t first_measured_;
  const int64_t silence_us_;
  std::vector<uint8_t> seen_events_;         ///< by sequence: a row has told of it
  std::vector<uint8_t> seen_rows_;           ///< by sequence: a row was its own
  std::vector<std::deque<size_t>> waiting_;  ///< rule::last: by unit, events that no row has told of
  size_t facts_read_ = 0;
  std::atomic<size_t> seen_{0};
  std::atomic<uint64_t> rows_{0};
  std::atomic<int64_t> newest_{-1};
  std::atomic<int64_t> last_new_us_;
  uint64_t doubled_ = 0, wrong_ = 0;
  std::vector<uint32_t> latencies_us_;
};

}  // namespace latency_bench
