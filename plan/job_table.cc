#include "base/limits.h"
#include "plan/manifest_table.h"

namespace systole::manifest_table {
namespace {

const object_descriptor& metadata() {
  static const object_descriptor made{
      "metadata", "Names the document.",
      {
          {"name", name(), "The job's name: part of its state's identity and of every metric.", true},
          {"labels", map_of(value_kind::text, text(), true), "Free labels."},
          {"description", text(), "What the job is for."},
      }};
  return made;
}

const object_descriptor& parameter() {
  static const object_descriptor made{
      "a parameter", "A value given at the start with --param NAME=VALUE; read by ${param.NAME} and by param('NAME') in SQL.",
      {
          {"type", choice({"string", "int", "number", "bool", "date", "timestamp", "duration"}), "The type of its value.",
           false, "string"},
          {"default", text(), "The value when none is given."},
          {"enum", list_of(text()), "The only values that it may have."},
          {"fromEnv", text(), "The environment variable that gives the value when the command line does not."},
          {"required", boolean(), "Without a value (and default) the job does not start; false: it is NULL then.", false,
           "true"},
          {"description", text(), "What it does."},
      }};
  return made;
}

const object_descriptor& checkpoint() {
  static const object_descriptor made{
      "checkpoint", "How often a consistent cut of the job is kept.",
      {
          {"mode", choice({"exactlyOnce"}), "The guarantee.", false, "exactlyOnce"},
          {"interval", duration(), "Time between the starts of two checkpoints.", false, "10s"},
          {"timeout", duration(), "A checkpoint that takes longer is given up.", false, "5m"},
          {"retained", integer(1, 1000), "How many complete checkpoints are kept.", false, "3"},
      }};
  return made;
}

const object_descriptor& restart() {
  static const object_descriptor made{
      "restart", "What happens when a task fails.",
      {
          {"strategy", choice({"exponentialDelay", "none"}), "Try again with growing delays, or stop.", false,
           "exponentialDelay"},
          {"initialDelay", duration(), "The first delay; it doubles with each failure.", false, "100ms"},
          {"maxDelay", duration(), "The longest delay.", false, "1m"},
      }};
  return made;
}

const object_descriptor& error_handling() {
  static const object_descriptor made{
      "errorHandling", "Where records go that cannot be used.",
      {
          {"deadLetter", name(), "The sink (without input) that takes rejected records; without one they are only counted."},
          {"maxRejectRatio", number(0, 1), "The job fails when more of its records are rejected; 0: no limit.", false, "0"},
          {"over", duration(), "The time over which maxRejectRatio counts.", false, "5m"},
      }};
  return made;
}

const object_descriptor& specification() {
  static const object_descriptor made{
      "spec", "What the job does.",
      {
          {"parameters", map_of(value_kind::identifier, object(parameter()), true), "Values given at the start."},
          {"parallelism", integer(1, 1024), "How many subtasks each stage has.", false, "1"},
          {"maxParallelism", integer(1, limits::max_parallelism),
           "The most subtasks that the job's state can ever be spread over; fixed for the state's life.", false, "128"},
          {"checkpoint", object(checkpoint()), "How often a consistent cut of the job is kept."},
          {"restart", object(restart()), "What happens when a task fails."},
          {"errorHandling", object(error_handling()), "Where records go that cannot be used."},
          {"schemas",
           map_of(value_kind::identifier, map_of(value_kind::identifier, text()), true),
           "Schemas by name: column: type [not null] [from path]."},
          {"sources", list_of(object(source())), "Where records come from.", true},
          {"tables", list_of(object(table()), true), "Keyed tables to join with, or bounded streams."},
          {"steps", list_of(object(step()), true), "What is done with the records."},
          {"sinks", list_of(object(sink())), "Where results go.", true},
      }};
  return made;
}

}  // namespace

const object_descriptor& job_document() {
  static const object_descriptor made{
      "a Job", "A job: sources, steps and sinks.",
      {
          {"apiVersion", choice({"systole/v1"}), "The manifest's version.", true},
          {"kind", choice({"Job"}), "What this document is.", true},
          {"metadata", object(metadata()), "Names the job.", true},
          {"spec", object(specification()), "What the job does.", true},
      }};
  return made;
}

}  // namespace systole::manifest_table
