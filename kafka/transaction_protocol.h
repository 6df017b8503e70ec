#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kafka/protocol.h"

namespace systole {

/// A producer as the cluster knows it: a later epoch of the same id fences all before.
struct kafka_producer_identity {
  int64_t id = -1;
  int16_t epoch = -1;
};
/// A topic's partition.
using kafka_place = std::pair<std::string, uint32_t>;

std::string kafka_find_coordinator_body(const std::string& transactional_id);
struct kafka_coordinator {
  kafka_error error = kafka_error::none;
  kafka_node node;
};
result<kafka_coordinator> read_kafka_coordinator(std::string_view answer);

std::string kafka_init_producer_id_body(const std::string& transactional_id, uint32_t time_out_ms);
struct kafka_initialised {
  kafka_error error = kafka_error::none;
  kafka_producer_identity producer;
};
result<kafka_initialised> read_kafka_initialised(std::string_view answer);

std::string kafka_add_partitions_body(const std::string& transactional_id, const kafka_producer_identity& by,
                                      const std::vector<kafka_place>& places);
/// Of AddPartitionsToTxn and Produce: each place's error.
using kafka_verdicts = std::map<kafka_place, kafka_error>;
result<kafka_verdicts> read_kafka_added(std::string_view answer);

std::string kafka_end_transaction_body(const std::string& transactional_id, const kafka_producer_identity& by, bool commit);
result<kafka_error> read_kafka_ended(std::string_view answer);

/// A record batch for a place, in memory that its owner keeps.
struct kafka_outgoing {
  kafka_place to;
  std::string_view bytes;
  std::shared_ptr<void> owner;
};
/// The body of a request that all replicas are to take, in pieces of `made` and of the batches, which must stay.
struct kafka_produce_body {
  std::vector<std::string> made;
  std::vector<std::string_view> pieces;
};
kafka_produce_body kafka_produce_request(const std::string& transactional_id, int32_t time_out_ms,
                                         const std::vector<kafka_outgoing>& batches);
result<kafka_verdicts> read_kafka_produced(std::string_view answer);

/// The same request may be taken later, by this broker or another.
bool kafka_error_passes(kafka_error error);
/// What a writer tells of it: `unavailable` where it passes; `fenced`, `limit_exceeded`, `not_found`, `invalid_argument`, `io`.
failure kafka_write_failure(kafka_error error, const std::string& what);

}  // namespace systole
