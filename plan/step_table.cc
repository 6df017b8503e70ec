#include "plan/manifest_table.h"

namespace systole::manifest_table {
namespace {

value_shape field_map() { return map_of(value_kind::identifier, expression()); }
value_shape expressions() { return list_of(expression()); }
value_shape key_by() {
  return either({list_of(expression(), true), map_of(value_kind::identifier, expression(), true)});
}

const object_descriptor& project() {
  static const object_descriptor made{
      "project", "Makes new columns.",
      {
          {"fields", field_map(), "column: expression; the output has these only."},
          {"add", field_map(), "column: expression; the input's columns stay, one of the same name is replaced."},
          {"drop", list_of(identifier()), "Columns that are left out."},
      }};
  return made;
}

const object_descriptor& rule() {
  static const object_descriptor made{
      "a rule", "A row passes when the check is TRUE: not when it is NULL.",
      {
          {"id", text(), "Names the rule in dead letters, flags and counters.", true},
          {"check", expression(), "A boolean expression; sees the repairs of the rules before.", true},
          {"message", expression(), "The reason, as a text expression."},
          {"repair", map_of(value_kind::identifier, expression()), "flag: new values of columns where the rule is violated."},
          not_yet("existsIn", "A row of another stream must exist.", false),
      }};
  return made;
}

const object_descriptor& flag() {
  static const object_descriptor made{
      "flag", "Rows stay; the violated rules are listed in a column.",
      {
          {"column", identifier(), "The new TEXT column.", true},
          {"separator", text(), "Between rules.", false, "|"},
          {"none", text(), "The word for no violation.", false, "CLEAN"},
      }};
  return made;
}

const object_descriptor& on_violation() {
  static const object_descriptor made{
      "onViolation", "flag: rows stay and are marked.", {{"flag", object(flag()), "Mark rows.", true}}};
  return made;
}

const object_descriptor& validate() {
  static const object_descriptor made{
      "validate", "Checks each row by rules.",
      {
          {"onViolation", either({choice({"reject"}), object(on_violation())}),
           "reject: rows that violate a rule go to the dead letter; {flag: {column}}: they are marked.", false, "reject"},
          {"flag", object(flag()), "Short for onViolation: {flag: ...}."},
          {"rules", list_of(object(rule())), "In order.", true},
      }};
  return made;
}

const object_descriptor& branch() {
  static const object_descriptor made{
      "a branch", "A row for each input row that it matches.",
      {
          {"when", expression(), "A boolean expression; without it, always."},
          {"fields", field_map(), "column: expression; all branches have the same columns.", true},
      }};
  return made;
}

const object_descriptor& series() {
  static const object_descriptor made{
      "generateSeries", "A row for each value from `from` to `to`.",
      {
          {"from", expression(), "The first value: a number, date or time.", true},
          {"to", expression(), "The last value.", true},
          {"step", expression(), "A number (days for dates) or an interval.", false, "1"},
          {"as", identifier(), "The column of the values.", false, "value"},
      }};
  return made;
}

const object_descriptor& expand_series() {
  static const object_descriptor made{
      "expand", "Makes several rows of one.",
      {
          {"generateSeries", object(series()), "A row per value.", true},
          {"fields", field_map(), "column: expression over the input and the series; else all of them."},
      }};
  return made;
}

const object_descriptor& deduplicate() {
  static const object_descriptor made{
      "deduplicate", "Keeps one row per key. Rows with a NULL in their key are never duplicates.",
      {
          {"key", expressions(), "What tells rows apart.", true},
          {"keep", choice({"first", "last"}), "first: append-only; last: a changelog.", false, "first"},
          {"orderBy", list_of(expression()), "What first and last mean: expressions, with DESC and NULLS FIRST; then arrival."},
          {"ttl", duration(), "A key is forgotten after this time; 0s: never.", false, "0s"},
          {"ttlClock", choice({"auto", "eventTime", "processingTime"}), "auto: event time where there is a watermark.", false,
           "auto"},
      }};
  return made;
}

const object_descriptor& aggregate_emit() {
  static const object_descriptor made{
      "emit", "When results are given.",
      {
          {"mode", choice({"onChange", "final"}), "onChange: a changelog; final: once, at the end of the input.", false,
           "onChange"},
          {"minInterval", duration(), "onChange: at most one change per key in this time; 0s: no limit.", false, "0s"},
          {"coalesce", boolean(), "onChange: changes of a key within one batch are one; false: a change row for every row.",
           false, "true"},
      }};
  return made;
}

const object_descriptor& aggregate() {
  static const object_descriptor made{
      "aggregate", "Groups rows. The output has the keys and the fields.",
      {
          {"keyBy", key_by(), "Columns, or name: expression; none: one group.", true},
          {"fields", map_of(value_kind::identifier, expression(), true), "column: expression with aggregate functions."},
          {"emit", object(aggregate_emit()), "When results are given."},
      }};
  return made;
}

const object_descriptor& tumbling() {
  static const object_descriptor made{
      "tumbling", "Windows side by side.",
      {
          {"size", duration(), "The window's length.", true},
          {"offset", duration(), "Where the first starts, after 1970-01-01T00:00Z.", false, "0s"},
      }};
  return made;
}

const object_descriptor& hopping() {
  static const object_descriptor made{
      "hopping", "Windows that overlap.",
      {
          {"size", duration(), "The window's length; a multiple of slide.", true},
          {"slide", duration(), "From one start to the next.", true},
          {"offset", duration(), "Where the first starts, after 1970-01-01T00:00Z.", false, "0s"},
      }};
  return made;
}

const object_descriptor& window_emit() {
  static const object_descriptor made{
      "emit", "When results are given.",
      {{"mode", choice({"final", "onTime"}),
        "final: once, when nothing late is taken any more; onTime: at the window's end, then corrections (a changelog).",
        false, "final"}}};
  return made;
}

const object_descriptor& window() {
  static const object_descriptor made{
      "window", "Groups rows by key and window of event time. window_start(), window_end() and window_time() name it.",
      {
          {"keyBy", key_by(), "Columns, or name: expression; none: one group.", false},
          {"tumbling", object(tumbling()), "Windows side by side.", false, {}, alternative},
          {"hopping", object(hopping()), "Windows that overlap.", false, {}, alternative},
          not_yet("session", "Windows that end with silence."), not_yet("cumulative", "Windows that grow."),
          {"allowedLateness", duration(), "How long after its end a window takes rows.", false, "0s"},
          {"onLate", choice({"reject", "drop"}), "Late rows go to the dead letter, or are only counted.", false, "reject"},
          {"emit", object(window_emit()), "When results are given."},
          {"fields", field_map(), "column: expression with aggregate functions.", true},
      },
      "kind of window"};
  return made;
}

const object_descriptor& join() {
  static const object_descriptor made{
      "join", "Joins two streams, or a stream with a table.",
      {
          {"type", choice({"inner", "left", "right", "full", "semi", "anti"}), "Which rows stay.", false, "inner"},
          {"table", map_of(value_kind::identifier, name()), "alias: table; the other input is the stream."},
          {"on", expression(), "Equalities joined by AND, and other conditions; columns as alias.column.", true},
          {"within", expression(), "right.time BETWEEN left.time - INTERVAL '..' AND left.time + INTERVAL '..': an interval join."},
          {"onMissing", choice({"drop", "reject"}), "inner join with a table: a row without match is left out, or rejected.",
           false, "drop"},
          {"onRefresh", choice({"keep", "reemit"}), "What a change of the table does to rows already joined.", false, "keep"},
          {"ttl", duration(), "join of two streams: a row is forgotten after this time; 0s: never.", false, "0s"},
          {"fields", field_map(), "column: expression over alias.column.", true},
          not_yet("asOf", "The table as it was at the row's event time.", false),
      }};
  return made;
}

const object_descriptor& over() {
  static const object_descriptor made{
      "over", "Adds columns from the rows around each: lag, lead, first_value, last_value, row_number, count, sum, min, max.",
      {
          {"partitionBy", expressions(), "What keeps rows apart.", true},
          {"orderBy", expressions(), "Their order: expressions, with DESC and NULLS FIRST; then arrival.", true},
          {"fields", field_map(), "column: expression with window functions, without OVER; the input's columns stay.", true},
      }};
  return made;
}

const object_descriptor& union_of() {
  static const object_descriptor made{"union", "All rows of its inputs; columns by name.", {}};
  return made;
}

}  // namespace

const object_descriptor& step() {
  static const object_descriptor made{
      "a step", "One operation on one or more inputs.",
      {
          {"name", name(), "Names the step and its state.", true},
          {"input", name(), "The step, source or table whose rows it takes."},
          {"inputs", either({list_of(name()), map_of(value_kind::identifier, name())}),
           "Several inputs: a list (union), or alias: step (join)."},
          {"renamedFrom", name(), "The step's former name: its state is kept."},
          {"filter", expression(), "Keeps rows for which it is TRUE.", false, {}, alternative},
          {"project", object(project()), "Makes new columns.", false, {}, alternative},
          {"validate", object(validate()), "Checks rows by rules.", false, {}, alternative},
          {"expand", either({list_of(object(branch())), object(expand_series())}), "Makes several rows of one.", false, {},
           alternative},
          {"deduplicate", object(deduplicate()), "Keeps one row per key.", false, {}, alternative},
          {"aggregate", object(aggregate()), "Groups rows.", false, {}, alternative},
          {"window", object(window()), "Groups rows by windows of event time.", false, {}, alternative},
          {"join", object(join()), "Joins streams or a table.", false, {}, alternative},
          {"over", object(over()), "Adds columns from the rows around each.", false, {}, alternative},
          {"union", object(union_of()), "All rows of several inputs.", false, {}, alternative},
          not_yet("sql", "A query."), not_yet("topN", "The first rows of each group."),
          not_yet("process", "A program of your own."),
      },
      "operation"};
  return made;
}

}  // namespace systole::manifest_table
