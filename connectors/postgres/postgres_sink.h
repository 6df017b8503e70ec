#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/factory.h"
#include "connectors/outbox/epoch_outbox.h"
#include "connectors/postgres/postgres_epochs.h"
#include "connectors/postgres/postgres_row_writer.h"
#include "connectors/postgres/postgres_session.h"
#include "connectors/sink.h"

namespace systole {

/// What a PostgreSQL sink's parts share.
struct postgres_sink_settings {
  std::string job, step;
  postgres_session_settings session;
  postgres_target target;
  std::optional<postgres_dead_letter> dead;
  std::string outbox_folder;
  file_system* files = nullptr;
  committed_epoch committed;
  term_id term;
  uint64_t attempt = 0;
  std::chrono::milliseconds commit_wait{limits::postgres_commit_wait_ms};    ///< for a server that is away in a commit
  std::chrono::milliseconds recover_wait{limits::postgres_recover_wait_ms};  ///< at the start of an attempt
  /// False only in the negative control of the exactly-once tests.
  bool check_epoch = true;
  /// Tests only: called at "begun", "applied", "committing" and "committed" of each transaction.
  std::function<void(std::string_view phase)> on_phase;
};

/// Applies epochs to a PostgreSQL table: all shards of an epoch in one transaction with the sink's row in systole_epochs
/// (docs/format/postgresql_sink.md). The row tells whether an epoch was applied, whatever became of the connection at its
/// COMMIT, and which term may write: what another has taken over is not touched any more (`fenced`).
class postgres_sink_committer final : public sink_committer {
 public:
  explicit postgres_sink_committer(postgres_sink_settings settings);
  result<void> recover(epoch_id last_completed) override;
  result<void> begin(epoch_id last_completed) override;
  result<void> adopt(epoch_id last_completed) override;
  result<void> commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) override;

 private:
  using transaction = std::function<result<void>(postgres_connection&)>;
  /// Runs `what` between BEGIN and COMMIT, again where the server was away. `what` finds out what is done already.
  result<void> transact(const transaction& what, std::chrono::milliseconds at_most);
  /// The sink's row, which no other session has until the transaction ends; `fenced` where a newer term wrote it.
  result<applied_epoch> take_row(postgres_connection& connection);
  result<void> apply(postgres_connection& connection, const commit_epoch& epoch, const std::vector<outbox_segment>& segments);
  result<void> apply_rows(const std::vector<outbox_segment>& segments, size_t first, size_t last);
  result<void> add(const batch& rows, bool deletions);
  void tell_refused(epoch_id epoch) const;
  void phase(std::string_view name) const {
    if (settings_.on_phase) settings_.on_phase(name);
  }
  std::string where() const { return "PostgreSQL table " + settings_.target.name.text(); }

  postgres_sink_settings settings_;
  postgres_epochs epochs_;
  postgres_row_writer rows_;
  postgres_session session_;
};

class postgres_sink_factory final : public sink_factory {
 public:
  explicit postgres_sink_factory(postgres_sink_settings settings) : settings_(std::move(settings)) {}
  static result<std::unique_ptr<postgres_sink_factory>> make(const proto::Node& node, const sink_input& input,
                                                             const connector_context& context);
  bool accepts_changelog() const override { return !settings_.target.key.empty(); }
  void on_committed(epoch_id epoch) override { raise(settings_.committed, epoch.value); }
  result<std::unique_ptr<sink_writer>> make_writer(uint32_t shard, uint32_t shards) override;
  result<std::unique_ptr<sink_committer>> make_committer(uint32_t) override;
  /// Looks at the tables; missing ones that createTable would make are fine.
  result<void> check_target() const override;
  /// For tests.
  postgres_sink_settings& settings() { return settings_; }

 private:
  postgres_sink_settings settings_;
};

}  // namespace systole
