#include "plan/manifest_table.h"

namespace systole::manifest_table {
namespace {

const object_descriptor& files() {
  static const object_descriptor made{
      "files", "Files in a directory; .gz and .zst are read through.",
      {
          {"path", text(), "A path or glob (* ? [..]). A relative path is relative to the manifest, unless it starts with "
                           "a parameter: then to the working directory.", true},
          {"order", choice({"any", "byName"}),
           "any: the file with the lowest watermark first, large ones in parallel; byName: one after another.", false, "any"},
          {"follow", boolean(), "Go on without end: with new files, and with what is appended to those that were read.", false,
           "false"},
      }};
  return made;
}

const object_descriptor& generator() {
  static const object_descriptor made{
      "generator", "The built-in simulator.",
      {
          {"kind", choice({"patient-flow"}), "What is simulated.", false, "patient-flow"},
          {"seed", integer(0, 9.0e15), "Equal seeds give equal events.", false, "1"},
          {"count", integer(0, 9.0e15), "Events in all; 0: without end.", false, "0"},
          {"rate", number(0, 1e9), "Events per second of real time; 0: as fast as they are taken.", false, "0"},
          {"stays", boolean(), "Discharge each patient at the end of a drawn stay, and admit only to free beds.", false,
           "false"},
          {"surge", boolean(), "Three times the rate in winter and on Friday to Sunday evenings.", false, "true"},
          {"dirt", number(0, 10), "Multiplies the rates of all kinds of dirt; 0: clean.", false, "1"},
          {"start", text(), "The virtual clock's start: a timestamp.", false, "2026-01-01T00:00:00Z"},
          {"step", duration(), "Virtual time from step to step; a third of it in a surge.", false, "1m"},
          {"hospitals", integer(1, 7), "How many hospitals there are.", false, "7"},
          {"speed", number(0, 1e9), "Virtual seconds per real second, where rate is 0 and this is not; 0: free.", false, "0"},
      }};
  return made;
}

const object_descriptor& starting_offsets() {
  static const object_descriptor made{
      "startingOffsets", "Where a partition without a saved position begins.",
      {
          {"timestamp", text(), "At the first record of this time or later.", false, {}, alternative},
          {"offsets", map_of(value_kind::text, integer(0, 9.2e18), true), "By partition; others at the earliest.", false, {},
           alternative},
      },
      "start"};
  return made;
}

const object_descriptor& kafka_in() {
  static const object_descriptor made{
      "kafka", "A Kafka topic; positions are saved with the job's checkpoints, not in a group.",
      {
          {"connection", name(), "A Connection to Kafka.", true},
          {"topic", text(), "The topic.", true},
          {"startingOffsets", either({choice({"earliest", "latest"}), object(starting_offsets())}),
           "Where a partition without a saved position begins; one that is found later begins at the earliest.", false,
           "earliest"},
          {"discoveryInterval", duration(), "How often new partitions are looked for; 0s: never.", false, "1m"},
          {"bounded", boolean(), "The stream ends with the records that are there when the job first starts.", false, "false"},
      }};
  return made;
}

const object_descriptor& json_in() {
  static const object_descriptor made{
      "json", "One JSON object per line.",
      {
          {"unknownFields", choice({"ignore", "reject"}), "What a key that the schema does not name does.", false, "ignore"},
          {"strictTypes", boolean(), "A value of a wrong type rejects the record; else it is NULL.", false, "false"},
          {"lenient", boolean(), "A number in a text field is its text, an object or array its compact JSON.", false, "true"},
      }};
  return made;
}

const object_descriptor& csv_in() {
  static const object_descriptor made{
      "csv", "Comma-separated values (RFC 4180).",
      {
          {"header", boolean(), "The first record names the columns; else they come in the schema's order.", false, "true"},
          {"delimiter", text(), "One character between values.", false, ","},
          {"quote", text(), "The character around values that hold delimiters.", false, "\""},
          {"nullWords", list_of(text(), true), "Words that mean NULL, besides an empty value."},
          {"quotedNewlines", boolean(), "Values may hold line breaks; such files are not read in parallel.", false, "false"},
          {"trim", boolean(), "Outer blanks of unquoted values are not part of them.", false, "false"},
          {"unknownFields", choice({"ignore", "reject"}), "What a column that the schema does not name does.", false,
           "ignore"},
          {"strictTypes", boolean(), "A value of a wrong type rejects the record; else it is NULL.", false, "false"},
      }};
  return made;
}

const object_descriptor& format_in() {
  static const object_descriptor made{
      "format", "How records are written.",
      {
          {"json", object(json_in()), "One JSON object per line.", false, {}, alternative},
          {"csv", object(csv_in()), "Comma-separated values.", false, {}, alternative},
          not_yet("avro", "Avro."), not_yet("protobuf", "Protobuf."), not_yet("debezium", "Debezium change events."),
          not_yet("hl7v2", "HL7 v2 messages."), not_yet("fhir", "FHIR resources."),
      },
      "format"};
  return made;
}

const object_descriptor& schema_of() {
  static const object_descriptor made{
      "schema", "The columns: a reference, or written here.",
      {
          {"ref", identifier(), "A name in spec.schemas.", false, {}, alternative},
          {"columns", map_of(value_kind::identifier, text()), "column: type [not null] [from path]; of a topic also from "
                                                             "kafka.key, kafka.headers.NAME, kafka.timestamp, "
                                                             "kafka.partition, kafka.offset, kafka.topic, kafka.tombstone.", false, {}, alternative},
          {"strict", boolean(), "Check every column; else only those that some step reads.", false, "false"},
      },
      "kind of schema"};
  return made;
}

const object_descriptor& watermark() {
  static const object_descriptor made{
      "watermark", "How far event time has come.",
      {
          {"column", identifier(), "The column with the event time (TIMESTAMPTZ).", true},
          {"maxOutOfOrderness", duration(), "How late a record may come.", false, "0s"},
          {"idleTimeout", duration(), "A split that is silent for so long holds no watermark back; 0s: it always does.", false,
           "1m"},
          {"maxDrift", duration(), "Kafka and followed files: a split so far ahead of the slowest waits for it; 0s: none "
                                   "waits.", false, "0s"},
          {"advanceWhenIdle", boolean(), "When all splits are idle the watermark follows the clock.", false, "false"},
      }};
  return made;
}

const object_descriptor& roll() {
  static const object_descriptor made{
      "roll", "When a part file ends.",
      {
          {"interval", duration(), "After this time.", false, "1m"},
          {"size", size(), "After these bytes.", false, "64MiB"},
      }};
  return made;
}

const object_descriptor& file_out() {
  static const object_descriptor made{
      "file", "Files: appended parts, or one file with the current table.",
      {
          {"path", text(), "The directory of parts, or the table's file. Relative as in `files`.", true},
          {"write", choice({"append", "table"}), "append: parts of an append-only stream; table: the current rows.", false,
           "append"},
          {"key", list_of(identifier()), "table: its key; without one, equal rows are counted."},
          {"roll", object(roll()), "append: when a part file ends; one that is begun ends with the job, also where it is stopped."},
          {"interval", duration(), "table: the file is replaced at most so often.", false, "1s"},
          {"compression", choice({"none", "gzip", "zstd"}), "Of each file.", false, "none"},
          not_yet("partitionBy", "Folders by value.", false),
      }};
  return made;
}

const object_descriptor& sqlite() {
  static const object_descriptor made{
      "sqlite", "A table in an SQLite file.",
      {
          {"path", text(), "The database file. Relative as in `files`.", true},
          {"table", identifier(), "The table; it is made where it does not exist.", true},
          {"write", choice({"append", "upsert", "table"}),
           "append: every row; upsert: the current row of each key; table: the current rows, with or without a key.", false,
           "append"},
          {"key", list_of(identifier()), "upsert: the stream's upsert key."},
      }};
  return made;
}

const object_descriptor& console() {
  static const object_descriptor made{
      "console", "A live table on the terminal, plain lines elsewhere.",
      {
          {"key", list_of(identifier()), "What tells rows apart."},
          {"interval", duration(), "It is drawn at most so often.", false, "200ms"},
          {"rows", integer(1, 1000), "The most rows shown.", false, "40"},
          {"title", text(), "The line above the table."},
      }};
  return made;
}

const object_descriptor& metrics() {
  static const object_descriptor made{
      "metrics", "The current rows as gauges of the process's metrics: systole_result_COLUMN.",
      {
          {"key", list_of(identifier()), "The stream's upsert key."},
          {"labels", list_of(identifier()), "Columns that become labels; the key's are among them. Never what names a person.",
           true},
          {"values", list_of(identifier()), "Numeric columns; each becomes a gauge.", true},
          {"maxSeries", integer(1, 10'000), "Keys beyond it are left out, and systole_result_full says so.", false, "500"},
      }};
  return made;
}

const object_descriptor& blackhole() {
  static const object_descriptor made{"blackhole", "Counts rows and forgets them.", {}};
  return made;
}

const object_descriptor& collect() {
  static const object_descriptor made{
      "collect", "Counts rows and sums a checksum of them that does not depend on their order.", {}};
  return made;
}

const object_descriptor& csv_out() {
  static const object_descriptor made{
      "csv", "Comma-separated values (RFC 4180).",
      {{"header", boolean(), "The first line names the columns.", false, "true"}}};
  return made;
}
const object_descriptor& json_out() {
  static const object_descriptor made{"json", "One JSON object per line.", {}};
  return made;
}
const object_descriptor& dead_letter() {
  static const object_descriptor made{
      "deadLetter", "The dead letter's envelope: job, step, rule, reason, sqlstate, event_time, topic, partition, offset, raw.",
      {{"value", choice({"original"}), "original: with the record's bytes as they came.", false, "original"}}};
  return made;
}

const object_descriptor& format_out() {
  static const object_descriptor made{
      "format", "How rows are written.",
      {
          {"json", object(json_out()), "One JSON object per line.", false, {}, alternative},
          {"csv", object(csv_out()), "Comma-separated values.", false, {}, alternative},
          {"deadLetter", object(dead_letter()), "Only for the dead letter.", false, {}, alternative},
          not_yet("avro", "Avro."), not_yet("protobuf", "Protobuf."), not_yet("debezium", "Debezium change events."),
      },
      "format"};
  return made;
}

}  // namespace

const object_descriptor& source() {
  static const object_descriptor made{
      "a source", "A stream of records.",
      {
          {"name", name(), "Names the stream.", true},
          {"enabled", boolean(), "false: the source is left out, with the steps and sinks that need it; a union goes on "
                                 "with its other inputs.", false, "true"},
          {"files", object(files()), "Files by glob.", false, {}, alternative},
          {"generator", object(generator()), "The built-in simulator.", false, {}, alternative},
          {"kafka", object(kafka_in()), "A Kafka topic.", false, {}, alternative},
          not_yet("postgresql", "A PostgreSQL table."), not_yet("http", "HTTP ingest."),
          {"format", object(format_in()), "How records are written; files and topics need it."},
          {"schema", object(schema_of()), "The columns.", true},
          {"ingestionTime", expression(), "The time of arrival: an expression over columns and param(), or "
                                          "kafka.timestamp; NULL: the clock."},
          {"watermark", object(watermark()), "Event time; windows and interval joins need it."},
      },
      "connector"};
  return made;
}

const object_descriptor& table() {
  static const object_descriptor made{
      "a table", "A keyed table: read whole before the first row that joins it; as a step's input, a bounded stream.",
      {
          {"name", name(), "Names the table.", true},
          {"files", object(files()), "Files by glob.", false, {}, alternative},
          {"postgresql", object(postgresql_in()), "A table or view of a PostgreSQL server.", false, {}, alternative},
          not_yet("kafka", "A Kafka topic."), not_yet("http", "An HTTP server."),
          {"format", object(format_in()), "How records are written; files need it."},
          {"schema", object(schema_of()), "The columns.", true},
          {"primaryKey", list_of(identifier()), "The columns that tell rows apart; a join needs it."},
          {"refresh", object(refresh()), "PostgreSQL: when it is read again; without it, once."},
      },
      "connector"};
  return made;
}

const object_descriptor& sink() {
  static const object_descriptor made{
      "a sink", "Where rows go.",
      {
          {"name", name(), "Names the sink.", true},
          {"input", name(), "The step or source whose rows it takes; none for the dead letter."},
          {"enabled", boolean(), "false: the sink, and steps that only it needs, are left out.", false, "true"},
          {"file", object(file_out()), "Files.", false, {}, alternative},
          {"sqlite", object(sqlite()), "A table in an SQLite file.", false, {}, alternative},
          {"console", object(console()), "A live table on the terminal.", false, {}, alternative},
          {"metrics", object(metrics()), "Gauges of the process's metrics.", false, {}, alternative},
          {"blackhole", object(blackhole()), "Counts rows.", false, {}, alternative},
          {"collect", object(collect()), "Counts rows and sums their checksum.", false, {}, alternative},
          {"kafka", object(kafka_out()), "A Kafka topic.", false, {}, alternative},
          {"postgresql", object(postgresql_out()), "A table of a PostgreSQL server.", false, {}, alternative},
          not_yet("http", "HTTP."),
          {"format", object(format_out()), "How rows are written; files and topics need it."},
          {"delivery", choice({"exactlyOnce", "atLeastOnce"}), "The guarantee; atLeastOnce for topics only.", false,
           "exactlyOnce"},
      },
      "connector"};
  return made;
}

}  // namespace systole::manifest_table
