#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/factory.h"
#include "connectors/outbox/epoch_outbox.h"
#include "connectors/sink.h"
#include "connectors/sqlite/sqlite_database.h"

namespace systole {

/// What a SQLite sink's parts share.
struct sqlite_sink_settings {
  std::string sink;                 ///< job/step: its row in systole_epochs
  std::string path;
  std::string table;
  schema columns;
  std::vector<size_t> key;          ///< upsert: indexes of the key columns
  bool multiset = false;            ///< a changelog without key: each deletion takes one of the equal rows
  std::string outbox_folder;
  uint64_t attempt = 0;             ///< a row that a newer one has written is not touched any more
  file_system* files = nullptr;
  committed_epoch committed;
  /// False only in the negative control of the exactly-once tests: epochs are applied without looking whether they were.
  bool check_epoch = true;
  int lock_wait_ms = limits::sqlite_lock_wait_ms;
};

/// Applies epochs to a SQLite table: all shards of an epoch in one transaction, together with the sink's row in
/// systole_epochs, which tells after a crash whether the epoch was applied (docs/format/sqlite_sink.md).
class sqlite_sink_committer final : public sink_committer {
 public:
  explicit sqlite_sink_committer(sqlite_sink_settings settings) : settings_(std::move(settings)) {}
  result<void> recover(epoch_id last_completed) override;
  result<void> begin(epoch_id last_completed) override;
  result<void> adopt(epoch_id) override { return open(); }
  result<void> commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) override;

 private:
  /// The sink's row.
  struct stored_epoch {
    uint64_t epoch = 0;  ///< 0: none, or before the first
    std::string uuid;
  };
  /// Holds the file's write lock while it runs `what`.
  result<void> transact(const std::function<result<void>()>& what);
  result<void> create_epochs();
  result<void> open();
  result<void> create_tables();
  /// Refuses a table of the user's that cannot hold the rows as they are.
  result<void> check_table();
  result<bool> table_has_rows();
  /// An appended table must be empty at first: its rows could not be told from another's.
  result<void> refuse_foreign_rows();
  /// REQUIRES: within transact(). `fenced` where a newer attempt wrote the row.
  result<stored_epoch> read_epoch();
  result<void> write_epoch(uint64_t epoch, std::string_view uuid);
  result<void> apply(const commit_epoch& epoch, const std::vector<outbox_segment>& segments);
  result<void> apply_rows(const batch& rows);
  /// A multiset's rows of one sign.
  result<void> apply_equal_rows(const batch& rows, int wanted_sign);

  std::string where() const { return "table " + settings_.table + " of SQLite file " + settings_.path; }

  sqlite_sink_settings settings_;
  std::unique_ptr<sqlite_database> database_;
  std::unique_ptr<sqlite_database::statement> insert_, erase_, read_epoch_, write_epoch_;
};

class sqlite_sink_factory final : public sink_factory {
 public:
  explicit sqlite_sink_factory(sqlite_sink_settings settings) : settings_(std::move(settings)) {}
  static result<std::unique_ptr<sink_factory>> make(const proto::Node& node, const sink_input& input,
                                                    const connector_context& context);
  bool accepts_changelog() const override { return !settings_.key.empty() || settings_.multiset; }
  void on_committed(epoch_id epoch) override { raise(settings_.committed, epoch.value); }
  result<std::unique_ptr<sink_writer>> make_writer(uint32_t shard, uint32_t shards) override;
  result<std::unique_ptr<sink_committer>> make_committer(uint32_t) override;
  /// For tests: how long to wait for a lock.
  void set_lock_wait_ms(int wait) { settings_.lock_wait_ms = wait; }

 private:
  sqlite_sink_settings settings_;
};

}  // namespace systole
