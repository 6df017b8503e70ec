#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/buffer_pool.h"
#include "base/result.h"
#include "kafka/client_options.h"
#include "kafka/connection.h"
#include "kafka/partition_feed.h"
#include "kafka/protocol.h"
#include "kafka/tls.h"

namespace systole {

/// Fetches partitions of one topic, each from an offset on, for one reader: a thread for each broker that leads some of
/// them, which asks for all that have room at once, and one that looks for leaders. No group, no state of offsets. A broker
/// that is away, a leader that moves and a topic that is not there are tried again without end; what keeps the client out
/// for a while, and what is no Kafka, ends it: failed(). Committed records only.
class kafka_fetcher {
 public:
  /// `ring` is called by its threads when there is something to take. `queue_bytes`: of one partition, waiting; one answer
  /// more may come.
  static result<std::unique_ptr<kafka_fetcher>> start(kafka_client_options options, std::string topic, size_t queue_bytes,
                                                      std::function<void()> ring);
  /// Its feeds have ended before.
  ~kafka_fetcher();
  kafka_fetcher(const kafka_fetcher&) = delete;
  kafka_fetcher& operator=(const kafka_fetcher&) = delete;

  std::unique_ptr<kafka_partition_feed> add(uint32_t partition, int64_t offset);
  /// Why nothing more will come.
  std::optional<failure> failed() const;

 private:
  using time_point = std::chrono::steady_clock::time_point;
  struct assignment {
    int64_t next = 0;
    int32_t leader = -1;             ///< below 0: to be looked for, not before `retry_at`
    bool asked = false;              ///< in the request under way
    bool was_out_of_range = false;   ///< said by one leader, which may not know all yet
    int64_t told_end = -1;           ///< the last end that the reader was told
    time_point retry_at{};
    std::optional<time_point> near_until;  ///< read from a replica that the leader named, so long
    std::shared_ptr<kafka_feed_queue> queue;
  };
  struct broker {
    kafka_client_options::address at;
    std::thread thread;  ///< once a partition is read from it
  };

  kafka_fetcher(kafka_client_options options, std::string topic, size_t queue_bytes, std::function<void()> ring);
  void remove(uint32_t partition);

  void look_for_leaders();
  result<void> ask_for_leaders(size_t turn);
  void apply(const kafka_leaders& found);
  void read_from(assignment& it, int32_t node);

  void fetch_from(int32_t node);
  /// Waits until a partition of the broker's has room; false at the end. `turn`: which partition comes first.
  bool wait_for_room(int32_t node, size_t turn, kafka_fetch& wanted, kafka_client_options::address& at);
  result<void> fetch(std::unique_ptr<kafka_connection>& connection, int32_t node, const kafka_client_options::address& at,
                     const kafka_fetch& wanted);
  /// One partition's part of an answer; what comes of it for the reader.
  std::vector<kafka_fetched_item> accept(const kafka_fetched& from, const kafka_answer& answer, assignment& to, bool alone);
  void look_again(assignment& it, std::chrono::milliseconds in);
  void lose(const kafka_fetch& wanted, int32_t node, std::chrono::milliseconds backoff);

  /// Keeps a failure that will not pass. `node`: whose, any_node where any broker would have done.
  void note(const failure& cause, int32_t node);
  void note_success(int32_t node);
  std::chrono::milliseconds next_backoff(std::chrono::milliseconds last) const;

  const kafka_client_options options_;
  const std::string topic_;
  const size_t queue_bytes_;
  const std::function<void()> ring_;
  std::shared_ptr<const kafka_tls> tls_;
  kafka_interrupt interrupt_;
  buffer_pool answers_, unpacked_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;    ///< what brokers' threads wait for: a partition, or room
  std::condition_variable leaderless_;  ///< what look_ waits for
  bool stopped_ = false;
  std::map<uint32_t, assignment> partitions_;
  std::map<int32_t, broker> brokers_;
  static constexpr int32_t any_node = -1;
  std::map<int32_t, time_point> refused_since_;  ///< by node
  std::optional<failure> failed_;
  std::thread look_;
};

}  // namespace systole
