#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/buffer_pool.h"
#include "formats/record_decoder.h"
#include "kafka/record_set.h"

namespace systole {

/// Makes lines of records' values, so that a decoder takes many at once.
///
/// JSON stays where the broker's answer has it: what lies between two values becomes blanks, and the byte behind a value a
/// line's end. A line break within a value becomes a carriage return until restore(), so that a value is a line. CSV, where
/// blanks count, is copied into a window of its own. docs/decisions/0021-kafka-client.md.
class kafka_value_lines {
 public:
  explicit kafka_value_lines(bool json) : json_(json) {}

  struct line {
    uint64_t begin = 0;  ///< counted over all lines since restore()
    uint32_t gap = 0;    ///< blanks before the value
  };
  /// Whether what was laid has to be decoded before `record`.
  bool must_end(const kafka_record& record, std::string_view value, const kafka_block& block) const;
  /// `value`: the record's, or what stands for one that it does not have, up to three bytes. The record's key and headers
  /// are overwritten. REQUIRES: not must_end().
  line add(const kafka_record& record, std::string_view value, const kafka_block& block);

  bool empty() const { return first_ == nullptr; }
  /// All lines since the last end(), behind `decoded` bytes of them.
  record_span span(size_t decoded) const;
  size_t size() const { return static_cast<size_t>(next_ - first_); }
  void end();
  /// Gives line breaks back; positions begin anew.
  void restore();

 private:
  void copy_window(size_t least);
  /// Makes a value one line, and notes it.
  void note_line(char* text);

  const bool json_;
  buffer_pool pool_;
  kafka_block window_;       ///< a broker's, or one of pool_
  char *first_ = nullptr, *next_ = nullptr;
  uint64_t begin_ = 0;       ///< of first_
  std::vector<known_line> found_;  ///< JSON's since first_
  std::vector<char*> breaks_;
  std::vector<std::pair<kafka_block, std::vector<char*>>> broken_;
};

}  // namespace systole
