#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer_pool.h"
#include "base/result.h"
#include "kafka/batch_writer.h"
#include "kafka/client_options.h"
#include "kafka/connection.h"
#include "kafka/transaction_protocol.h"

namespace systole {

/// Writes transactions under one transactional id (KIP-98, KIP-360's rules for what a producer may do after a failure): one
/// thread, no threads of its own, one request under way to each broker. Calls block, at most for a few of the options'
/// answer_time.
///
/// Failures: `unavailable`, no broker answered; `fenced`, another producer has taken the id over or the cluster has ended the
/// transaction; `limit_exceeded`, `not_found`, `invalid_argument`: the cluster will not take it, however often. A batch is sent
/// again by itself, and counted once by its number; an end of a transaction never is: whether it happened only its maker can
/// tell. After a failure of send() or flush() the producer is of no further use than to abort().
class kafka_transactional_producer {
 public:
  /// Does not connect yet. Topics: those that are written to, as indexes.
  static result<std::unique_ptr<kafka_transactional_producer>> make(kafka_client_options options, std::string transactional_id,
                                                                    std::chrono::milliseconds time_out,
                                                                    std::vector<std::string> topics);

  /// Learns the topics' partitions, and takes the id over from whoever has it: open transactions are aborted. `unavailable`:
  /// to be called again.
  result<void> initialise();
  /// Known after initialise().
  uint32_t partitions(size_t topic) const { return static_cast<uint32_t>(places_[topic].size()); }

  void begin();
  /// A batch of kafka_batch_writer, which is stamped where it is; `owner` keeps its memory.
  struct unsent {
    char* bytes = nullptr;
    size_t size = 0;
    int32_t records = 0;
    uint32_t body_crc = 0;
    std::shared_ptr<void> owner;
  };
  /// Takes a batch into the transaction, and sends what has gathered where it is enough for a request.
  result<void> send(size_t topic, uint32_t partition, unsent batch);
  /// Returns when all brokers have all records.
  result<void> flush();
  result<void> end(bool commit);

 private:
  using time_point = std::chrono::steady_clock::time_point;
  using batches = std::vector<kafka_outgoing>;
  /// What is known of one partition.
  struct place_state {
    std::optional<unsent> gathered;  ///< for the next request
    int32_t next_sequence = 0;
    bool registered = false;  ///< in this transaction
  };

  kafka_transactional_producer(kafka_client_options options, std::string transactional_id, std::chrono::milliseconds time_out,
                               std::vector<std::string> topics);
  time_point patience() const;
  result<void> learn(const std::string& topic);
  result<kafka_connection*> any_broker();
  result<kafka_answer> ask_any(const kafka_api& api, const std::string& body);
  result<kafka_connection*> coordinator();
  result<kafka_connection*> connect(int32_t node);
  /// A request to the coordinator, again where it is another one now or busy; `read` gives the error of an answer.
  template <class Read>
  result<void> ask_coordinator(const kafka_api& api, const std::string& body, const std::string& what, const Read& read);

  result<void> send_gathered();
  result<void> register_places();
  /// Below 0: not known.
  int32_t leader_of(const kafka_place& place) const;
  /// By leader; what has none is left over.
  std::map<int32_t, batches> by_leader(batches all);
  /// Begins a request; where that fails its batches are left over.
  result<void> launch(int32_t node, batches what);
  /// Waits for all requests under way, and sends again what is left over.
  result<void> land();
  result<void> settle(int32_t node);
  result<void> send_again();
  /// Keeps what an answer, or none, leaves over; a failure where it says that this has no end.
  result<void> judge(batches what, const result<kafka_answer>& answer);
  failure spend(failure cause);

  const kafka_client_options options_;
  const std::string id_;
  const std::chrono::milliseconds time_out_;
  const std::vector<std::string> topics_;
  kafka_interrupt never_;
  std::shared_ptr<const kafka_tls> tls_;
  buffer_pool answers_;

  std::map<int32_t, kafka_client_options::address> nodes_;
  std::map<std::string, std::vector<int32_t>> leaders_;  ///< of each partition
  std::map<int32_t, std::unique_ptr<kafka_connection>> connections_;
  std::optional<int32_t> coordinator_;
  size_t turn_ = 0;  ///< among the bootstrap addresses
  std::optional<time_point> refused_since_;

  kafka_producer_identity producer_;
  std::vector<std::vector<place_state>> places_;  ///< by topic and partition
  size_t gathered_bytes_ = 0;
  bool has_registered_ = false;
  bool spent_ = false;                 ///< what the cluster has of it is not known: no further transaction
  std::map<int32_t, batches> flights_; ///< under way, by node
  batches left_over_;                  ///< not confirmed, to be sent again; in the order of their numbers
};

}  // namespace systole
