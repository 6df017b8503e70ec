#include "kafka/protocol.h"

#include <algorithm>

#include "kafka/wire_format.h"

namespace systole {
failure kafka_unreadable(const kafka_api& api) {
  return fail(error_code::corrupt, std::string("a broker's answer to ") + api.name + " cannot be read");
}

std::string kafka_error_text(kafka_error error) {
  const auto number = static_cast<int>(error);
  const char* name = "error";
  switch (error) {
    case kafka_error::corrupt_message: name = "CORRUPT_MESSAGE"; break;
    case kafka_error::unknown_topic_or_partition: name = "UNKNOWN_TOPIC_OR_PARTITION"; break;
    case kafka_error::leader_not_available: name = "LEADER_NOT_AVAILABLE"; break;
    case kafka_error::not_leader_or_follower: name = "NOT_LEADER_OR_FOLLOWER"; break;
    case kafka_error::request_timed_out: name = "REQUEST_TIMED_OUT"; break;
    case kafka_error::message_too_large: name = "MESSAGE_TOO_LARGE"; break;
    case kafka_error::coordinator_load_in_progress: name = "COORDINATOR_LOAD_IN_PROGRESS"; break;
    case kafka_error::coordinator_not_available: name = "COORDINATOR_NOT_AVAILABLE"; break;
    case kafka_error::not_coordinator: name = "NOT_COORDINATOR"; break;
    case kafka_error::not_enough_replicas: name = "NOT_ENOUGH_REPLICAS"; break;
    case kafka_error::not_enough_replicas_after_append: name = "NOT_ENOUGH_REPLICAS_AFTER_APPEND"; break;
    case kafka_error::topic_authorization_failed: name = "TOPIC_AUTHORIZATION_FAILED"; break;
    case kafka_error::cluster_authorization_failed: name = "CLUSTER_AUTHORIZATION_FAILED"; break;
    case kafka_error::out_of_order_sequence_number: name = "OUT_OF_ORDER_SEQUENCE_NUMBER"; break;
    case kafka_error::invalid_producer_epoch: name = "INVALID_PRODUCER_EPOCH"; break;
    case kafka_error::invalid_transaction_state: name = "INVALID_TXN_STATE"; break;
    case kafka_error::invalid_producer_id_mapping: name = "INVALID_PRODUCER_ID_MAPPING"; break;
    case kafka_error::invalid_transaction_timeout: name = "INVALID_TRANSACTION_TIMEOUT"; break;
    case kafka_error::concurrent_transactions: name = "CONCURRENT_TRANSACTIONS"; break;
    case kafka_error::transactional_id_authorization_failed: name = "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"; break;
    case kafka_error::storage_error: name = "KAFKA_STORAGE_ERROR"; break;
    case kafka_error::unknown_producer_id: name = "UNKNOWN_PRODUCER_ID"; break;
    case kafka_error::policy_violation: name = "POLICY_VIOLATION"; break;
    case kafka_error::invalid_record: name = "INVALID_RECORD"; break;
    case kafka_error::producer_fenced: name = "PRODUCER_FENCED"; break;
    default: break;
  }
  return name + (" (" + std::to_string(number) + ")");
}

std::string kafka_request(const kafka_api& api, int32_t correlation, std::string_view client_id, std::string_view body) {
  kafka_writer out;
  out.int16(api.key).int16(api.version).int32(correlation).text(client_id);
  return out.bytes() + std::string(body);
}

result<void> check_kafka_versions(std::string_view answer, bool transactions) {
  kafka_reader in(answer);
  const auto error = static_cast<kafka_error>(in.int16());
  if (!in.ok() || error != kafka_error::none) return kafka_unreadable(kafka_versions_api);
  std::vector<kafka_api> needed{kafka_fetch_api, kafka_metadata_api};
  if (transactions)
    needed = {kafka_metadata_api,         kafka_produce_api,        kafka_find_coordinator_api,
              kafka_init_producer_id_api, kafka_add_partitions_api, kafka_end_transaction_api};
  std::vector<bool> spoken(64, false);
  for (int32_t left = in.count(6); left > 0; --left) {
    const int16_t key = in.int16(), first = in.int16(), last = in.int16();
    for (const kafka_api& each : needed)
      if (each.key == key && first <= each.version && each.version <= last) spoken[static_cast<size_t>(key)] = true;
  }
  if (!in.ok()) return kafka_unreadable(kafka_versions_api);
  for (const kafka_api& each : needed)
    if (!spoken[static_cast<size_t>(each.key)])
      return fail(error_code::incompatible, "the broker does not speak version " + std::to_string(each.version) + " of " + each.name +
                                                "; brokers of Apache Kafka 2.3 and later do");
  return {};
}

std::string kafka_handshake_body(const std::string& mechanism) { return kafka_writer().text(mechanism).bytes(); }

result<void> read_kafka_handshake(std::string_view answer, const std::string& mechanism) {
  kafka_reader in(answer);
  const auto error = static_cast<kafka_error>(in.int16());
  std::string known;
  for (int32_t left = in.count(2); left > 0; --left) known += (known.empty() ? "" : ", ") + std::string(in.text());
  if (!in.ok()) return kafka_unreadable(kafka_sasl_handshake_api);
  if (error == kafka_error::none) return {};
  return fail(error_code::invalid_argument, "the broker does not take the mechanism " + mechanism + "; it has: " + known);
}

std::string kafka_authenticate_body(std::string_view message) { return kafka_writer().blob(message).bytes(); }

result<kafka_authenticated> read_kafka_authenticated(std::string_view answer) {
  kafka_reader in(answer);
  kafka_authenticated made;
  made.error = static_cast<kafka_error>(in.int16());
  made.text = in.text();
  made.message = in.blob();
  in.int64();  // the session's lifetime: the broker closes the connection then, and another one is made
  if (!in.ok()) return kafka_unreadable(kafka_sasl_authenticate_api);
  return made;
}

std::string kafka_metadata_body(const std::string& topic) {
  constexpr int8_t no = 0;
  return kafka_writer().int32(1).text(topic).int8(no).int8(no).int8(no).bytes();
}

result<kafka_leaders> read_kafka_leaders(std::string_view answer) {
  kafka_reader in(answer);
  kafka_leaders made;
  in.int32();  // throttled for
  for (int32_t left = in.count(12); left > 0; --left) {
    kafka_node node;
    node.id = in.int32();
    node.host = in.text();
    node.port = static_cast<uint16_t>(in.int32());
    in.text();  // rack
    made.nodes.push_back(std::move(node));
  }
  in.text();   // the cluster's id
  in.int32();  // its controller
  if (in.count(8) != 1) return kafka_unreadable(kafka_metadata_api);
  made.error = static_cast<kafka_error>(in.int16());
  in.text();
  in.int8();  // is internal
  for (int32_t left = in.count(26); left > 0; --left) {
    in.int16();  // none or leader_not_available
    const int32_t number = in.int32(), leader = in.int32();
    in.int32();  // the leader's epoch
    for (int list = 0; list < 3; ++list)  // replicas, those in sync, those offline
      in.skip(4 * static_cast<uint64_t>(in.count(4)));
    if (number >= 0) made.partitions.push_back({static_cast<uint32_t>(number), leader});
  }
  in.int64();  // what the user may do with the topic and the cluster
  if (!in.ok()) return kafka_unreadable(kafka_metadata_api);
  return made;
}

std::string kafka_fetch_body(const std::string& topic, const kafka_fetch& wanted, const std::string& rack) {
  constexpr int32_t consumer = -1, no_session = 0, no_epoch = -1;
  constexpr int8_t read_committed = 1;
  kafka_writer out;
  out.int32(consumer).int32(wanted.max_wait_ms).int32(wanted.min_bytes).int32(wanted.max_bytes).int8(read_committed);
  out.int32(no_session).int32(no_epoch);
  out.int32(1).text(topic).int32(static_cast<int32_t>(wanted.partitions.size()));
  for (const kafka_fetch::partition& each : wanted.partitions)
    out.int32(static_cast<int32_t>(each.number)).int32(no_epoch).int64(each.offset).int64(-1).int32(wanted.partition_bytes);
  out.int32(0);  // forgotten topics of a session
  out.text(rack);
  return out.bytes();
}

result<std::vector<kafka_fetched>> read_kafka_fetched(std::string_view answer) {
  kafka_reader in(answer);
  std::vector<kafka_fetched> made;
  in.int32();  // throttled for: the broker has delayed this answer already
  const auto error = static_cast<kafka_error>(in.int16());
  in.int32();  // session
  if (in.ok() && error != kafka_error::none)
    return fail(error_code::io, "a broker refused to be read from (error " + std::to_string(static_cast<int>(error)) + ")");
  for (int32_t topics = in.count(6); topics > 0; --topics) {
    in.text();
    for (int32_t left = in.count(42); left > 0; --left) {
      kafka_fetched each;
      each.partition = static_cast<uint32_t>(in.int32());
      each.error = static_cast<kafka_error>(in.int16());
      const int64_t high_watermark = in.int64();
      each.last_stable_offset = in.int64();  // records behind it are not given
      if (each.last_stable_offset < 0) each.last_stable_offset = high_watermark;
      in.int64();  // the first one kept
      for (int32_t aborted = in.count(16); aborted > 0; --aborted) {
        const int64_t producer = in.int64();
        each.aborted.push_back({producer, in.int64()});
      }
      each.preferred_replica = in.int32();
      const std::string_view records = in.blob();
      if (!records.empty()) each.begin = static_cast<size_t>(records.data() - answer.data());
      each.size = records.size();
      made.push_back(std::move(each));
    }
  }
  if (!in.ok()) return kafka_unreadable(kafka_fetch_api);
  return made;
}

std::string kafka_list_offsets_body(const std::string& topic, uint32_t partition, kafka_edge which) {
  constexpr int32_t consumer = -1, one = 1;
  constexpr int8_t read_uncommitted = 0;
  kafka_writer out;
  out.int32(consumer).int8(read_uncommitted).int32(one).text(topic).int32(one);
  return out.int32(static_cast<int32_t>(partition)).int64(static_cast<int64_t>(which)).bytes();
}

result<kafka_listed_offset> read_kafka_listed_offset(std::string_view answer) {
  kafka_reader in(answer);
  kafka_listed_offset made;
  in.int32();  // throttled for
  const bool one_topic = in.count(6) == 1;
  in.text();
  const bool one_partition = in.count(22) == 1;
  in.int32();
  made.error = static_cast<kafka_error>(in.int16());
  in.int64();  // time
  made.offset = in.int64();
  if (!in.ok() || !one_topic || !one_partition) return kafka_unreadable(kafka_list_offsets_api);
  return made;
}

}  // namespace systole
