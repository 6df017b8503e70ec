#!/bin/sh
# ./dev bench [FILTER]          microbenchmarks (FILTER: a regular expression of Google Benchmark)
# ./dev bench flink [flags]     h1 to h4 beside Apache Flink and the hand-written programs (bench/flink.py --help);
#                               without java and maven: --engine systole,hand-written
# ./dev bench kafka [flags]     h1 and h2 from topic to topic, beside Flink on the same broker (bench/kafka.py --help)
# ./dev bench scale WHAT        growth, small memory limits, restarts (bench/scale.py --help)
# ./dev bench latency [flags]   from topic to topic, measured from outside (bench/latency.py --help)
# ./dev bench processes [flags] h1 to h4 on one and two workers (bench/processes.py --help)
# ./dev bench failover [flags]  kill -9 of a worker, of a process, of Flink's (bench/failover.py --help)
# ./dev bench idle [flags]      what a worker and a job take that have nothing to do (bench/idle.py --help)
set -eu
cd "$(dirname "$0")/.."
build=${SYSTOLE_BUILD:-build/release}
what=micro
case ${1:-} in
  micro | flink | kafka | scale | latency | processes | failover | idle) what=$1 && shift ;;
esac
printf '==> building\n' >&2
cmake --preset release -B "$build" -DSYSTOLE_BENCHMARKS=ON >/dev/null
case $what in
  micro)
    ninja -C "$build" microbenchmarks >/dev/null
    [ $# -eq 0 ] || set -- --benchmark_filter="$1"
    exec "$build/bench/microbenchmarks" "$@"
    ;;
  *)
    ninja -C "$build" systole limits >/dev/null
    SYSTOLE_BUILD=$build exec python3 "bench/$what.py" "$@"
    ;;
esac
