#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "kafka/client_options.h"

namespace systole {

/// How many partitions a topic has, from any broker of the bootstrap list. Asks again for up to `patience`: `unavailable` then, and
/// sooner `not_found` (a broker that is new may not know a topic for a second) and `invalid_argument` (refused).
result<uint32_t> kafka_topic_partitions(const kafka_client_options& options, const std::string& topic, std::chrono::milliseconds patience);

}  // namespace systole
