#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "connectors/postgres/postgres_binary.h"
#include "connectors/postgres/postgres_connection.h"
#include "connectors/postgres/postgres_table.h"

namespace systole {

/// Where rows go that a constraint refuses.
struct postgres_dead_letter {
  postgres_name name;
  bool create = false;
  std::string job, sink;
};
/// Looks at the dead-letter table, or makes it; errors as fit_table's.
result<void> fit_dead_letter(postgres_connection& connection, const postgres_dead_letter& dead);

/// Applies rows to a table within the caller's transaction. Rows are gathered to chunks of limits::postgres_chunk_rows; each
/// is one COPY, and for upserts and deletions one statement more.
///
/// With a dead letter, a chunk that violates a constraint is halved down to few rows and these are applied one by one, each
/// in a savepoint: what is refused goes to the dead-letter table in the same transaction. Without one, the first violation
/// fails. One thread.
class postgres_row_writer {
 public:
  postgres_row_writer(postgres_target target, std::optional<postgres_dead_letter> dead)
      : target_(std::move(target)), dead_(std::move(dead)) {}

  /// For each new connection, outside of transactions: looks at the tables and makes the temporary ones.
  result<void> prepare(postgres_connection& connection);

  /// Begins an epoch's rows.
  void begin(postgres_connection& connection, epoch_id epoch);
  /// Rows of one kind: deletions by key, or insertions. A chunk does not mix them.
  result<void> add(batch rows, bool deletions);
  /// Applies what is gathered.
  result<void> flush();
  /// Rows that were refused since begin(), by SQLSTATE.
  const std::map<std::string, uint64_t>& refused() const { return refused_; }

 private:
  struct part {
    batch rows;
    size_t from = 0, to = 0;
  };
  bool staged() const { return !target_.key.empty() || dead_; }
  std::string stage_ddl() const;
  std::string row_function() const;
  result<void> copy(const std::string& sql, const postgres_encoder& encoder, const std::vector<part>& parts);
  result<void> apply_chunk();
  result<void> stage_and_apply(const std::vector<part>& parts);
  result<void> stage(const std::vector<part>& parts);
  result<void> apply_staged(int32_t from, int32_t to);
  result<void> apply_one_by_one(int32_t from, int32_t to);
  /// The statements that apply staged rows [from, to].
  std::vector<std::string> application(int32_t from, int32_t to) const;
  /// Rows that cannot even be staged go to the dead letter, with what could not be read replaced; gives the others.
  result<std::vector<part>> set_unreadable_aside(const std::vector<part>& parts);
  result<void> refuse_unreadable(const batch& rows, const std::vector<unreadable_value>& faults);
  result<void> guarded(const std::function<result<void>()>& what, bool& violated);
  failure explain(failure cause) const;

  postgres_target target_;
  std::optional<postgres_dead_letter> dead_;
  fitting_table fit_;
  postgres_connection* connection_ = nullptr;
  epoch_id epoch_;
  std::vector<part> parts_;
  size_t rows_ = 0;
  bool null_keys_ = false;  ///< among the chunk's
  bool deletions_ = false;
  std::map<std::string, uint64_t> refused_;
};

}  // namespace systole
