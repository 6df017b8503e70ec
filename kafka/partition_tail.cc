#include "kafka/partition_tail.h"

#include <algorithm>

#include "kafka/transaction_protocol.h"

namespace systole {
namespace {

constexpr int32_t wait_ms = 50, answer_bytes = 1 << 20;
constexpr int fetches_without_records = 4;  ///< Then a transaction is taken for open.

}  // namespace

kafka_partition_tail::kafka_partition_tail(kafka_client_options options, std::string topic, uint32_t partition)
    : options_(std::move(options)), topic_(std::move(topic)), partition_(partition) {}

result<std::unique_ptr<kafka_partition_tail>> kafka_partition_tail::make(kafka_client_options options, std::string topic, uint32_t partition) {
  std::unique_ptr<kafka_partition_tail> made(new kafka_partition_tail(std::move(options), std::move(topic), partition));
  if (made->options_.encrypted) {
    SYSTOLE_ASSIGN(made->tls_, kafka_tls::make(made->options_));
  }
  return made;
}

failure kafka_partition_tail::lose(failure cause) {
  leader_.reset();
  cause.message = "the connection " + options_.connection + ": " + cause.message;
  return cause;
}

failure kafka_partition_tail::refused(kafka_error error) {
  failure cause = kafka_write_failure(error, "reading the topic " + topic_);
  // Behind a takeover the offsets that a new leader has are not known at once.
  if (error == kafka_error::offset_out_of_range || error == kafka_error::offset_not_available || error == kafka_error::unknown_leader_epoch ||
      error == kafka_error::fenced_leader_epoch)
    cause.code = error_code::unavailable;
  return lose(std::move(cause));
}

result<kafka_connection*> kafka_partition_tail::leader() {
  if (leader_) return leader_.get();
  const auto& any = options_.bootstrap[turn_++ % options_.bootstrap.size()];
  auto connection = kafka_connection::open(options_, tls_.get(), any, never_);
  if (!connection) return lose(std::move(connection).error());
  const auto answer = (*connection)->ask(kafka_metadata_api, kafka_metadata_body(topic_), answers_);
  if (!answer) return lose(answer.error());
  const auto found = read_kafka_leaders(answer->body());
  if (!found) return lose(found.error());
  if (found->error != kafka_error::none) return refused(found->error);
  const auto its = std::find_if(found->partitions.begin(), found->partitions.end(), [&](const auto& each) { return each.number == partition_; });
  const auto node = its == found->partitions.end()
                        ? found->nodes.end()
                        : std::find_if(found->nodes.begin(), found->nodes.end(), [&](const auto& each) { return each.id == its->leader; });
  if (node == found->nodes.end())
    return lose(fail(error_code::unavailable, "partition " + std::to_string(partition_) + " of the topic " + topic_ + " has no leader"));
  if (node->host == any.host && node->port == any.port) {
    leader_ = std::move(*connection);
    return leader_.get();
  }
  auto to_leader = kafka_connection::open(options_, tls_.get(), {node->host, node->port}, never_);
  if (!to_leader) return lose(std::move(to_leader).error());
  leader_ = std::move(*to_leader);
  return leader_.get();
}

result<int64_t> kafka_partition_tail::ask_edge(kafka_edge which) {
  SYSTOLE_ASSIGN(kafka_connection* const broker, leader());
  const auto answer = broker->ask(kafka_list_offsets_api, kafka_list_offsets_body(topic_, partition_, which), answers_);
  if (!answer) return lose(answer.error());
  const auto found = read_kafka_listed_offset(answer->body());
  if (!found) return lose(found.error());
  if (found->error != kafka_error::none) return refused(found->error);
  return found->offset;
}

result<kafka_partition_tail::extent> kafka_partition_tail::look() {
  extent made;
  SYSTOLE_ASSIGN(made.first, ask_edge(kafka_edge::first));
  SYSTOLE_ASSIGN(made.end, ask_edge(kafka_edge::end));
  return made;
}

result<void> kafka_partition_tail::fetch(int64_t& at, const take_record& take) {
  SYSTOLE_ASSIGN(kafka_connection* const broker, leader());
  const kafka_fetch wanted{.max_wait_ms = wait_ms, .min_bytes = 1, .max_bytes = answer_bytes, .partition_bytes = answer_bytes, .partitions = {{partition_, at}}};
  const auto answer = broker->ask(kafka_fetch_api, kafka_fetch_body(topic_, wanted, {}), answers_, std::chrono::milliseconds(wait_ms));
  if (!answer) return lose(answer.error());
  const auto parts = read_kafka_fetched(answer->body());
  if (!parts) return lose(parts.error());
  for (const kafka_fetched& each : *parts) {
    if (each.partition != partition_) continue;
    if (each.error != kafka_error::none) return refused(each.error);
    const std::string_view batches = answer->body().substr(each.begin, each.size);
    const auto extent = kafka_whole_batches(batches);
    if (!extent) return lose(extent.error());
    if (extent->bytes == 0) continue;
    kafka_record_set records(answer->whole, batches.substr(0, extent->bytes), each.aborted, at, true, unpacked_);
    kafka_record record;
    while (records.next(record)) SYSTOLE_TRY(take(record));
    if (records.problem()) return lose(*records.problem());
    at = std::max(at, extent->next_offset);
  }
  return {};
}

result<void> kafka_partition_tail::read(int64_t from, int64_t end, const take_record& take) {
  for (int empty = 0; from < end;) {
    const int64_t before = from;
    SYSTOLE_TRY(fetch(from, take));
    if (from > before) empty = 0;
    else if (++empty == fetches_without_records)
      return fail(error_code::unavailable, "the end of the topic " + topic_ + " was not reached in time; is a transaction open?");
  }
  return {};
}

}  // namespace systole
