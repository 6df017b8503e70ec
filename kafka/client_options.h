#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "kafka/compression.h"

namespace systole {

/// How brokers are reached and read from: what of a connection's properties (librdkafka's names, proto/client_properties.h)
/// means something to a reader.
struct kafka_client_options {
  struct address {
    std::string host;
    uint16_t port = 9092;
  };
  std::string connection;  ///< its name, for texts
  std::vector<address> bootstrap;
  std::string client_id = "systole", rack;

  bool encrypted = false, with_user = false;
  std::string mechanism, user, password;  ///< PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
  std::string authority_file, authority_pem, certificate_pem, key_pem, key_password;

  std::chrono::milliseconds connect_time{10'000}, answer_time{10'000};
  std::chrono::milliseconds first_backoff{50}, most_backoff{500};
  std::chrono::milliseconds fetch_wait{100};
  int32_t fetch_min_bytes = 1, fetch_max_bytes = 4 << 20;
  int32_t partition_bytes = 0;   ///< of one in an answer; 0: as much as a fetcher keeps of it
  int receive_buffer_bytes = 0;  ///< 0: the system's
  bool check_crcs = false;

  // Of producers.
  bool transactions = false;         ///< it writes them; else it reads
  int32_t record_bytes = 1'000'000;  ///< the longest record that is sent
  int32_t batch_bytes = 1'000'000;
  kafka_codec codec = kafka_codec::none;
  int compression_level = -1;  ///< -1: the codec's own
};

/// `invalid_argument` with the property's name, never its value, which may be a secret.
result<kafka_client_options> kafka_options_of(const std::string& connection, const std::map<std::string, std::string>& properties);

}  // namespace systole
