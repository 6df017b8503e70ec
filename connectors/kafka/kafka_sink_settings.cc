#include "connectors/kafka/kafka_sink_settings.h"

#include <algorithm>
#include <chrono>

namespace systole {

result<kafka_client_options> kafka_sink_options(const kafka_sink_settings& settings) {
  constexpr int answers_in_time = 3;
  SYSTOLE_ASSIGN(kafka_client_options options, kafka_options_of(settings.connection, settings.client));
  const std::chrono::milliseconds most(settings.answer_ms / answers_in_time);
  options.answer_time = std::min(options.answer_time, most);
  options.connect_time = std::min(options.connect_time, most);
  return options;
}

}  // namespace systole
