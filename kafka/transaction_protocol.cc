#include "kafka/transaction_protocol.h"

#include "kafka/wire_format.h"

namespace systole {
namespace {

kafka_writer& identity(kafka_writer& out, const std::string& transactional_id, const kafka_producer_identity& by) {
  return out.text(transactional_id).int64(by.id).int16(by.epoch);
}

/// By topic, for requests that name it once.
std::map<std::string_view, std::vector<size_t>> by_topic(size_t count, const auto& topic_of) {
  std::map<std::string_view, std::vector<size_t>> made;
  for (size_t i = 0; i < count; ++i) made[topic_of(i)].push_back(i);
  return made;
}

}  // namespace

std::string kafka_find_coordinator_body(const std::string& transactional_id) {
  constexpr int8_t of_a_transaction = 1;
  return kafka_writer().text(transactional_id).int8(of_a_transaction).bytes();
}

result<kafka_coordinator> read_kafka_coordinator(std::string_view answer) {
  kafka_reader in(answer);
  kafka_coordinator made;
  in.int32();  // throttled for
  made.error = static_cast<kafka_error>(in.int16());
  in.text();
  made.node.id = in.int32();
  made.node.host = in.text();
  made.node.port = static_cast<uint16_t>(in.int32());
  if (!in.ok()) return kafka_unreadable(kafka_find_coordinator_api);
  return made;
}

std::string kafka_init_producer_id_body(const std::string& transactional_id, uint32_t time_out_ms) {
  return kafka_writer().text(transactional_id).int32(static_cast<int32_t>(time_out_ms)).bytes();
}

result<kafka_initialised> read_kafka_initialised(std::string_view answer) {
  kafka_reader in(answer);
  kafka_initialised made;
  in.int32();
  made.error = static_cast<kafka_error>(in.int16());
  made.producer.id = in.int64();
  made.producer.epoch = in.int16();
  if (!in.ok()) return kafka_unreadable(kafka_init_producer_id_api);
  return made;
}

std::string kafka_add_partitions_body(const std::string& transactional_id, const kafka_producer_identity& by,
                                      const std::vector<kafka_place>& places) {
  const auto topics = by_topic(places.size(), [&](size_t i) -> std::string_view { return places[i].first; });
  kafka_writer out;
  identity(out, transactional_id, by).int32(static_cast<int32_t>(topics.size()));
  for (const auto& [topic, indexes] : topics) {
    out.text(topic).int32(static_cast<int32_t>(indexes.size()));
    for (const size_t i : indexes) out.int32(static_cast<int32_t>(places[i].second));
  }
  return out.bytes();
}

result<kafka_verdicts> read_kafka_added(std::string_view answer) {
  kafka_reader in(answer);
  kafka_verdicts made;
  in.int32();
  for (int32_t topics = in.count(6); topics > 0; --topics) {
    const std::string topic(in.text());
    for (int32_t left = in.count(6); left > 0; --left) {
      const auto partition = static_cast<uint32_t>(in.int32());
      made[{topic, partition}] = static_cast<kafka_error>(in.int16());
    }
  }
  if (!in.ok()) return kafka_unreadable(kafka_add_partitions_api);
  return made;
}

std::string kafka_end_transaction_body(const std::string& transactional_id, const kafka_producer_identity& by, bool commit) {
  kafka_writer out;
  return identity(out, transactional_id, by).int8(commit ? 1 : 0).bytes();
}

result<kafka_error> read_kafka_ended(std::string_view answer) {
  kafka_reader in(answer);
  in.int32();
  const auto error = static_cast<kafka_error>(in.int16());
  if (!in.ok()) return kafka_unreadable(kafka_end_transaction_api);
  return error;
}

kafka_produce_body kafka_produce_request(const std::string& transactional_id, int32_t time_out_ms,
                                         const std::vector<kafka_outgoing>& batches) {
  constexpr int16_t all_replicas = -1;
  const auto topics = by_topic(batches.size(), [&](size_t i) -> std::string_view { return batches[i].to.first; });
  kafka_produce_body body;
  std::vector<std::string_view> of_batches;
  kafka_writer out;
  out.text(transactional_id).int16(all_replicas).int32(time_out_ms).int32(static_cast<int32_t>(topics.size()));
  for (const auto& [topic, indexes] : topics) {
    out.text(topic).int32(static_cast<int32_t>(indexes.size()));
    for (const size_t i : indexes) {
      out.int32(static_cast<int32_t>(batches[i].to.second)).int32(static_cast<int32_t>(batches[i].bytes.size()));
      body.made.push_back(out.bytes());
      of_batches.push_back(batches[i].bytes);
      out = {};
    }
  }
  for (size_t i = 0; i < of_batches.size(); ++i) {
    body.pieces.push_back(body.made[i]);
    body.pieces.push_back(of_batches[i]);
  }
  return body;
}

result<kafka_verdicts> read_kafka_produced(std::string_view answer) {
  kafka_reader in(answer);
  kafka_verdicts made;
  for (int32_t topics = in.count(6); topics > 0; --topics) {
    const std::string topic(in.text());
    for (int32_t left = in.count(30); left > 0; --left) {
      const auto partition = static_cast<uint32_t>(in.int32());
      made[{topic, partition}] = static_cast<kafka_error>(in.int16());
      in.skip(24);  // offset, time, the first offset kept
    }
  }
  in.int32();  // throttled for
  if (!in.ok()) return kafka_unreadable(kafka_produce_api);
  return made;
}

bool kafka_error_passes(kafka_error error) {
  switch (error) {
    case kafka_error::corrupt_message:
    case kafka_error::unknown_topic_or_partition:  // to a leader that is new; see the patience of those who ask
    case kafka_error::leader_not_available:
    case kafka_error::not_leader_or_follower:
    case kafka_error::request_timed_out:
    case kafka_error::broker_not_available:
    case kafka_error::network_exception:
    case kafka_error::coordinator_load_in_progress:
    case kafka_error::coordinator_not_available:
    case kafka_error::not_coordinator:
    case kafka_error::not_enough_replicas:
    case kafka_error::not_enough_replicas_after_append:
    case kafka_error::concurrent_transactions:
    case kafka_error::storage_error: return true;
    default: return false;
  }
}

failure kafka_write_failure(kafka_error error, const std::string& what) {
  const std::string text = what + ": " + kafka_error_text(error);
  switch (error) {
    case kafka_error::invalid_producer_epoch:
    case kafka_error::producer_fenced:
    case kafka_error::invalid_producer_id_mapping:
    case kafka_error::unknown_producer_id:
    case kafka_error::invalid_transaction_state:
    case kafka_error::out_of_order_sequence_number: return fail(error_code::fenced, text);
    case kafka_error::message_too_large:
    case kafka_error::record_list_too_large:
      return fail(error_code::limit_exceeded, text + "; see the topic's max.message.bytes and message.max.bytes");
    case kafka_error::unknown_topic_or_partition:
    case kafka_error::invalid_topic: return fail(error_code::not_found, text);
    case kafka_error::topic_authorization_failed:
    case kafka_error::cluster_authorization_failed:
    case kafka_error::transactional_id_authorization_failed:
      return fail(error_code::invalid_argument, text + "; see the connection's security and the cluster's ACLs");
    case kafka_error::invalid_transaction_timeout:
    case kafka_error::invalid_timestamp:
    case kafka_error::policy_violation:
    case kafka_error::invalid_record: return fail(error_code::invalid_argument, text);
    default: return fail(kafka_error_passes(error) ? error_code::unavailable : error_code::io, text);
  }
}

}  // namespace systole
