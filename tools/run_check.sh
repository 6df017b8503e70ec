#!/bin/sh
# The long checks: `./dev check`. Writes what it saw to docs/check_results.md.
#   KILLS=200 FAULTS=100 FUZZ_SECONDS=60 SEED=... ./dev check
#   PARTS="fuzz chaos" ./dev check       only these, added to what is there; all: types units postgres threads fuzz kills chaos
set -eu
cd "$(dirname "$0")/.."
say() { printf '==> %s\n' "$*" >&2; }
kills=${KILLS:-200}
faults=${FAULTS:-100}
fuzz_seconds=${FUZZ_SECONDS:-60}
seed=${SEED:-$(date +%s)}
parts=${PARTS:-types units postgres threads fuzz kills chaos}
report=docs/check_results.md
log=build/check.log
mkdir -p build
: >"$log"
status=0

wants() { case " $parts " in *" $1 "*) return 0 ;; *) return 1 ;; esac }

when="$(date -u '+%Y-%m-%d %H:%M UTC'), commit $(git rev-parse --short HEAD), seed $seed, $(nproc) cores, $(uname -m)"
if [ -z "${PARTS:-}" ]; then
  printf '# Last run of the long checks\n%s\n' "$when" >"$report"
else
  printf '\n%s: %s\n' "$parts" "$when" >>"$report"
fi
printf '\n| check | result |\n|---|---|\n' >>"$report"

# record NAME COMMAND...: runs it, adds a line with its last line of output.
record() {
  name=$1
  shift
  say "$name"
  if "$@" >"$log.one" 2>&1; then outcome=passed; else outcome=FAILED; status=1; tail -20 "$log.one" >&2; fi
  cat "$log.one" >>"$log"
  echo "| $name | $outcome: $(tail -n 1 "$log.one" | tr '|' ' ' | cut -c1-200) |" >>"$report"
}

if wants types; then
  say "configuring for link-time optimisation"
  [ -e build/odr/build.ninja ] || cmake --preset odr >>"$log"
  record "one definition of each type, checked by the linker" ninja -C build/odr systole
fi

if wants units; then
  say "building the unit tests as they are optimised"
  ninja -C build/release unit_tests >>"$log"
  record "unit tests of the release build" ctest --test-dir build/release -L unit --output-on-failure -j 2
fi

if wants postgres; then
  ninja -C build/release test_expr >>"$log"
  for more in 1 2 3 4 5; do
    record "expressions beside PostgreSQL, seed $((seed + more))" \
      python3 tests/expr/record_conformance --check build/release/tests/expr/test_expr $((seed + more))
  done
fi

if wants threads; then
  say "building with the thread sanitizer"
  [ -e build/tsan/build.ninja ] || cmake --preset tsan >>"$log"
  ninja -C build/tsan unit_tests >>"$log"
  record "thread sanitizer, unit tests without CAF and RocksDB" ctest --test-dir build/tsan -L unit --output-on-failure
fi

if wants fuzz; then
  say "building the fuzzers"
  [ -e build/fuzz/build.ninja ] || cmake --preset fuzz >>"$log"
  ninja -C build/fuzz fuzzers >>"$log"
  for target in build/fuzz/tests/fuzz/*_fuzz; do
    name=$(basename "$target" _fuzz)
    mkdir -p "build/fuzz/found/$name"
    corpus=tests/fuzz/corpus/$name
    [ -d "$corpus" ] || corpus=
    record "fuzz $name, $fuzz_seconds s" "$target" -max_total_time="$fuzz_seconds" -seed="$seed" -rss_limit_mb=4096 \
      -artifact_prefix="build/fuzz/found/" "build/fuzz/found/$name" $corpus
  done
fi

if wants kills; then
  record "kill -9 at $kills moments" python3 tests/process/kill_test.py --systole build/release/systole --kills "$kills" --seed "$seed"
fi
if wants chaos; then
  record "chaos, $faults faults in a cluster" \
    python3 tests/cluster/chaos.py --systole build/release/systole --faults "$faults" --seed "$seed"
fi
say "written to $report"
exit $status
