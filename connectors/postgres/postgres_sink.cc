#include "connectors/postgres/postgres_sink.h"

#include <algorithm>

#include "base/log.h"
#include "connectors/outbox/outbox_writer.h"

namespace systole {
namespace {

/// Stands for the checkpoint of an epoch that a rewind set.
constexpr std::string_view rewound = "rewound";

}  // namespace

postgres_sink_committer::postgres_sink_committer(postgres_sink_settings settings)
    : settings_(std::move(settings)),
      epochs_(settings_.target.name, settings_.job, settings_.step),
      rows_(settings_.target, settings_.dead),
      session_(settings_.session, [this](postgres_connection& connection) -> result<void> {
        SYSTOLE_TRY(rows_.prepare(connection));
        return epochs_.create(connection);
      }) {}

result<void> postgres_sink_committer::transact(const transaction& what, std::chrono::milliseconds at_most) {
  return session_.run(
      [&](postgres_connection& connection) -> result<void> {
        SYSTOLE_TRY(connection.execute("BEGIN; SET CONSTRAINTS ALL IMMEDIATE"));
        phase("begun");
        SYSTOLE_TRY(what(connection));
        phase("committing");
        SYSTOLE_ASSIGN(const postgres_rows done, connection.query("COMMIT"));
        phase("committed");
        if (done.command() == "COMMIT") return {};
        return fail(error_code::internal, where() + ": the transaction had failed before its COMMIT");
      },
      at_most);
}

result<applied_epoch> postgres_sink_committer::take_row(postgres_connection& connection) {
  SYSTOLE_ASSIGN(const std::optional<applied_epoch> row, epochs_.lock(connection));
  // Asked with the row's lock held: who takes over now waits for it. The term does not tell attempts of one coordinator apart.
  if (settings_.check_epoch && !settings_.session.still_current())
    return fail(error_code::fenced, where() + ": this attempt is not the job's any more");
  if (!row) return applied_epoch{};
  if (settings_.check_epoch && row->term > settings_.term)
    return fail(error_code::fenced, where() + " was taken over by term " + std::to_string(row->term.value) + " of the job; this is term " +
                                        std::to_string(settings_.term.value));
  return *row;
}

result<void> postgres_sink_committer::recover(epoch_id last_completed) {
  SYSTOLE_TRY(remove_later_segments(*settings_.files, settings_.outbox_folder, last_completed, settings_.attempt));
  raise(settings_.committed, last_completed.value);
  return transact(
      [&](postgres_connection& connection) -> result<void> {
        if (!settings_.check_epoch) return {};
        SYSTOLE_TRY(epochs_.add_missing(connection));
        SYSTOLE_ASSIGN(applied_epoch row, take_row(connection));
        if (last_completed.value == 0 && row.epoch.value > 0)
          return fail(error_code::already_exists, where() + " has epoch " + std::to_string(row.epoch.value) + " of another run of " +
                                                      settings_.job + "/" + settings_.step +
                                                      "; continue that run, or write to another table, or remove its row from systole_epochs");
        if (row.epoch > last_completed) {
          if (settings_.target.key.empty())
            return fail(error_code::incompatible, where() + " has epoch " + std::to_string(row.epoch.value) + ", later than the restored " +
                                                      std::to_string(last_completed.value) + "; an appended table cannot go back");
          // Keyed rows converge once the replay catches up: the sink goes on from the restored epoch.
          row.epoch = last_completed;
          row.checkpoint = rewound;
        }
        // From here on an older term is refused.
        row.term = settings_.term;
        return epochs_.write(connection, row);
      },
      settings_.recover_wait);
}

result<void> postgres_sink_committer::begin(epoch_id last_completed) {
  if (!settings_.check_epoch) return {};
  return transact(
      [&](postgres_connection& connection) -> result<void> {
        SYSTOLE_ASSIGN(const applied_epoch row, take_row(connection));
        if (row.epoch == last_completed) return {};  // begun before a crash, or rewound
        if (row.epoch.value > 0)
          return fail(error_code::already_exists, where() + " has epoch " + std::to_string(row.epoch.value) + " of " + settings_.job + "/" +
                                                      settings_.step + ", which the saved state does not know; write to another table");
        return epochs_.write(connection, {last_completed, settings_.term, std::string(rewound)});
      },
      settings_.recover_wait);
}

result<void> postgres_sink_committer::adopt(epoch_id) {
  if (!settings_.check_epoch) return {};
  return transact(
      [&](postgres_connection& connection) -> result<void> {
        SYSTOLE_ASSIGN(applied_epoch row, take_row(connection));
        row.term = settings_.term;  // from here on an older term is refused
        return epochs_.write(connection, row);
      },
      settings_.recover_wait);
}

result<void> postgres_sink_committer::commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) {
  SYSTOLE_ASSIGN(const auto segments, segments_after(shards, epoch.previous));
  SYSTOLE_TRY(transact([&](postgres_connection& connection) { return apply(connection, epoch, segments); }, settings_.commit_wait));
  tell_refused(epoch.epoch);
  // A commit that is repeated after a crash finds its epoch in the table and needs the segments no more.
  if (settings_.check_epoch)
    SYSTOLE_TRY(remove_committed_segments(*settings_.files, settings_.outbox_folder, segments, settings_.attempt));
  raise(settings_.committed, epoch.epoch.value);
  return {};
}

result<void> postgres_sink_committer::apply(postgres_connection& connection, const commit_epoch& epoch,
                                            const std::vector<outbox_segment>& segments) {
  rows_.begin(connection, epoch.epoch);
  SYSTOLE_ASSIGN(const applied_epoch row, take_row(connection));
  if (settings_.check_epoch) {
    if (row.epoch == epoch.epoch && (row.checkpoint == epoch.uuid || row.checkpoint == rewound)) return {};  // done before
    if (row.epoch != epoch.previous)
      return fail(error_code::incompatible,
                  where() + " has epoch " + std::to_string(row.epoch.value) + " of " + settings_.job + "/" + settings_.step + ", epoch " +
                      std::to_string(epoch.epoch.value) + " needs " + std::to_string(epoch.previous.value) +
                      "; another run wrote to it, or the database was restored from a copy");
  }
  // An aborted epoch's rows come before those of the epoch that it has joined: a key may be in both.
  for (size_t first = 0, last = 0; first < segments.size(); first = last) {
    while (last < segments.size() && segments[last].epoch == segments[first].epoch) ++last;
    SYSTOLE_TRY(apply_rows(segments, first, last));
  }
  phase("applied");
  return epochs_.write(connection, {epoch.epoch, settings_.term, epoch.uuid});
}

result<void> postgres_sink_committer::apply_rows(const std::vector<outbox_segment>& segments, size_t first, size_t last) {
  const auto each_batch = [&](const std::function<result<void>(const batch&)>& take) -> result<void> {
    for (size_t i = first; i < last; ++i) SYSTOLE_TRY(read_segment(*settings_.files, segments[i], take));
    return {};
  };
  if (settings_.target.key.empty()) {
    SYSTOLE_TRY(each_batch([&](const batch& rows) { return rows_.add(rows, false); }));
  } else if (last - first == 1) {
    // A segment has its deletions first.
    const auto both = [&](const batch& rows) -> result<void> {
      SYSTOLE_TRY(add(rows, true));
      return add(rows, false);
    };
    SYSTOLE_TRY(each_batch(both));
  } else {
    // Deletions of all shards first: one may take back what another has given.
    SYSTOLE_TRY(each_batch([&](const batch& rows) { return add(rows, true); }));
    SYSTOLE_TRY(each_batch([&](const batch& rows) { return add(rows, false); }));
  }
  return rows_.flush();
}

/// Adds those rows of a netted batch that are deletions, or those that are not.
result<void> postgres_sink_committer::add(const batch& rows, bool deletions) {
  std::vector<uint32_t> wanted;
  for (uint32_t row = 0; row < rows.rows(); ++row)
    if ((sign(rows.kind(row)) < 0) == deletions) wanted.push_back(row);
  if (wanted.empty()) return {};
  return rows_.add(wanted.size() == rows.rows() ? rows : gather(rows, wanted), deletions);
}

void postgres_sink_committer::tell_refused(epoch_id epoch) const {
  if (rows_.refused().empty()) return;
  uint64_t sum = 0;
  std::string each;
  for (const auto& [sqlstate, count] : rows_.refused()) {
    sum += count;
    each += (each.empty() ? "" : "; ") + sqlstate + " " + std::string(explain_sqlstate(sqlstate)) + ": " + std::to_string(count);
  }
  log_line(log_level::warning, "postgresql",
           settings_.session.owner + ": epoch " + std::to_string(epoch.value) + ": " + std::to_string(sum) + " row(s) that " + where() +
               " does not take are in " + settings_.dead->name.text() + " (" + each + ")");
}

result<std::unique_ptr<postgres_sink_factory>> postgres_sink_factory::make(const proto::Node& node, const sink_input& input,
                                                                           const connector_context& context) {
  const proto::Sink& sink = node.sink();
  postgres_sink_settings settings;
  settings.job = context.job;
  settings.step = node.step();
  settings.session = {sink.connection(), context.secret_directory, context.files, "sink " + node.step(),
                      postgres_application(context.job, node.step()), context.still_current};
  SYSTOLE_ASSIGN(settings.target.name, postgres_name::parse(sink.table()));
  settings.target.columns = input.columns;
  settings.target.create = sink.postgres().create_missing();
  settings.outbox_folder = outbox_folder_of(context.outbox_directory, node.step());
  settings.files = context.files;
  settings.committed = std::make_shared<std::atomic<uint64_t>>(0);
  settings.term = context.term;
  settings.attempt = context.attempt;
  settings.check_epoch = context.guards.epoch_check;
  if (context.commit_wait.count() > 0) settings.commit_wait = context.commit_wait;
  if (!sink.postgres().dead_letter_table().empty()) {
    settings.dead.emplace();
    SYSTOLE_ASSIGN(settings.dead->name, postgres_name::parse(sink.postgres().dead_letter_table()));
    settings.dead->create = settings.target.create;
    settings.dead->job = context.job;
    settings.dead->sink = node.step();
  }
  const bool upsert = sink.write() == "upsert";
  if (!upsert && !sink.write().empty() && sink.write() != "append")
    return fail(error_code::invalid_argument, "a PostgreSQL sink's write is append or upsert, not " + sink.write());
  for (const std::string& name : sink.key()) {
    const int index = input.columns.find(name);
    if (index < 0) return fail(error_code::invalid_argument, "a PostgreSQL sink's key has an unknown column: " + name);
    if (upsert) settings.target.key.push_back(static_cast<size_t>(index));
  }
  if (upsert && settings.target.key.empty()) return fail(error_code::invalid_argument, "write: upsert needs a key");
  if (!upsert && input.changelog) return fail(error_code::invalid_argument, "write: append takes no changelog; use upsert with a key");
  return std::make_unique<postgres_sink_factory>(std::move(settings));
}

result<std::unique_ptr<sink_writer>> postgres_sink_factory::make_writer(uint32_t shard, uint32_t) {
  return std::unique_ptr<sink_writer>(std::make_unique<outbox_writer>(*settings_.files, settings_.outbox_folder, settings_.attempt,
                                                                      shard, settings_.committed, settings_.job + "/" + settings_.step, !settings_.target.key.empty(),
                                                                      settings_.target.key));
}

result<std::unique_ptr<sink_committer>> postgres_sink_factory::make_committer(uint32_t) {
  return std::unique_ptr<sink_committer>(std::make_unique<postgres_sink_committer>(settings_));
}

result<void> postgres_sink_factory::check_target() const {
  postgres_session_settings with = settings_.session;
  // A job of this name may be running: its sessions are not ours to end.
  with.application = postgres_application(settings_.job, settings_.step + " check");
  postgres_session session(std::move(with), nullptr);
  return session.try_once([this](postgres_connection& connection) -> result<void> {
    // What would be made is made, looked at, and taken back.
    SYSTOLE_TRY(connection.execute("BEGIN"));
    SYSTOLE_TRY(fit_table(connection, settings_.target));
    if (settings_.dead) SYSTOLE_TRY(fit_dead_letter(connection, *settings_.dead));
    return connection.execute("ROLLBACK");
  });
}

}  // namespace systole
