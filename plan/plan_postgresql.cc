#include "plan/plan_postgresql.h"

#include <algorithm>

#include "plan/diagnostic_codes.h"
#include "plan/plan_connection.h"

namespace systole {
namespace {

/// PostgreSQL cuts longer names (NAMEDATALEN - 1).
constexpr size_t longest_name = 63;

/// `table` or `schema.table`.
bool check_table_name(plan_context& context, const object_view& connector, std::string_view key) {
  const yaml_node* written = connector.get(key);
  if (!written) return false;  // reported by the table's check
  const std::string& text = written->text;
  const size_t dot = text.find('.');
  const std::string table = dot == std::string::npos ? text : text.substr(dot + 1);
  const bool wrong = table.empty() || dot == 0 || table.find('.') != std::string::npos || table.find('"') != std::string::npos;
  if (wrong) {
    context.problems.error(codes::wrong_scalar, written->at, "`" + std::string(key) + "` is written schema.table",
                           "names as they are in the database, without quotes");
    return false;
  }
  if (table.size() > longest_name || (dot != std::string::npos && dot > longest_name)) {
    context.problems.error(codes::out_of_range, written->at, "a name of PostgreSQL has at most 63 bytes");
    return false;
  }
  return true;
}

}  // namespace

bool fill_postgresql_sink(plan_context& context, const object_view& sink, const stream& input, proto::Sink& message) {
  const object_view postgresql = sink.object("postgresql");
  message.set_kind(proto::Sink::POSTGRES);
  message.set_table(postgresql.text("table"));
  message.set_write(postgresql.text("write"));
  message.mutable_postgres()->set_create_missing(postgresql.text("createTable") == "ifMissing");
  bool ok = find_connection(context, postgresql, "postgresql", *message.mutable_connection());
  ok &= check_table_name(context, postgresql, "table");
  if (postgresql.has("deadLetterTable")) {
    message.mutable_postgres()->set_dead_letter_table(postgresql.text("deadLetterTable"));
    ok &= check_table_name(context, postgresql, "deadLetterTable");
    if (message.postgres().dead_letter_table() == message.table()) {
      context.problems.error(codes::excluded_key, postgresql.at("deadLetterTable"), "`deadLetterTable` is the table itself");
      ok = false;
    }
  }
  if (sink.text("delivery") != "exactlyOnce") {
    context.problems.error(codes::excluded_key, sink.at("delivery"), "a PostgreSQL sink delivers exactly once",
                           "its epoch is noted in the same transaction, which costs nothing");
    ok = false;
  }
  if (message.write() == "append") {
    if (postgresql.has("key")) {
      context.problems.error(codes::excluded_key, postgresql.at("key"), "`key` is for write: upsert");
      return false;
    }
    return needs_append(context, postgresql, input, "use write: upsert with the stream's key") && ok;
  }
  if (postgresql.has("key")) return check_key(context, postgresql, input, message) && ok;
  std::string key;
  if (input.upsert_key)
    for (const std::string& name : *input.upsert_key) key += (key.empty() ? "" : ", ") + name;
  context.problems.error(codes::missing_key, postgresql.at(), "write: upsert needs `key`",
                         key.empty() ? "deduplicate with keep: last, or aggregate, before" : "write key: [" + key + "]");
  return false;
}

bool fill_postgresql_table(plan_context& context, const object_view& table, proto::Source& message) {
  const object_view postgresql = table.object("postgresql");
  message.set_kind(proto::Source::POSTGRES);
  proto::PostgresSource& source = *message.mutable_postgres();
  source.set_table(postgresql.text("table"));
  bool ok = find_connection(context, postgresql, "postgresql", *message.mutable_connection());
  ok &= check_table_name(context, postgresql, "table");
  if (table.has("format")) {
    context.problems.error(codes::excluded_key, table.at("format"), "a table of PostgreSQL has no `format`");
    ok = false;
  }
  for (const std::string& name : table.texts("primaryKey")) source.add_key(name);
  if (!table.has("refresh")) return ok;
  const object_view refresh = table.object("refresh");
  if (refresh.has("interval")) source.set_refresh_interval_us(refresh.duration_us("interval"));
  if (refresh.has("notify")) source.set_notify_channel(refresh.text("notify"));
  if (!refresh.has("interval") && !refresh.has("notify")) {
    context.problems.error(codes::missing_key, table.at("refresh"), "`refresh` needs `interval` or `notify`", "refresh: {interval: 1m}");
    ok = false;
  }
  if (refresh.has("interval") && source.refresh_interval_us() < 1'000'000) {
    context.problems.error(codes::out_of_range, refresh.at("interval"), "`interval` is 1s at least");
    ok = false;
  }
  if (source.notify_channel().size() > longest_name) {
    context.problems.error(codes::out_of_range, refresh.at("notify"), "a name of PostgreSQL has at most 63 bytes");
    ok = false;
  }
  if (!table.has("primaryKey")) {
    context.problems.error(codes::needs_primary_key, table.at("refresh"), "a table that is refreshed needs its key",
                           "give the table a primaryKey: [...]");
    ok = false;
  }
  return ok;
}

bool is_refreshed(const proto::Source& source) {
  return source.postgres().refresh_interval_us() > 0 || !source.postgres().notify_channel().empty();
}

}  // namespace systole
