#!/bin/sh
# Runs every test: those of real processes with the release build, unit tests under address and undefined-behaviour
# sanitizers. Called by `./dev test` after the build.
set -eu
cd "$(dirname "$0")/.."
say() { printf '==> %s\n' "$*" >&2; }

status=0
say "tests of processes: jobs, kill -9, a cluster, a real Kafka broker and a real PostgreSQL"
# One more at once than there are cores: they mostly wait for servers.
ctest --test-dir build/release --output-on-failure -j 3 -LE unit "$@" || status=1
say "unit tests under address and undefined-behaviour sanitizers"
ctest --test-dir build/asan-ubsan --output-on-failure -j 2 -L unit "$@" || status=1
if [ "$status" = 0 ]; then say "all tests passed"; else say "some tests failed (see above)"; fi
exit $status
