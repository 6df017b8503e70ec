#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "connectors/factory.h"
#include "connectors/postgres/postgres_session.h"
#include "connectors/postgres/postgres_table.h"
#include "connectors/source.h"
#include "connectors/source_rows.h"

namespace systole {

/// What a table source's parts share.
struct postgres_table_settings {
  postgres_session_settings session;
  postgres_name name;
  schema columns;                      ///< as decoded, those that are only checked too
  std::vector<bool> visible;           ///< by column: given to the rows' steps
  std::vector<std::string> key;        ///< the primary key; empty: rows are not told apart, no refresh
  std::chrono::milliseconds interval{0};  ///< between two readings; 0: none by time
  std::string channel;                 ///< a NOTIFY on it wants a reading; empty: none
  std::shared_ptr<const source_rows> rows;
  size_t batch_rows = limits::batch_rows;

  bool refreshed() const { return interval.count() > 0 || !channel.empty(); }
};

/// All rows of a table at one moment, and what has changed since the one before.
class postgres_table_image {
 public:
  /// What a reading gives: rows to put (+U; +I at first) and rows that are gone (-D), as batches with kinds.
  struct difference {
    std::vector<batch> batches;
    std::vector<decode_reject> rejects;
    uint64_t records = 0, bytes = 0, filtered = 0;
  };
  explicit postgres_table_image(const postgres_table_settings& settings) : settings_(settings) {}
  /// Reads the whole table in one statement and compares. `data` for two rows of one key.
  result<difference> read(postgres_connection& connection);

 private:
  struct place {
    uint64_t hash = 0;
    uint32_t batch = 0, row = 0;
  };
  using places = absl::flat_hash_map<std::string, place>;
  result<std::vector<batch>> copy(postgres_connection& connection, difference& found);
  result<void> keep(decoded_records decoded, std::vector<batch>& all, difference& found);
  const postgres_table_settings& settings_;
  std::vector<batch> batches_;
  places places_;
  bool first_ = true;
};

/// Reads a table whole, on a thread of its own: a server may be away. Without a refresh it ends then. With one it is idle
/// for the watermark once the whole table was given, and goes on with the changes of each reading (+U replaces its key's
/// row, -D takes it away). After a restore the whole table comes again. Row order has no meaning.
class postgres_table_source final : public source_factory {
 public:
  explicit postgres_table_source(postgres_table_settings settings) : settings_(std::move(settings)) {}
  static result<std::unique_ptr<source_factory>> make(const proto::Node& node, const connector_context& context);
  bool bounded() const override { return !settings_.refreshed(); }
  result<void> check_origin() const override;
  result<std::unique_ptr<source_reader>> make_reader(uint32_t subtask, uint32_t parallelism,
                                                     const std::vector<std::string>& restored) override;

 private:
  postgres_table_settings settings_;
};

}  // namespace systole
