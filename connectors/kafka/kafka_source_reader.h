#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/factory.h"
#include "connectors/kafka/kafka_discovery.h"
#include "connectors/kafka/kafka_alarm.h"
#include "connectors/kafka/kafka_record_batch.h"
#include "connectors/source.h"
#include "connectors/source_rows.h"
#include "connectors/split_watermarks.h"
#include "kafka/fetcher.h"

namespace systole {

/// Reads the partitions of one subtask: of those that have records, the one whose watermark is lowest next, in turns where
/// there is no watermark. A batch is of one partition. Never blocks; sleeps until a partition's queue or the discovery
/// rings. A partition's watermark advances every 1,024 records and when all its records were read.
class kafka_source_reader final : public source_reader {
 public:
  kafka_source_reader(const proto::Source& source, const connector_context& context, connection_settings settings,
                      std::shared_ptr<const source_rows> rows, std::unique_ptr<kafka_record_batch> records,
                      std::shared_ptr<kafka_discovery> discovery, std::shared_ptr<split_alignment> alignment,
                      const kafka_positions& saved, uint32_t subtask, uint32_t parallelism);
  ~kafka_source_reader() override;

  result<source_poll> poll() override;
  void wake_with(std::function<void()> wake) override { alarm_.set(std::move(wake)); }
  std::string snapshot() override;
  std::optional<uint64_t> lag_records() const override;

 private:
  struct split {
    uint32_t partition = 0;
    kafka_position at;
    std::unique_ptr<kafka_partition_feed> feed;  ///< null once done
  };

  /// Takes over partitions that the discovery found.
  result<void> adopt();
  result<void> connect(size_t partitions);
  split* choose();
  result<void> read(split& from, source_poll& made);
  std::string place(const split& of) const;
  /// Why `from`'s next offset cannot be read: names what is lost.
  failure lost(const split& from);
  void end(split& done);
  void stand(source_poll& made);
  std::chrono::nanoseconds now() const { return context_.time->monotonic(); }

  const proto::Source source_;
  const connector_context context_;
  const connection_settings settings_;
  std::shared_ptr<const source_rows> rows_;
  std::unique_ptr<kafka_record_batch> records_;
  std::shared_ptr<kafka_discovery> discovery_;
  const uint32_t subtask_, parallelism_;
  uint64_t seen_version_ = 0;
  kafka_alarm alarm_;
  std::unique_ptr<kafka_fetcher> fetcher_;  ///< ends after the splits
  std::vector<split> splits_;
  kafka_positions waiting_;      ///< restored, until the discovery has found their partitions
  split_watermarks watermarks_;  ///< of splits_, same indices
  size_t next_ = 0;
};

}  // namespace systole
