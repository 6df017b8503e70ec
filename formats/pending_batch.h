#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/record_columns.h"
#include "formats/record_decoder.h"

namespace systole {

/// The batch that a decoder's calls make: its columns, what is kept of each row, the rejects, and the buffers that all
/// of these point into. One thread.
///
/// A record is begin_record(), its fields set in columns(), and then end_record() or reject().
class pending_batch {
 public:
  /// SQLSTATEs of rejects.
  static constexpr std::string_view malformed_text = "22P02", invalid_character = "22021", not_null_violation = "23502";

  /// `invalid_argument` where a column is none that `format` ("a CSV field") can fill.
  static result<void> check_columns(const std::vector<decoder_column>& columns, std::string_view format);

  pending_batch(std::vector<decoder_column> columns, const decoder_options& options);

  const std::vector<decoder_column>& described() const { return described_; }
  record_columns& columns() { return columns_; }
  size_t records() const { return made_.records; }

  /// Makes room for rows, in the first call for a batch.
  void start();
  /// Text decoded from here on may point into the span.
  void keep_owner(const record_span& span);
  /// A record was found, whatever becomes of it.
  void begin_record() {
    ++made_.records;
    columns_.begin_record();
  }
  /// Its fields hold what columns() demands; otherwise the record, bytes [begin, end) of the span, is rejected.
  bool has_good_fields(const record_span& span, size_t begin, size_t end) {
    const int wrong = strict_types_ ? columns_.first_wrong() : -1;
    const int missing = columns_.first_missing_required();
    if (wrong < 0 && missing < 0) return true;
    reject_fields(span, begin, end, wrong, missing);
    return false;
  }
  /// The record is a row.
  void end_record(const record_span& span, size_t begin, size_t end) {
    columns_.end_record();
    made_.offsets.push_back(span.offset + begin);
    if (keep_raw_) made_.raws.emplace_back(span.data + begin, end - begin);
  }
  void reject(const record_span& span, size_t begin, size_t end, std::string reason, std::string_view sqlstate);
  std::vector<rejected_record>& rejects() { return made_.rejects; }

  /// Ends the batch.
  decoded_records take();

 private:
  void reject_fields(const record_span& span, size_t begin, size_t end, int wrong, int missing);

  std::vector<decoder_column> described_;
  size_t capacity_;
  bool strict_types_, keep_raw_;
  record_columns columns_;
  decoded_records made_;
  bool started_ = false;
};

}  // namespace systole
