#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/batch.h"

namespace systole {

/// Readable zero bytes that follow the bytes given to a decoder, somewhere behind their end (see record_span).
inline constexpr size_t decode_padding = 64;

/// A line that was found before it is decoded.
struct known_line {
  uint32_t end = 0;         ///< where its '\n' is, see record_span::lines_from
  bool has_escape = false;  ///< a backslash
};

/// Bytes to decode, inside a buffer that `owner` keeps alive and that decoded text points into.
struct record_span {
  const char* data = nullptr;
  size_t size = 0;
  buffer_ptr owner;
  /// Where the buffer's decode_padding zero bytes begin: at or behind data + size, less than 4 GiB behind `data`.
  const char* padding = nullptr;
  /// The offset of data[0] in its file; part of the records' positions.
  uint64_t offset = 0;
  /// Nothing follows: a last record without its line end is a record.
  bool last = false;
  /// Its lines, all of them, where whoever laid them knows them: JSON's decoder does not look for them then. Ends count from `lines_from`,
  /// which is at or before `data`.
  std::span<const known_line> lines;
  const char* lines_from = nullptr;
};

/// A record that could not be decoded. `raw` points into the span's buffer.
struct rejected_record {
  std::string reason;  ///< names the field and the kind of error, never a value
  std::string sqlstate;
  uint64_t offset = 0;
  std::string_view raw;  ///< without its line end
};

/// The batch that decode() calls made.
struct decoded_records {
  size_t records = 0;  ///< rows and rejected ones; blank lines are none
  size_t rows = 0;
  std::vector<column_ptr> columns;       ///< one per column asked for, in order, the checked-only ones too
  std::vector<uint64_t> offsets;         ///< of each row
  std::vector<std::string_view> raws;    ///< of each row, where asked for; in `owners`
  std::vector<rejected_record> rejects;  ///< in the order of the records
  std::vector<buffer_ptr> owners;        ///< the spans' buffers
};

/// One column that a decoder gives.
struct decoder_column {
  std::string name;               ///< for reasons
  std::vector<std::string> path;  ///< [name] for a top-level field
  data_type type;
  bool not_null = false;  ///< a null here rejects the record
};

/// How records are read; the fields of proto::Decoder.
struct decoder_options {
  size_t capacity = 1024;  ///< rows of a batch
  bool unknown_fields_reject = false;
  bool strict_types = false;
  bool lenient_text = false;  ///< JSON: numbers, booleans and containers are text in a text field
  bool keep_raw = false;      ///< fill decoded_records::raws
  // CSV.
  bool header = true;
  char delimiter = ',';
  char quote = '"';
  std::vector<std::string> null_words;
  bool quoted_newlines = false;
  bool trim = false;
};

/// Turns bytes into rows of columns. Frames records, and rejects those that are malformed without harm to others.
/// One thread; keeps predictions and buffers from call to call.
class record_decoder {
 public:
  virtual ~record_decoder() = default;
  /// A new file begins: what was learnt from the last one's header is forgotten. The next span starts at the file's
  /// first byte, unless a header is set by read_header().
  virtual void begin_file() {}
  /// Takes the header from a file's first bytes, for a reader that starts behind it. Gives the header's length, 0 where
  /// `first_bytes` does not hold it whole.
  virtual result<size_t> read_header(const record_span& first_bytes) {
    (void)first_bytes;
    return size_t{0};
  }
  /// Decodes at most `max_records` records from the span's start and adds them to the batch under construction; gives
  /// the bytes it consumed: whole records and blank lines. 0: the span holds no whole record, call with more bytes.
  /// Fails only where the input as a whole is unreadable (a header without any of the columns); broken records are
  /// rejects. REQUIRES: all calls for one batch together ask for no more records than `capacity`.
  virtual result<size_t> decode(const record_span& span, size_t max_records) = 0;
  /// Records in the batch under construction.
  virtual size_t pending_records() const = 0;
  /// Ends the batch.
  virtual decoded_records take() = 0;
};

/// `invalid_argument` for a column type that the format cannot hold.
result<std::unique_ptr<record_decoder>> make_json_decoder(std::vector<decoder_column> columns,
                                                          const decoder_options& options);
result<std::unique_ptr<record_decoder>> make_csv_decoder(std::vector<decoder_column> columns,
                                                         const decoder_options& options);

}  // namespace systole
