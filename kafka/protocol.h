#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace systole {

/// A request's kind and the one version of it that is spoken here (https://kafka.apache.org/protocol#protocol_messages).
struct kafka_api {
  int16_t key = 0;
  int16_t version = 0;
  const char* name = "";
};
inline constexpr kafka_api kafka_produce_api{0, 7, "Produce"};
inline constexpr kafka_api kafka_fetch_api{1, 11, "Fetch"};
inline constexpr kafka_api kafka_list_offsets_api{2, 2, "ListOffsets"};
inline constexpr kafka_api kafka_metadata_api{3, 8, "Metadata"};
inline constexpr kafka_api kafka_find_coordinator_api{10, 2, "FindCoordinator"};
inline constexpr kafka_api kafka_sasl_handshake_api{17, 1, "SaslHandshake"};
inline constexpr kafka_api kafka_versions_api{18, 0, "ApiVersions"};
inline constexpr kafka_api kafka_init_producer_id_api{22, 1, "InitProducerId"};
inline constexpr kafka_api kafka_add_partitions_api{24, 1, "AddPartitionsToTxn"};
inline constexpr kafka_api kafka_end_transaction_api{26, 1, "EndTxn"};
inline constexpr kafka_api kafka_sasl_authenticate_api{36, 1, "SaslAuthenticate"};

/// Errors of the protocol that are acted on here; the numbers are those of librdkafka too
/// (https://kafka.apache.org/protocol#protocol_error_codes).
enum class kafka_error : int16_t {
  none = 0,
  offset_out_of_range = 1,
  corrupt_message = 2,
  unknown_topic_or_partition = 3,
  leader_not_available = 5,
  not_leader_or_follower = 6,
  request_timed_out = 7,
  broker_not_available = 8,
  replica_not_available = 9,
  message_too_large = 10,
  network_exception = 13,
  coordinator_load_in_progress = 14,
  coordinator_not_available = 15,
  not_coordinator = 16,
  invalid_topic = 17,
  record_list_too_large = 18,
  not_enough_replicas = 19,
  not_enough_replicas_after_append = 20,
  topic_authorization_failed = 29,
  cluster_authorization_failed = 31,
  invalid_timestamp = 32,
  policy_violation = 44,
  out_of_order_sequence_number = 45,
  duplicate_sequence_number = 46,
  invalid_producer_epoch = 47,
  invalid_transaction_state = 48,
  invalid_producer_id_mapping = 49,
  invalid_transaction_timeout = 50,
  concurrent_transactions = 51,
  transactional_id_authorization_failed = 53,
  operation_not_attempted = 55,
  storage_error = 56,
  sasl_authentication_failed = 58,
  unknown_producer_id = 59,
  fenced_leader_epoch = 74,
  unknown_leader_epoch = 75,
  offset_not_available = 78,
  invalid_record = 87,
  producer_fenced = 90,
};
/// `corrupt`: what a broker answered is no answer to this.
failure kafka_unreadable(const kafka_api& api);
/// As the documentation of the protocol writes it, with its number.
std::string kafka_error_text(kafka_error error);

/// A whole request without its length: the head (version 1) and the body.
std::string kafka_request(const kafka_api& api, int32_t correlation, std::string_view client_id, std::string_view body);

/// ApiVersions: the failure names what the broker does not speak of what a reader needs, and, with `transactions`, a writer.
result<void> check_kafka_versions(std::string_view answer, bool transactions);

std::string kafka_handshake_body(const std::string& mechanism);
/// SaslHandshake: the mechanisms that the broker has, where it refuses this one.
result<void> read_kafka_handshake(std::string_view answer, const std::string& mechanism);
std::string kafka_authenticate_body(std::string_view message);
/// What the broker says in an exchange of SaslAuthenticate.
struct kafka_authenticated {
  kafka_error error = kafka_error::none;
  std::string text;     ///< with an error; holds no secret
  std::string message;  ///< the mechanism's
};
result<kafka_authenticated> read_kafka_authenticated(std::string_view answer);

struct kafka_node {
  int32_t id = -1;
  std::string host;
  uint16_t port = 0;
};
/// Where a topic's partitions are led.
struct kafka_leaders {
  struct partition {
    uint32_t number = 0;
    int32_t leader = -1;  ///< below 0: none now
  };
  std::vector<kafka_node> nodes;
  kafka_error error = kafka_error::none;  ///< the topic's
  std::vector<partition> partitions;
};
std::string kafka_metadata_body(const std::string& topic);
result<kafka_leaders> read_kafka_leaders(std::string_view answer);

/// What is wanted of a broker at once, all of one topic.
struct kafka_fetch {
  struct partition {
    uint32_t number = 0;
    int64_t offset = 0;
  };
  int32_t max_wait_ms = 0, min_bytes = 1, max_bytes = 0, partition_bytes = 0;
  std::vector<partition> partitions;
};
/// A transaction that was aborted: records of this producer from this offset on do not count.
struct kafka_aborted {
  int64_t producer = 0;
  int64_t first_offset = 0;
};
struct kafka_fetched {
  uint32_t partition = 0;
  kafka_error error = kafka_error::none;
  int64_t last_stable_offset = -1;
  int32_t preferred_replica = -1;
  std::vector<kafka_aborted> aborted;
  size_t begin = 0, size = 0;  ///< of the record batches, in the answer
};
/// Committed records only; `rack` of this client, may be empty.
std::string kafka_fetch_body(const std::string& topic, const kafka_fetch& wanted, const std::string& rack);
result<std::vector<kafka_fetched>> read_kafka_fetched(std::string_view answer);

/// One partition's first offset that is kept, or the one behind its last record, committed or not.
enum class kafka_edge : int64_t { end = -1, first = -2 };
struct kafka_listed_offset {
  kafka_error error = kafka_error::none;
  int64_t offset = -1;
};
std::string kafka_list_offsets_body(const std::string& topic, uint32_t partition, kafka_edge which);
result<kafka_listed_offset> read_kafka_listed_offset(std::string_view answer);

}  // namespace systole
