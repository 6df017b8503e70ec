#include "connectors/sqlite/sqlite_sink.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include "connectors/outbox/durable_directory.h"
#include "connectors/outbox/outbox_writer.h"

namespace systole {
namespace {

/// Stands for the checkpoint of an epoch that a rewind set.
constexpr std::string_view rewound_mark = "rewound";

std::string column_list(const schema& columns) {
  std::string list;
  for (const field& each : columns.fields) list += (list.empty() ? "" : ", ") + quote_identifier(each.name);
  return list;
}

}  // namespace

result<void> sqlite_sink_committer::open() {
  if (database_) return {};
  const std::string folder = std::filesystem::path(settings_.path).parent_path().string();
  if (!folder.empty()) SYSTOLE_TRY(create_directories_durably(*settings_.files, folder));
  SYSTOLE_ASSIGN(database_, sqlite_database::open(settings_.path, settings_.lock_wait_ms));
  return create_tables();
}

result<void> sqlite_sink_committer::create_epochs() {
  SYSTOLE_TRY(database_->execute(
      "CREATE TABLE IF NOT EXISTS systole_epochs (sink TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, "
      "checkpoint TEXT NOT NULL, attempt INTEGER NOT NULL DEFAULT 0)"));
  SYSTOLE_ASSIGN(const auto known, database_->prepare("SELECT 1 FROM pragma_table_info('systole_epochs') WHERE name = 'attempt'"));
  SYSTOLE_ASSIGN(const bool there, known->step());
  if (there) return {};
  return database_->execute("ALTER TABLE systole_epochs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0");
}

result<void> sqlite_sink_committer::create_tables() {
  SYSTOLE_TRY(create_epochs());
  std::string columns, key;
  for (const field& each : settings_.columns.fields)
    columns += (columns.empty() ? "" : ", ") + quote_identifier(each.name) + " " + std::string(sqlite_type(each.type));
  // UNIQUE and not PRIMARY KEY: a lone INTEGER PRIMARY KEY would be the rowid, which makes numbers up for NULL.
  for (size_t index : settings_.key)
    key += (key.empty() ? "" : ", ") + quote_identifier(settings_.columns.fields[index].name);
  if (!key.empty()) columns += ", UNIQUE (" + key + ")";
  const std::string table = quote_identifier(settings_.table);
  SYSTOLE_TRY(database_->execute("CREATE TABLE IF NOT EXISTS " + table + " (" + columns + ")"));
  SYSTOLE_TRY(check_table());
  std::string marks, matches;
  for (size_t i = 0; i < settings_.columns.fields.size(); ++i) marks += (i ? ", ?" : "?") + std::to_string(i + 1);
  for (size_t i = 0; i < settings_.key.size(); ++i)
    matches += (i ? " AND " : "") + quote_identifier(settings_.columns.fields[settings_.key[i]].name) + " IS ?" + std::to_string(i + 1);
  SYSTOLE_ASSIGN(insert_, database_->prepare("INSERT INTO " + table + " (" + column_list(settings_.columns) + ") VALUES (" + marks + ")"));
  if (!settings_.key.empty()) {
    SYSTOLE_ASSIGN(erase_, database_->prepare("DELETE FROM " + table + " WHERE " + matches));
  } else if (settings_.multiset) {
    SYSTOLE_TRY(database_->execute("CREATE INDEX IF NOT EXISTS " + quote_identifier("systole_rows_of_" + settings_.table) +
                                   " ON " + table + " (" + column_list(settings_.columns) + ")"));
    std::string equal;
    for (size_t i = 0; i < settings_.columns.fields.size(); ++i)
      equal += (i ? " AND " : "") + quote_identifier(settings_.columns.fields[i].name) + " IS ?" + std::to_string(i + 1);
    SYSTOLE_ASSIGN(erase_, database_->prepare("DELETE FROM " + table + " WHERE rowid = (SELECT rowid FROM " + table + " WHERE " +
                                              equal + " LIMIT 1)"));
  }
  SYSTOLE_ASSIGN(read_epoch_, database_->prepare("SELECT epoch, checkpoint, attempt FROM systole_epochs WHERE sink = ?1"));
  SYSTOLE_ASSIGN(write_epoch_, database_->prepare("INSERT INTO systole_epochs (sink, epoch, checkpoint, attempt) VALUES (?1, ?2, ?3, ?4) "
                                                  "ON CONFLICT (sink) DO UPDATE SET epoch = ?2, checkpoint = ?3, attempt = ?4"));
  return {};
}

result<void> sqlite_sink_committer::check_table() {
  std::map<std::string, std::string, std::less<>> declared;
  std::string problems;
  const auto problem = [&problems](const std::string& what) { problems += (problems.empty() ? "" : "; ") + what; };
  SYSTOLE_ASSIGN(const auto columns, database_->prepare("SELECT name, type, \"notnull\" AND dflt_value IS NULL "
                                                        "FROM pragma_table_info(?1)"));
  columns->bind(1, settings_.table);
  for (;;) {
    SYSTOLE_ASSIGN(const bool row, columns->step());
    if (!row) break;
    const std::string name = columns->text(0);
    if (settings_.columns.find(name) < 0 && columns->integer(2)) problem("column " + name + " is NOT NULL and not of the stream");
    declared.emplace(name, columns->text(1));
  }
  for (const field& each : settings_.columns.fields) {
    const auto found = declared.find(each.name);
    if (found == declared.end()) {
      problem("column " + each.name + " is missing");
      continue;
    }
    const std::string_view wanted = sqlite_type(each.type), there = sqlite_affinity(found->second);
    if (there != wanted && there != "BLOB")
      problem("column " + each.name + " is declared " + found->second + ", its values need " + std::string(wanted));
  }
  if (problems.empty()) return {};
  return fail(error_code::incompatible, "table " + settings_.table + " of SQLite file " + settings_.path +
                                            " cannot take the rows of " + settings_.sink + ": " + problems +
                                            "; alter it, or choose another table");
}

result<bool> sqlite_sink_committer::table_has_rows() {
  SYSTOLE_ASSIGN(auto any, database_->prepare("SELECT 1 FROM " + quote_identifier(settings_.table) + " LIMIT 1"));
  return any->step();
}

result<sqlite_sink_committer::stored_epoch> sqlite_sink_committer::read_epoch() {
  read_epoch_->bind(1, settings_.sink);
  SYSTOLE_ASSIGN(const bool present, read_epoch_->step());
  stored_epoch stored;
  uint64_t attempt = 0;
  if (present) {
    stored.epoch = static_cast<uint64_t>(read_epoch_->integer(0));
    stored.uuid = read_epoch_->text(1);
    attempt = static_cast<uint64_t>(read_epoch_->integer(2));
  }
  read_epoch_->reset();
  if (attempt > settings_.attempt)
    return fail(error_code::fenced, where() + " was taken over by attempt " + std::to_string(attempt) + " of the job; this is attempt " +
                                        std::to_string(settings_.attempt));
  return stored;
}

result<void> sqlite_sink_committer::write_epoch(uint64_t epoch, std::string_view uuid) {
  write_epoch_->bind(1, settings_.sink);
  write_epoch_->bind(2, static_cast<int64_t>(epoch));
  write_epoch_->bind(3, uuid);
  write_epoch_->bind(4, static_cast<int64_t>(settings_.attempt));
  return write_epoch_->run();
}

result<void> sqlite_sink_committer::transact(const std::function<result<void>()>& what) {
  SYSTOLE_TRY(database_->execute("BEGIN IMMEDIATE"));
  result<void> done = what();
  if (done) done = database_->execute("COMMIT");
  // The first failure is the one to tell; the transaction is gone with the connection in any case.
  if (!done) (void)database_->execute("ROLLBACK").has_value();
  return done;
}

result<void> sqlite_sink_committer::recover(epoch_id last_completed) {
  SYSTOLE_TRY(open());
  SYSTOLE_TRY(remove_later_segments(*settings_.files, settings_.outbox_folder, last_completed, settings_.attempt));
  raise(settings_.committed, last_completed.value);
  if (!settings_.check_epoch) return {};
  return transact([&]() -> result<void> {
    SYSTOLE_ASSIGN(stored_epoch stored, read_epoch());
    if (last_completed.value == 0 && stored.epoch > 0)
      return fail(error_code::already_exists, where() + " has epoch " + std::to_string(stored.epoch) + " of another run of " +
                                                  settings_.sink + "; continue that run, or write to another table or file");
    if (last_completed.value == 0) SYSTOLE_TRY(refuse_foreign_rows());
    if (stored.epoch > last_completed.value) {
      if (settings_.key.empty())
        return fail(error_code::incompatible, where() + " has epoch " + std::to_string(stored.epoch) + ", later than the restored " +
                                                  std::to_string(last_completed.value) + "; an appended table cannot go back");
      // Keyed rows converge once the replay catches up: the sink goes on from the restored epoch.
      stored = {last_completed.value, std::string(rewound_mark)};
    }
    // From here on an older attempt is refused.
    return write_epoch(stored.epoch, stored.uuid);
  });
}

result<void> sqlite_sink_committer::refuse_foreign_rows() {
  if (!settings_.key.empty()) return {};
  SYSTOLE_ASSIGN(const bool rows, table_has_rows());
  if (!rows) return {};
  return fail(error_code::already_exists, where() + " has rows that are not of this run, and a new run does not append to them; "
                                              "empty it or choose another table");
}

result<void> sqlite_sink_committer::begin(epoch_id last_completed) {
  if (!settings_.check_epoch) return {};
  return transact([&]() -> result<void> {
    SYSTOLE_ASSIGN(const stored_epoch stored, read_epoch());
    if (stored.epoch == last_completed.value) return {};  // begun before a crash, or rewound
    if (stored.epoch > 0)
      return fail(error_code::already_exists, where() + " has epoch " + std::to_string(stored.epoch) + " of " + settings_.sink +
                                                  ", which the saved state does not know; write to another table or file");
    SYSTOLE_TRY(refuse_foreign_rows());
    return write_epoch(last_completed.value, rewound_mark);
  });
}

result<void> sqlite_sink_committer::apply_rows(const batch& rows) {
  const int columns = static_cast<int>(rows.columns().size());
  for (size_t row = 0; row < rows.rows(); ++row) {
    if (erase_) {
      // Also before an insertion: it replaces its key's row. `IS` finds a NULL key, which ON CONFLICT would not.
      for (size_t i = 0; i < settings_.key.size(); ++i)
        erase_->bind(static_cast<int>(i) + 1, rows.at(settings_.key[i]), row);
      SYSTOLE_TRY(erase_->run());
      if (sign(rows.kind(row)) < 0) continue;
    }
    for (int c = 0; c < columns; ++c) insert_->bind(c + 1, rows.at(static_cast<size_t>(c)), row);
    SYSTOLE_TRY(insert_->run());
  }
  return {};
}

result<void> sqlite_sink_committer::apply_equal_rows(const batch& rows, int wanted_sign) {
  sqlite_database::statement& statement = wanted_sign < 0 ? *erase_ : *insert_;
  for (size_t row = 0; row < rows.rows(); ++row) {
    if ((sign(rows.kind(row)) < 0) != (wanted_sign < 0)) continue;
    for (size_t c = 0; c < rows.columns().size(); ++c) statement.bind(static_cast<int>(c) + 1, rows.at(c), row);
    SYSTOLE_TRY(statement.run());
  }
  return {};
}

result<void> sqlite_sink_committer::apply(const commit_epoch& epoch, const std::vector<outbox_segment>& segments) {
  if (settings_.check_epoch) {
    SYSTOLE_ASSIGN(const stored_epoch stored, read_epoch());
    if (stored.epoch == epoch.epoch.value && (stored.uuid == epoch.uuid || stored.uuid == rewound_mark))
      return {};  // applied before a crash, or set by recover()
    if (stored.epoch != epoch.previous.value)
      return fail(error_code::incompatible, "SQLite file " + settings_.path + " has epoch " + std::to_string(stored.epoch) + " of " +
                                                settings_.sink + ", epoch " + std::to_string(epoch.epoch.value) +
                                                " needs " + std::to_string(epoch.previous.value) +
                                                "; another run wrote to it, or it was restored from a copy");
  }
  const auto apply_all = [&](const std::function<result<void>(const batch&)>& apply_batch) -> result<void> {
    for (const outbox_segment& segment : segments) SYSTOLE_TRY(read_segment(*settings_.files, segment, apply_batch));
    return {};
  };
  if (settings_.multiset) {
    // Insertions of all shards first: one shard may take back what another has given.
    SYSTOLE_TRY(apply_all([this](const batch& rows) { return apply_equal_rows(rows, 1); }));
    SYSTOLE_TRY(apply_all([this](const batch& rows) { return apply_equal_rows(rows, -1); }));
  } else {
    SYSTOLE_TRY(apply_all([this](const batch& rows) { return apply_rows(rows); }));
  }
  return write_epoch(epoch.epoch.value, epoch.uuid);
}

result<void> sqlite_sink_committer::commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) {
  SYSTOLE_TRY(open());
  SYSTOLE_ASSIGN(const auto segments, segments_after(shards, epoch.previous));
  SYSTOLE_TRY(transact([&] { return apply(epoch, segments); }));
  // A commit that is repeated after a crash finds its epoch in the table and needs the segments no more.
  if (settings_.check_epoch)
    SYSTOLE_TRY(remove_committed_segments(*settings_.files, settings_.outbox_folder, segments, settings_.attempt));
  raise(settings_.committed, epoch.epoch.value);
  return {};
}

result<std::unique_ptr<sink_factory>> sqlite_sink_factory::make(const proto::Node& node, const sink_input& input,
                                                                const connector_context& context) {
  const proto::Sink& sink = node.sink();
  sqlite_sink_settings settings;
  settings.sink = context.job + "/" + node.step();
  settings.path = sink.path();
  settings.table = sink.table();
  settings.columns = input.columns;
  settings.files = context.files;
  settings.outbox_folder = outbox_folder_of(context.outbox_directory, node.step());
  settings.attempt = context.attempt;
  settings.committed = std::make_shared<std::atomic<uint64_t>>(0);
  settings.check_epoch = context.guards.epoch_check;
  if (settings.path.empty() || settings.table.empty())
    return fail(error_code::invalid_argument, "a SQLite sink needs a path and a table: " + node.step());
  const bool table = sink.write() == "table";
  if (sink.write() != "" && sink.write() != "append" && sink.write() != "upsert" && !table)
    return fail(error_code::invalid_argument, "a SQLite sink's write is append, upsert or table, not " + sink.write());
  for (const std::string& name : sink.key()) {
    const int index = input.columns.find(name);
    if (index < 0) return fail(error_code::invalid_argument, "a SQLite sink's key has an unknown column: " + name);
    if (sink.write() == "upsert" || table) settings.key.push_back(static_cast<size_t>(index));
  }
  if (sink.write() == "upsert" && settings.key.empty())
    return fail(error_code::invalid_argument, "write: upsert needs a key: " + node.step());
  settings.multiset = table && input.changelog && settings.key.empty();
  if (input.changelog && settings.key.empty() && !settings.multiset)
    return fail(error_code::invalid_argument, "write: append takes no changelog; use upsert with a key: " + node.step());
  return std::unique_ptr<sink_factory>(std::make_unique<sqlite_sink_factory>(std::move(settings)));
}

result<std::unique_ptr<sink_writer>> sqlite_sink_factory::make_writer(uint32_t shard, uint32_t) {
  return std::unique_ptr<sink_writer>(std::make_unique<outbox_writer>(*settings_.files, settings_.outbox_folder, settings_.attempt,
                                                                      shard, settings_.committed, settings_.sink,
                                                                      !settings_.key.empty() || settings_.multiset, settings_.key));
}

result<std::unique_ptr<sink_committer>> sqlite_sink_factory::make_committer(uint32_t) {
  return std::unique_ptr<sink_committer>(std::make_unique<sqlite_sink_committer>(settings_));
}

}  // namespace systole
