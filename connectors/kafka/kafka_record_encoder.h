#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/kafka/kafka_sink_settings.h"
#include "data/batch.h"
#include "formats/record_encoder.h"

namespace systole {

/// A record as writers take it; its texts are the encoder's.
struct kafka_encoded_record {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;    ///< none: a tombstone
  std::optional<std::string_view> headers;  ///< see append_kafka_header
  std::optional<int32_t> place;             ///< not negative: the partition is this modulo their number; none: any
};

/// A header among others: varint length and bytes of its name; u8 1, varint length and bytes of its value; u8 0 for NULL.
void append_kafka_header(std::string& out, std::string_view name, std::string_view value);
void append_kafka_null_header(std::string& out, std::string_view name);

/// Makes records of rows. Values are one JSON object or CSV line without its end; keys are the same of the key's columns.
/// One thread.
class kafka_record_encoder {
 public:
  static result<std::unique_ptr<kafka_record_encoder>> make(const kafka_record_settings& settings);

  /// Begins with these rows. REQUIRES: they live until next() gives 0.
  void begin(const batch& rows);
  /// Encodes the next rows, as few as a core's first cache holds: their bytes are copied from there. Gives their number, 0 at the end.
  size_t next();
  /// The record of one of them, from 0; valid until the next call of next() or begin().
  kafka_encoded_record record(size_t index) const;

 private:
  /// Encodes some columns of each row.
  struct part {
    std::unique_ptr<record_encoder> encoder;
    std::vector<size_t> columns;  ///< empty: all
    batch some;                   ///< of these columns, where they are not all
    encode_buffer bytes;
    std::vector<size_t> ends;
    void begin(const batch& rows);
    void encode(const batch& rows, size_t first, size_t count);
    /// Without its line end.
    std::string_view text(size_t index) const {
      const size_t begin = index ? ends[index - 1] : 0;
      return bytes.view().substr(begin, ends[index] - begin - 1);
    }
  };
  explicit kafka_record_encoder(kafka_record_settings settings) : settings_(std::move(settings)) {}
  void encode_headers();

  kafka_record_settings settings_;
  part value_, key_, place_;
  const batch* rows_ = nullptr;
  size_t first_ = 0, count_ = 0;  ///< rows that are encoded
  std::string headers_;
  std::vector<size_t> header_ends_;
  std::string text_;
};

}  // namespace systole
