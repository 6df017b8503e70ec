#pragma once

#include <memory>
#include <vector>

#include "connectors/factory.h"
#include "connectors/source.h"
#include "expr/expression.h"
#include "formats/record_decoder.h"
#include "proto/plan.pb.h"

namespace systole {

/// Makes a poll's batch from decoded columns: hidden columns (event time, ingestion time, position, raw record), the
/// pushed-down predicate, and leaves out the columns that are only checked. Shared by a source's readers. Thread-safe.
class source_rows {
 public:
  /// `invalid_argument` where an expression does not bind or the watermark's column is not there.
  static result<std::shared_ptr<const source_rows>> make(const proto::Source& source, const connector_context& context);

  /// Where the rows came from.
  struct origin {
    std::string name;      ///< file or topic
    uint32_t split = 0;
  };
  /// Fills poll.rows, rejects, records, filtered; `newest` becomes the latest event time among it and the rows.
  result<void> fill(decoded_records decoded, const origin& from, source_poll& poll, timestamp_us& newest) const;

  bool has_watermark() const { return watermark_column_ >= 0; }
  int64_t max_out_of_orderness_us() const { return bound_us_; }

 private:
  source_rows() = default;
  column_ptr ingestion_times(const batch& all, size_t rows) const;

  uint16_t number_ = 0;
  int watermark_column_ = -1;
  int64_t bound_us_ = 0;
  std::vector<size_t> visible_;
  expression_ptr ingestion_time_;
  expression_ptr predicate_;
  bool needs_ingestion_time_ = false, needs_position_ = false, needs_raw_ = false;
  const clock* time_ = nullptr;
};

}  // namespace systole
