#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "kafka/record_set.h"

namespace systole {

/// What comes of a partition, in the order of its offsets.
struct kafka_fetched_item {
  enum class kind {
    records,
    caught_up,     ///< all committed records there are were given; `offset` is the next one's
    out_of_range,  ///< the wanted offset, `offset`, is not (any more) there
    refused,       ///< an error that will not pass: `cause`
  };
  kind what = kind::records;
  kafka_record_set records;
  size_t bytes = 0;  ///< of the records, as they came
  int64_t offset = 0;
  failure cause;
};

/// Between the thread that fetches a partition and the one that reads it. The fetcher asks for no more while as much waits
/// as is allowed.
class kafka_feed_queue {
 public:
  explicit kafka_feed_queue(size_t most_bytes) : most_bytes_(most_bytes) {}

  void push(kafka_fetched_item item);
  bool is_full() const { return bytes_.load() >= most_bytes_; }
  void set_end(int64_t offset) { end_.store(offset, std::memory_order_relaxed); }

  bool empty() const { return items_left_.load() == 0; }
  /// REQUIRES: not empty.
  kafka_fetched_item take();
  int64_t end() const { return end_.load(std::memory_order_relaxed); }

 private:
  const size_t most_bytes_;
  std::mutex mutex_;
  std::deque<kafka_fetched_item> items_;
  std::atomic<size_t> bytes_{0}, items_left_{0};
  std::atomic<int64_t> end_{-1};
};

/// A reader's view of one partition that is fetched ahead of it, within a limit; what is not taken waits. Ends with it.
/// One thread.
class kafka_partition_feed {
 public:
  enum class kind { nothing, record, caught_up, out_of_range, refused };

  /// `has_room` is called when the queue is full no more; `leave` at the end.
  kafka_partition_feed(std::shared_ptr<kafka_feed_queue> queue, std::function<void()> has_room, std::function<void()> leave)
      : queue_(std::move(queue)), has_room_(std::move(has_room)), leave_(std::move(leave)) {}
  ~kafka_partition_feed() { leave_(); }
  kafka_partition_feed(const kafka_partition_feed&) = delete;
  kafka_partition_feed& operator=(const kafka_partition_feed&) = delete;

  /// The next thing, without waiting. `into` is valid until the next call. Passing errors (a broker that is down, a leader that
  /// moves) are not given.
  kind next(kafka_record& into);
  /// What the last record lies in. REQUIRES: next() gave one.
  const kafka_block& block() const { return open_->block(); }
  /// Of the last caught_up and out_of_range; of the last refused.
  int64_t offset() const { return offset_; }
  const failure& cause() const { return cause_; }

  bool has_queued() const { return open_ || !queue_->empty(); }
  /// The offset behind the last committed record as the last fetched answer said; below 0: not known yet.
  int64_t known_end() const { return queue_->end(); }

 private:
  kind refuse(failure cause);

  std::shared_ptr<kafka_feed_queue> queue_;
  std::function<void()> has_room_, leave_;
  std::optional<kafka_record_set> open_;
  int64_t offset_ = 0;
  failure cause_;
};

}  // namespace systole
