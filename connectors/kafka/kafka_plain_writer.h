#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "connectors/kafka/kafka_producer.h"
#include "connectors/kafka/kafka_record_encoder.h"
#include "connectors/outbox/epoch_changes.h"
#include "connectors/sink.h"

namespace systole {

/// `delivery: atLeastOnce`: rows are produced as they come (a changelog's netted in each batch) by an idempotent
/// producer; the barrier waits until every record before it is confirmed. After a crash rows since the last checkpoint come
/// again. A full queue blocks the task: that is its back pressure.
class kafka_plain_writer final : public sink_writer {
 public:
  kafka_plain_writer(shared_kafka_settings settings, std::unique_ptr<kafka_record_encoder> encoder)
      : settings_(std::move(settings)), encoder_(std::move(encoder)), changes_(settings_->sink, settings_->records.key) {}

  result<void> write(const batch& rows) override;
  result<sealed_epoch> seal(epoch_id, bool) override { return sealed_epoch(); }
  result<void> make_durable(epoch_id epoch) override;

 private:
  result<void> send(const batch& rows);

  shared_kafka_settings settings_;
  std::unique_ptr<kafka_record_encoder> encoder_;
  std::unique_ptr<kafka_producer> producer_;
  epoch_changes changes_;
};

}  // namespace systole
