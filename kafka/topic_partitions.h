#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "kafka/client_options.h"

namespace systole {

/// How long a question is asked again that had this answer, of `patience`: all of it where no broker answered, a second where
/// a broker that is new may not know a topic, limits::kafka_refusal_ms where another one may let the client in; else not.
std::chrono::milliseconds kafka_patience(error_code answer, std::chrono::milliseconds patience);

/// How many partitions a topic has, from any broker of the bootstrap list. Asks again as kafka_patience() says: `unavailable`,
/// `not_found`, `invalid_argument` then.
result<uint32_t> kafka_topic_partitions(const kafka_client_options& options, const std::string& topic, std::chrono::milliseconds patience);

}  // namespace systole
