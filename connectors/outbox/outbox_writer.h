#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/outbox/epoch_changes.h"
#include "connectors/outbox/epoch_outbox.h"
#include "connectors/sink.h"

namespace systole {

/// The writer of sinks whose committer applies outbox segments (SQLite, table files). Keyed sinks and changelogs are
/// netted per epoch before they reach the outbox; other rows go there as they come.
class outbox_writer final : public sink_writer {
 public:
  /// `net`: gather the epoch's changes in memory; then `key` may be empty (a multiset of rows).
  outbox_writer(file_system& files, std::string folder, uint64_t attempt, uint32_t shard, committed_epoch committed,
                std::string sink, bool net, std::vector<size_t> key)
      : outbox_(files, std::move(folder), attempt, shard, std::move(committed)),
        changes_(std::move(sink), std::move(key)),
        net_(net) {}

  result<void> write(const batch& rows) override;
  result<sealed_epoch> seal(epoch_id epoch, bool is_last) override;
  result<void> make_durable(epoch_id) override { return outbox_.make_durable(); }
  uint64_t outbox_bytes() const override { return outbox_.bytes() + changes_.memory_bytes(); }
  uint64_t held_memory_bytes() const override { return changes_.memory_bytes(); }
  std::string snapshot() override { return outbox_.snapshot(); }
  result<void> restore(std::string_view bytes) override { return outbox_.restore(bytes); }

 private:
  epoch_outbox outbox_;
  epoch_changes changes_;
  bool net_;
};

}  // namespace systole
