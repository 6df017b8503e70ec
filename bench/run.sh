#!/bin/sh
# ./dev bench [FILTER]        microbenchmarks (FILTER: a regular expression of Google Benchmark)
# ./dev bench flink [flags]   h1 to h4 beside Apache Flink and the hand-written programs (bench/flink.py --help);
#                             without java and maven: --engine systole,hand-written
# ./dev bench kafka [flags]   h1 and h2 from topic to topic, beside Flink on the same broker (bench/kafka.py --help)
# ./dev bench scale WHAT      growth, small memory limits, restarts (bench/scale.py --help)
set -eu
cd "$(dirname "$0")/.."
build=${SYSTOLE_BUILD:-build/release}
what=micro
case ${1:-} in
  micro | flink | kafka | scale) what=$1 && shift ;;
esac
printf '==> building\n' >&2
cmake --preset release -B "$build" -DSYSTOLE_BENCHMARKS=ON >/dev/null
case $what in
  flink | kafka | scale)
    ninja -C "$build" systole limits >/dev/null
    SYSTOLE_BUILD=$build exec python3 "bench/$what.py" "$@"
    ;;
  micro)
    ninja -C "$build" microbenchmarks >/dev/null
    [ $# -eq 0 ] || set -- --benchmark_filter="$1"
    exec "$build/bench/microbenchmarks" "$@"
    ;;
esac
