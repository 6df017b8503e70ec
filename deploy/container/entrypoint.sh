#!/bin/sh
# Runs systole under a process id that is random. In containers it would always be the same small number; processes with
# equal ids and equal MAC addresses (a shared network namespace) take each other for themselves: CAF names a process by these two.
# An init (tini) alone does not help: then all have the same number after it. About 0.7 ms for each id.
set -eu
skip=$(($(od -An -N2 -tu2 /dev/urandom) % ${SYSTOLE_PROCESS_IDS:-1000}))
while [ "$skip" -gt 0 ]; do
  (:)
  skip=$((skip - 1))
done
# A child, not exec: this shell's own id is the small number. Under tini the shell is not process 1 either.
/usr/bin/systole "$@" &
child=$!
# wait() returns when a signal is handled, and is then called again for the child's own end.
trap 'kill -TERM "$child"' TERM INT
status=0
wait "$child" || status=$?
while kill -0 "$child" 2>/dev/null; do
  status=0
  wait "$child" || status=$?
done
exit "$status"
