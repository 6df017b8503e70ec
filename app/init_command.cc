#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/exit_code.h"
#include "base/file_system.h"

namespace systole {
namespace {

constexpr const char* job_yaml = R"yaml(# A first job: who lies in which department now.
# Run it:     systole run job.yaml
# Check it:   systole validate job.yaml
# See inside: systole explain job.yaml
#
# An editor with a YAML language server completes and explains every key:
#   systole schema > systole-v1.schema.json
# yaml-language-server: $schema=systole-v1.schema.json
apiVersion: systole/v1
kind: Job
metadata: {name: first-job}
spec:
  # Values that a run may change: systole run job.yaml --param out=somewhere
  parameters:
    out: {type: string, default: out}

  # A consistent snapshot of all state and of the position in each source, once a second.
  # With --state DIR a run that was stopped or killed goes on from the last one; nothing is lost or doubled.
  checkpoint: {interval: 1s}

  # Rows that cannot be read or fail a rule go to this sink, with the reason and the original bytes.
  errorHandling: {deadLetter: rejected}

  sources:
    - name: adt
      files: {path: events.ndjson}         # or a glob; relative to this file
      format: {json: {}}
      schema:
        columns:
          event_id: text not null
          event_type: text not null
          event_occurred: timestamptz not null
          visit_number: text not null
          department: text
          heart_rate: int from vitals.heart_rate      # a nested field

  # Each step has a name, its input, and one operation. The name identifies the step's state.
  steps:
    - name: valid
      input: adt
      validate:
        onViolation: reject
        rules:
          - {id: unknown_event_type, check: "event_type IN ('admit', 'transfer', 'discharge')"}
          - {id: missing_department, check: "event_type = 'discharge' OR department IS NOT NULL"}

    - name: unique_events                  # an event that is sent twice counts once
      input: valid
      deduplicate: {key: [event_id]}

    - name: visits                         # the last known state of each visit
      input: unique_events
      deduplicate: {key: [visit_number], keep: last, orderBy: [event_occurred]}

    - name: in_bed
      input: visits
      filter: event_type <> 'discharge'

    - name: occupancy
      input: in_bed
      aggregate:
        keyBy: [department]
        fields:
          occupied_beds: count(*)
          avg_heart_rate: round(avg(heart_rate), 1)

  sinks:
    - name: live
      input: occupancy
      console: {}
    - name: occupancy_file
      input: occupancy
      file: {path: "${param.out}/occupancy.csv", write: table, key: [department]}
      format: {csv: {}}
    - name: rejected
      file: {path: "${param.out}/rejected"}
      format: {deadLetter: {value: original}}
)yaml";

constexpr const char* events_ndjson =
    R"ndjson({"event_id":"e1","event_type":"admit","event_occurred":"2026-01-01T08:00:00Z","visit_number":"v1","department":"Medicine","vitals":{"heart_rate":72}}
{"event_id":"e2","event_type":"admit","event_occurred":"2026-01-01T08:10:00Z","visit_number":"v2","department":"Medicine","vitals":{"heart_rate":95}}
{"event_id":"e2","event_type":"admit","event_occurred":"2026-01-01T08:10:00Z","visit_number":"v2","department":"Medicine","vitals":{"heart_rate":95}}
{"event_id":"e3","event_type":"admit","event_occurred":"2026-01-01T08:30:00Z","visit_number":"v3","department":"ICU","vitals":{"heart_rate":110}}
{"event_id":"e4","event_type":"transfer","event_occurred":"2026-01-01T09:00:00Z","visit_number":"v2","department":"ICU","vitals":{"heart_rate":101}}
{"event_id":"e5","event_type":"admit","event_occurred":"2026-01-01T09:15:00Z","visit_number":"v4","vitals":{"heart_rate":64}}
{"event_id":"e6","event_type":"discharge","event_occurred":"2026-01-01T10:00:00Z","visit_number":"v3"}
{"event_id":"e7","event_type":"admit","event_occurred":"2026-01-01T10:05:00Z","visit_number":"v5","department":"Surgery","vitals":{"heart_rate":80}}
)ndjson";

int init(const std::string& directory) {
  file_system& files = posix_file_system();
  const std::vector<std::pair<std::string, const char*>> contents = {{"job.yaml", job_yaml}, {"events.ndjson", events_ndjson}};
  const auto report = [](const failure& problem) {
    std::fprintf(stderr, "systole init: %s\n", problem.message.c_str());
    return exit_negative;
  };
  if (auto made = files.create_directories(directory); !made) return report(made.error());
  for (const auto& [name, text] : contents) {
    const std::string path = directory + "/" + name;
    auto exists = files.exists(path);
    if (!exists) return report(exists.error());
    if (*exists) {
      std::fprintf(stderr, "systole init: %s is there already; nothing was changed. Give another directory.\n", path.c_str());
      return exit_negative;
    }
  }
  for (const auto& [name, text] : contents)
    if (auto written = write_file_durably(files, directory + "/" + name, text); !written) return report(written.error());
  std::fprintf(stderr,
               "Wrote %s/job.yaml (a commented job) and %s/events.ndjson (its input). Next:\n"
               "  systole run %s/job.yaml\n",
               directory.c_str(), directory.c_str(), directory.c_str());
  return exit_success;
}

}  // namespace

void add_init_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("init", "Write a commented first job with sample data");
  auto directory = std::make_shared<std::string>();
  verb->add_option("DIR", *directory, "Directory to make")->required();
  verb->footer("Example:\n  systole init first-job && cd first-job && systole run job.yaml");
  verb->callback([&chosen, directory] { chosen = [directory] { return init(*directory); }; });
}

}  // namespace systole
