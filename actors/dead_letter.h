#pragma once

#include <string>
#include <vector>

#include "connectors/source.h"
#include "data/batch.h"
#include "operators/operator_chain.h"

namespace systole {

/// Collects a task's rejected rows as rows of the dead letter's schema. One thread.
class dead_letter final : public reject_target {
 public:
  /// `steps`: by the chain's node index. `sources`: step names by the source's number (row_position.source).
  dead_letter(std::string job, std::vector<std::string> steps, std::vector<std::string> sources, schema columns);

  void reject(size_t node, const batch& rows, uint32_t row, const reject_reason& why) override;
  void reject(size_t node, const decode_reject& record);

  bool empty() const { return rejects_.empty(); }
  /// True where take() should not wait much longer: enough rows for a batch.
  bool full() const { return rejects_.size() >= batch_rows || bytes_ >= batch_bytes; }
  /// The rows so far, as one batch.
  batch take();

  static constexpr size_t batch_rows = 1024;
  static constexpr size_t batch_bytes = 1 << 20;

 private:
  struct entry {
    size_t node;
    std::string rule, reason, sqlstate, topic, raw;
    bool has_raw = false, has_event_time = false, has_position = false;
    timestamp_us event_time = 0;
    int64_t partition = 0, offset = 0;
  };
  std::string job_;
  std::vector<std::string> steps_;
  std::vector<std::string> sources_;
  schema columns_;
  std::vector<entry> rejects_;
  size_t bytes_ = 0;
};

}  // namespace systole
