#include "connectors/postgres/postgres_epochs.h"

namespace systole {

result<void> postgres_epochs::create(postgres_connection& connection) const {
  SYSTOLE_ASSIGN(const postgres_rows known, connection.query("SELECT to_regclass($1) IS NOT NULL", {name_.quoted()}));
  if (known.boolean(0, 0)) return {};
  const std::string ddl = "CREATE TABLE IF NOT EXISTS " + name_.quoted() +
                          " (job text NOT NULL, sink text NOT NULL, epoch bigint NOT NULL, term bigint NOT NULL, "
                          "checkpoint text NOT NULL, written_at timestamp with time zone NOT NULL DEFAULT now(), PRIMARY KEY (job, sink))";
  const auto made = create_alone(connection, ddl);
  if (made || connection.problem().sqlstate != "42501") return made;  // insufficient_privilege
  return fail(error_code::incompatible, "PostgreSQL: this user may not make the table " + name_.text() +
                                            ", which exactly-once delivery needs; run: " + ddl);
}

result<void> postgres_epochs::add_missing(postgres_connection& connection) const {
  SYSTOLE_TRY(connection.query("INSERT INTO " + name_.quoted() +
                                   " (job, sink, epoch, term, checkpoint) VALUES ($1, $2, 0, 0, '') ON CONFLICT (job, sink) DO NOTHING",
                               {job_, sink_}));
  return {};
}

result<std::optional<applied_epoch>> postgres_epochs::lock(postgres_connection& connection) const {
  SYSTOLE_TRY(connection.execute("SET LOCAL lock_timeout = " + std::to_string(limits::postgres_epoch_lock_wait_ms)));
  SYSTOLE_ASSIGN(const postgres_rows row,
                 connection.query("SELECT epoch, term, checkpoint FROM " + name_.quoted() + " WHERE job = $1 AND sink = $2 FOR UPDATE",
                                  {job_, sink_}));
  SYSTOLE_TRY(connection.execute("SET LOCAL lock_timeout = " + std::to_string(limits::postgres_lock_wait_ms)));
  if (row.rows() == 0) return std::optional<applied_epoch>();
  return std::optional<applied_epoch>({epoch_id(static_cast<uint64_t>(row.integer(0, 0))),
                                       term_id(static_cast<uint64_t>(row.integer(0, 1))), std::string(row.text(0, 2))});
}

result<void> postgres_epochs::write(postgres_connection& connection, const applied_epoch& epoch) const {
  SYSTOLE_TRY(connection.query("INSERT INTO " + name_.quoted() +
                                   " (job, sink, epoch, term, checkpoint) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (job, sink) DO UPDATE "
                                   "SET epoch = excluded.epoch, term = excluded.term, checkpoint = excluded.checkpoint, written_at = now()",
                               {job_, sink_, std::to_string(epoch.epoch.value), std::to_string(epoch.term.value), epoch.checkpoint}));
  return {};
}

}  // namespace systole
