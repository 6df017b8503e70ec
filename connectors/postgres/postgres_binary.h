#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/postgres/postgres_types.h"
#include "data/batch.h"

namespace systole {

/// Writes rows in COPY's binary format (PostgreSQL 15 manual, "COPY", Binary Format; types after their *_send functions).
class postgres_encoder {
 public:
  /// `wires`: how each column of the batches travels; see wire_into. `first`: rows begin with an INT4 number.
  postgres_encoder(std::vector<postgres_wire> wires, bool numbered) : wires_(std::move(wires)), numbered_(numbered) {}

  void append_header(std::string& out) const;
  void append_trailer(std::string& out) const;
  /// Rows [from, to); the number of row r is first_number + r - from.
  void append_rows(std::string& out, const batch& rows, size_t from, size_t to, int32_t first_number = 0) const;

 private:
  std::vector<postgres_wire> wires_;
  bool numbered_;
};

/// What of a row the server would refuse to read at all, whatever its table: NUL or bytes that are not UTF-8 in a text, a
/// time before 4714 BC. Such a row cannot even be staged.
struct unreadable_value {
  size_t row = 0;
  size_t column = 0;
  std::string_view sqlstate;
};
std::vector<unreadable_value> find_unreadable(const batch& rows, std::span<const postgres_wire> wires);

/// Reads COPY's binary format, as postgres_connection::take() gives it, into batches. The server has cast each column to
/// postgres_type(field type).
class postgres_decoder {
 public:
  postgres_decoder(schema columns, size_t batch_rows);
  /// Takes the next piece, whatever its length. `data` (22003, 22008) for a value that our types cannot hold; names the column.
  result<void> add(std::string_view bytes);
  /// A batch once batch_rows are there, or with `rest` whatever is there; rows() == 0 for none.
  batch take(bool rest);
  /// True after the trailer.
  bool ended() const { return ended_; }
  size_t rows() const { return rows_; }

 private:
  result<size_t> add_row(std::string_view bytes);
  result<void> add_value(size_t column, std::string_view bytes);
  void begin();

  schema columns_;
  size_t batch_rows_;
  std::vector<column_builder> building_;
  size_t rows_ = 0;
  std::string pending_;
  bool header_read_ = false;
  bool ended_ = false;
};

}  // namespace systole
