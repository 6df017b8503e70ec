#include "connectors/kafka/kafka_plain_writer.h"

namespace systole {

using outcome = kafka_producer::outcome;

result<void> kafka_plain_writer::send(const batch& rows) {
  if (!producer_) {
    SYSTOLE_ASSIGN(auto made, kafka_producer::make(settings_));
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(settings_->answer_ms);
    for (outcome how; (how = made->initialise()) != outcome::ok; made->pause())
      if (how != outcome::retriable || std::chrono::steady_clock::now() > until) return made->cause();
    producer_ = std::move(made);
  }
  encoder_->begin(rows);
  while (const size_t encoded = encoder_->next())
    for (size_t i = 0; i < encoded; ++i)
      if (producer_->send(encoder_->record(i)) != outcome::ok) return producer_->cause();
  if (producer_->poll() != outcome::ok) return producer_->cause();
  return {};
}

result<void> kafka_plain_writer::write(const batch& rows) {
  if (rows.empty()) return {};
  if (!settings_->records.upsert) return send(rows);
  changes_.add(rows);
  SYSTOLE_ASSIGN(const std::vector<batch> netted, changes_.take());
  for (const batch& each : netted) SYSTOLE_TRY(send(each));
  return {};
}

result<void> kafka_plain_writer::make_durable(epoch_id) {
  if (!producer_) return {};
  // Also waits for the next epoch's first rows, which does no harm. Idempotent, so the library's own repetition is too.
  if (producer_->flush(std::chrono::milliseconds(settings_->answer_ms)) != outcome::ok) return producer_->cause();
  return {};
}

}  // namespace systole
