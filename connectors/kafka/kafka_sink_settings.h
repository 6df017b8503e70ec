#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/limits.h"
#include "connectors/connection_settings.h"
#include "connectors/kafka/kafka_shard_protocol.h"
#include "connectors/outbox/file_part.h"
#include "data/type.h"
#include "kafka/client_options.h"

namespace systole {

/// How a sink's rows become records.
struct kafka_record_settings {
  schema columns;
  std::string format;                                    ///< json | csv | deadLetter
  std::vector<size_t> key;                               ///< indexes of columns
  std::vector<size_t> partition_by;                      ///< empty: by the key
  std::vector<std::pair<std::string, size_t>> headers;   ///< name and column
  bool upsert = false;                                   ///< -D is a tombstone
};

/// What the parts of a Kafka sink share. Immutable but for `recovered`.
struct kafka_sink_settings {
  std::string job, sink;
  std::string connection;                  ///< its name, for messages
  connection_settings client;
  std::string topic;
  std::string marker_topic;
  kafka_record_settings records;
  bool at_least_once = false;
  bool create_if_missing = false;
  uint32_t partitions = 1;                 ///< of a topic that is created
  int replication_factor = -1;             ///< -1: the cluster's default
  uint32_t transaction_timeout_ms = 60'000;
  int answer_ms = 8'000;                   ///< limits::kafka_answer_ms
  std::string outbox_folder;
  uint64_t outbox_bytes = limits::outbox_bytes;  ///< on disk, for each shard
  uint64_t attempt = 0;                    ///< see connector_context
  file_system* files = nullptr;
  std::function<bool()> still_current;
  kafka_shard_protocol::guards guards;
  committed_epoch recovered;               ///< the last complete epoch, as the committer was told: what new segments follow

  std::string transactional_id(uint32_t shard) const {
    return "systole." + job + "." + sink + "." + std::to_string(shard);  // names have no dot
  }
};
using shared_kafka_settings = std::shared_ptr<const kafka_sink_settings>;

/// The connection's options, of which one answer and one connection take a third of the answer time at most: it may be waited for,
/// the leader looked for, and the request sent again.
result<kafka_client_options> kafka_sink_options(const kafka_sink_settings& settings);

}  // namespace systole
