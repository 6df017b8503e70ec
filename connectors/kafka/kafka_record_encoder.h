#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/kafka/kafka_sink_settings.h"
#include "data/batch.h"
#include "formats/record_encoder.h"

namespace systole {

/// Records as writers take them: a batch of these columns.
namespace kafka_record_column {
inline constexpr size_t key = 0;      ///< BYTEA, NULL: none
inline constexpr size_t value = 1;    ///< BYTEA, NULL: a tombstone
inline constexpr size_t headers = 2;  ///< BYTEA, see append_kafka_header; NULL: none
inline constexpr size_t place = 3;    ///< INT, not negative: the partition is this modulo their number; NULL: any
}  // namespace kafka_record_column

/// A header among others: varint length and bytes of its name; u8 1, varint length and bytes of its value; u8 0 for NULL.
void append_kafka_header(std::string& out, std::string_view name, std::string_view value);
void append_kafka_null_header(std::string& out, std::string_view name);

/// Makes records of rows. Values are one JSON object or CSV line without its end; keys are the same of the key's columns.
/// One thread.
class kafka_record_encoder {
 public:
  static result<std::unique_ptr<kafka_record_encoder>> make(const kafka_record_settings& settings);
  /// The rows' records, valid until the next call.
  batch encode(const batch& rows);

 private:
  /// Encodes some columns of each row.
  struct part {
    std::unique_ptr<record_encoder> encoder;
    std::vector<size_t> columns;  ///< empty: all
    encode_buffer bytes;
    std::vector<size_t> ends;
    void encode(const batch& rows);
    /// Without its line end.
    std::string_view text(size_t row) const {
      const size_t begin = row ? ends[row - 1] : 0;
      return bytes.view().substr(begin, ends[row] - begin - 1);
    }
  };
  explicit kafka_record_encoder(kafka_record_settings settings) : settings_(std::move(settings)) {}
  void encode_headers(const batch& rows);

  kafka_record_settings settings_;
  part value_, key_, place_;
  std::string headers_;
  std::vector<size_t> header_ends_;
  std::string text_;
};

}  // namespace systole
