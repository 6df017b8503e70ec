#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "connectors/postgres/postgres_connection.h"
#include "connectors/postgres/postgres_table.h"

namespace systole {

/// A sink's row in systole_epochs, a table beside the sink's own: the last epoch applied, by whom (docs/format/postgresql_sink.md).
struct applied_epoch {
  epoch_id epoch;
  term_id term;
  std::string checkpoint;  ///< its uuid, or `rewound`, or empty before the first
};

class postgres_epochs {
 public:
  static constexpr const char* table = "systole_epochs";
  postgres_epochs(const postgres_name& beside, std::string job, std::string sink)
      : name_(beside.beside(table)), job_(std::move(job)), sink_(std::move(sink)) {}

  /// Makes the table where it is missing.
  result<void> create(postgres_connection& connection) const;
  /// Makes the sink's row, of epoch 0, where it is missing: what lock() can take.
  result<void> add_missing(postgres_connection& connection) const;
  /// Takes the sink's row for the rest of the transaction; nothing where there is none. `unavailable` while another
  /// session has it.
  result<std::optional<applied_epoch>> lock(postgres_connection& connection) const;
  result<void> write(postgres_connection& connection, const applied_epoch& epoch) const;

 private:
  postgres_name name_;
  std::string job_, sink_;
};

}  // namespace systole
