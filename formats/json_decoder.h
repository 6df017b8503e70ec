#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/json_keys.h"
#include "formats/json_structure.h"
#include "formats/line_scanner.h"
#include "formats/pending_batch.h"
#include "formats/record_decoder.h"

namespace systole {

/// Decodes NDJSON: one JSON object a line.
///
/// Framing comes first: '\n' ends a record wherever it stands. Then windows of whole lines are indexed at once
/// (json_structure), and each line is walked along its structural positions. What is wrong with a line is found whether
/// or not its field is asked for: UTF-8, control characters, string closure, escapes, the grammar of every number and
/// literal, commas, colons, brackets, nesting beyond limits::json_depth, trailing text. Where the index of a window
/// fails, its lines are indexed one by one, so that a broken line harms no neighbour.
///
/// Values: see domain rules in docs/decisions; a key given twice counts as its last; a missing key and JSON null are
/// null; a value of a wrong type is null, or rejects the record with strict_types.
class json_decoder final : public record_decoder {
 public:
  json_decoder(std::vector<decoder_column> columns, const decoder_options& options);
  result<size_t> decode(const record_span& span, size_t max_records) override;
  size_t pending_records() const override { return batch_.records(); }
  decoded_records take() override { return batch_.take(); }

 private:
  /// Finds at most `most` lines of a window from span.data + begin on, for `lines_`; gives their bytes. 0: there is no whole one.
  size_t find_lines(const record_span& span, size_t begin, size_t most);
  /// The same from span.lines, of which `next` is the first one that is not decoded.
  size_t take_known_lines(const record_span& span, size_t begin, size_t most, size_t& next);
  /// Decodes whole lines from span.data + begin: those that `lines_` holds.
  void decode_window(const record_span& span, size_t begin, size_t size);
  void decode_one_by_one(const record_span& span, size_t begin);
  /// Decodes the line [begin, end) of the span, whose structural positions, relative to `base`, start at `at`; moves
  /// `at` behind them. `escapes`: the line has a backslash. False where it holds no JSON object: then it is rejected
  /// with a reason that explain() has to give.
  bool decode_line(const record_span& span, const char* base, const uint32_t*& at, size_t begin, size_t end,
                   bool escapes);
  /// Says why a line is no record by looking at it alone, so that the reason does not depend on the lines beside it.
  /// Takes structure_.
  void explain(const record_span& span, rejected_record& line);

  decoder_options options_;
  json_keys keys_;
  pending_batch batch_;
  json_structure structure_;
  scanned_lines lines_;
  std::string scratch_;
};

}  // namespace systole
