#pragma once

#include <string>
#include <vector>

#include "formats/csv_fields.h"
#include "formats/field_parser.h"
#include "formats/line_scanner.h"
#include "formats/pending_batch.h"
#include "formats/record_decoder.h"

namespace systole {

/// Decodes CSV (RFC 4180, LF or CRLF, a byte order mark is skipped). With a header, columns are found by name, in any
/// order, and one that the file lacks is null; without, they are the columns asked for, in their order.
///
/// Blank lines are skipped; a short record lacks its last fields (null); one with more fields than the header, bytes
/// that are no UTF-8, U+0000, a quote that does not close or text behind a closing quote reject the record. Without
/// quoted_newlines '\n' ends a record wherever it stands, so a broken line harms no neighbour.
/// The empty text and the null words are null; a value that does not parse is null, or rejects with strict_types.
class csv_decoder final : public record_decoder {
 public:
  csv_decoder(std::vector<decoder_column> columns, const decoder_options& options);
  void begin_file() override;
  result<size_t> read_header(const record_span& first_bytes) override;
  result<size_t> decode(const record_span& span, size_t max_records) override;
  size_t pending_records() const override { return batch_.records(); }
  decoded_records take() override { return batch_.take(); }

 private:
  struct target {
    std::vector<uint32_t> columns;  ///< what the field at this place fills
  };

  result<void> take_header();
  /// Decodes the record in fields_; [begin, end) of the span are its bytes without line end.
  void decode_record(const record_span& span, size_t begin, size_t end);
  void set_field(uint32_t column, const csv_field& field);
  bool is_null_text(std::string_view text) const;

  decoder_options options_;
  pending_batch batch_;
  std::vector<target> targets_;
  bool has_header_ = false;
  bool at_file_start_ = true;
  uint64_t null_word_lengths_ = 0;  ///< bit n: some null word has n bytes (63: or more)
  scanned_lines lines_;
  std::vector<csv_field> fields_;
  std::string scratch_;
};

}  // namespace systole
