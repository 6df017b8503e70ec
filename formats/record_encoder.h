#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/batch.h"
#include "formats/encode_buffer.h"

namespace systole {

/// Writes rows as records, one a line. One thread; keeps caches from batch to batch.
class record_encoder {
 public:
  virtual ~record_encoder() = default;
  /// What each file begins with: CSV's header; nothing for JSON.
  virtual void append_header(encode_buffer& out) const { (void)out; }
  /// Appends the visible columns of `count` rows from `first` on, whatever their kind. REQUIRES: the columns are of the schema
  /// given at the making. `row_ends`: gets out.size() after each row.
  virtual void encode_some(const batch& rows, size_t first, size_t count, encode_buffer& out, std::vector<size_t>* row_ends) = 0;
  /// The same of all rows.
  void encode(const batch& rows, encode_buffer& out, std::vector<size_t>* row_ends = nullptr) {
    encode_some(rows, 0, rows.rows(), out, row_ends);
  }
};

/// NDJSON: every column of every row, null as null; times "2026-01-31T09:05:00.250000" (UTC, without zone, no fraction
/// when it is 0), dates "2026-01-31", NUMERIC as a plain number with all digits of its scale, BYTEA "\\xdead", INTERVAL
/// PostgreSQL's text, NaN and infinities as text.
std::unique_ptr<record_encoder> make_json_encoder(const schema& columns);

/// CSV (RFC 4180, LF): null is nothing, the empty text is "", times "2026-01-31 09:05:00.250000" (UTC, always six
/// digits), booleans true and false.
std::unique_ptr<record_encoder> make_csv_encoder(const schema& columns);

/// `csv` or `json`; `invalid_argument` for another name.
result<std::unique_ptr<record_encoder>> make_encoder(std::string_view format, const schema& columns);

/// Writes `text` as a JSON string, quotes included; `at` has room for 6 * size + 2 + 16 bytes. Returns the end.
char* write_json_string(char* at, std::string_view text);

}  // namespace systole
