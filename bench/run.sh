#!/bin/sh
# ./dev bench                 microbenchmarks
# ./dev bench flink [flags]   h1 to h4 beside Apache Flink and the hand-written programs (bench/flink.py --help)
set -eu
cd "$(dirname "$0")/.."
say() { printf '==> %s\n' "$*" >&2; }
cmake --preset release -DSYSTOLE_BENCHMARKS=ON >/dev/null
case ${1:-micro} in
  flink)
    shift
    command -v mvn >/dev/null && command -v java >/dev/null || { echo "bench: Flink needs java and mvn (packages openjdk-17-jdk-headless, maven)" >&2; exit 1; }
    say "building"
    ninja -C build/release systole limits >/dev/null
    exec python3 bench/flink.py "$@"
    ;;
  micro)
    [ $# -gt 0 ] && shift
    say "building"
    ninja -C build/release bench_micro >/dev/null
    exec build/release/bench/bench_micro "$@"
    ;;
  *) echo "bench: unknown '$1' (micro, flink)" >&2; exit 2 ;;
esac
