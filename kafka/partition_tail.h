#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/buffer_pool.h"
#include "base/result.h"
#include "kafka/client_options.h"
#include "kafka/connection.h"
#include "kafka/record_set.h"

namespace systole {

/// Reads the last committed records of one partition, up to its end: what a topic of markers is asked for. Calls block, each request
/// for the options' answer_time at most. `unavailable`: to be asked again; `not_found`: the broker does not know the topic (yet);
/// `invalid_argument`: the client is kept out. One thread.
class kafka_partition_tail {
 public:
  using take_record = std::function<result<void>(const kafka_record&)>;

  static result<std::unique_ptr<kafka_partition_tail>> make(kafka_client_options options, std::string topic, uint32_t partition);

  struct extent {
    int64_t first = 0;  ///< the first offset that is kept
    int64_t end = 0;    ///< behind the last record, committed or not
  };
  /// Of now.
  result<extent> look();
  /// Gives the committed records from `from` up to `end`, in their order. `unavailable` where an open transaction hides some of
  /// them, after having waited for it for a moment.
  result<void> read(int64_t from, int64_t end, const take_record& take);

 private:
  kafka_partition_tail(kafka_client_options options, std::string topic, uint32_t partition);
  /// The partition's leader; connects where that is not done.
  result<kafka_connection*> leader();
  result<int64_t> ask_edge(kafka_edge which);
  /// One answer's records from `at` on; moves `at` behind them.
  result<void> fetch(int64_t& at, const take_record& take);
  /// Has the leader looked for again, and tells why.
  failure lose(failure cause);
  failure refused(kafka_error error);

  const kafka_client_options options_;
  const std::string topic_;
  const uint32_t partition_;
  const kafka_interrupt never_;
  std::shared_ptr<const kafka_tls> tls_;
  buffer_pool answers_, unpacked_;
  size_t turn_ = 0;  ///< among the bootstrap addresses
  std::unique_ptr<kafka_connection> leader_;
};

}  // namespace systole
