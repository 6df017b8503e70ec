#!/bin/sh
# Runs every test: unit tests in the release build and again under address and undefined-behaviour sanitizers, then the
# tests of real processes. Called by `./dev test` after the build.
set -eu
cd "$(dirname "$0")/.."
say() { printf '==> %s\n' "$*" >&2; }

status=0
say "tests (release): unit tests, jobs, kill -9, a real PostgreSQL"
ctest --test-dir build/release --output-on-failure -j 2 "$@" || status=1
say "unit tests again under address and undefined-behaviour sanitizers"
ctest --test-dir build/asan-ubsan --output-on-failure -j 2 -L unit "$@" || status=1
if [ "$status" = 0 ]; then say "all tests passed"; else say "some tests failed (see above)"; fi
exit $status
