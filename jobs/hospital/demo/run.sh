#!/bin/sh
# The demo: seven hospitals fill and empty, simulated; called by ./dev demo with the path of the command.
set -eu
systole=$(realpath "$1")
cd "$(dirname "$0")/.."
out=${SYSTOLE_DEMO_OUT:-$(cd ../.. && pwd)/out/demo}
rm -rf "$out"
mkdir -p "$out"
say() { printf '%s\n' "$*" >&2; }
say "A simulated week of seven hospitals, in about half a minute: every admission and discharge is an event, 3 in 20 of them dirty."
say "The job cleans them, keeps 13 tables current, and delivers them exactly once to files and to SQLite."
say ""
"$systole" run patient_flow/job.yaml --state "$out/state" --param out="$out" --param from_files=false --param simulate=true \
  --param count=11000 --param speed=15000 --param to_sqlite=true --param show=true
say ""
say "What was made, in $out:"
for table in "$out"/*.csv; do
  say "  $(basename "$table")  $(($(wc -l <"$table") - 1)) rows"
done
say "  patient_flow.sqlite  the same tables"
say ""
say "Three commands to try next:"
say "  sqlite3 -box $out/patient_flow.sqlite \"SELECT department, sum(occupied_beds) AS occupied, sum(bed_capacity) AS beds FROM kpi_occupancy GROUP BY department\""
say "  $systole explain $(pwd)/patient_flow/job.yaml --param out=$out --param from_files=false --param simulate=true"
say "  $systole init first-job && $systole run first-job/job.yaml"
