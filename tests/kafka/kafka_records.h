#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace systole {

/// A record as a test gives it or finds it.
struct topic_record {
  std::optional<std::string> key;
  std::optional<std::string> value;  ///< nothing: a tombstone
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  int64_t timestamp_ms = 0;          ///< 0 when producing: now
  int partition = -1;                ///< -1 when producing: by the key
  int64_t offset = -1;
};

/// What a test needs of librdkafka; every failure throws std::runtime_error.
using kafka_handle = std::unique_ptr<rd_kafka_t, void (*)(rd_kafka_t*)>;
kafka_handle make_kafka_handle(rd_kafka_type_t type, const std::map<std::string, std::string>& settings);

/// Writes the records with acks=all and waits for every delivery report.
void produce(const std::string& servers, const std::string& topic, const std::vector<topic_record>& records,
             const std::map<std::string, std::string>& settings = {});
/// One record of each value, in this order, in `partition`.
void produce_values(const std::string& servers, const std::string& topic, const std::vector<std::string>& values,
                    int partition = 0);

/// A transaction of a producer; destroyed without commit() or abort() it stays open until its time-out.
class kafka_transaction {
 public:
  kafka_transaction(const std::string& servers, const std::string& id, int timeout_ms = 60'000);
  /// Begins, produces, and waits for the delivery reports.
  void begin();
  void produce(const std::string& topic, const std::vector<topic_record>& records);
  void commit();
  void abort();

 private:
  kafka_handle producer_;
};

/// The first kept offset and the one behind the last, open transactions included.
std::pair<int64_t, int64_t> kafka_watermarks(const std::string& servers, const std::string& topic, int partition);

/// Everything of a topic up to the high watermark that it has now, by partition and offset; read_committed waits for open
/// transactions to end (at most 60 s).
std::vector<topic_record> read_topic(const std::string& servers, const std::string& topic, bool read_committed = true);

}  // namespace systole
