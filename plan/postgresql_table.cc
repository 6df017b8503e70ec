// What sinks and tables in a PostgreSQL server may say.
#include "plan/manifest_table.h"

namespace systole::manifest_table {

const object_descriptor& postgresql_out() {
  static const object_descriptor made{
      "postgresql", "A table of a PostgreSQL server, written exactly once: each epoch is one transaction.",
      {
          {"connection", name(), "A Connection to PostgreSQL.", true},
          {"table", text(), "schema.table, as it is written in the database.", true},
          {"write", choice({"append", "upsert"}), "append: every row; upsert: the current row of each key.", false, "append"},
          {"key", list_of(identifier()), "upsert: the stream's upsert key, which is unique in the table."},
          {"createTable", choice({"never", "ifMissing"}), "Whether missing tables are made.", false, "never"},
          {"deadLetterTable", text(), "schema.table for rows that a constraint refuses; without it such a row stops the job."},
      }};
  return made;
}

const object_descriptor& postgresql_in() {
  static const object_descriptor made{
      "postgresql", "A table or view of a PostgreSQL server.",
      {
          {"connection", name(), "A Connection to PostgreSQL.", true},
          {"table", text(), "schema.table, as it is written in the database.", true},
      }};
  return made;
}

const object_descriptor& refresh() {
  static const object_descriptor made{
      "refresh", "When the table is read again; its changes hold for rows that come later.",
      {
          {"interval", duration(), "So often."},
          {"notify", text(), "After each NOTIFY on this channel, once a second at most."},
      }};
  return made;
}

}  // namespace systole::manifest_table
