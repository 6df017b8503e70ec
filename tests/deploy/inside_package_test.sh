#!/bin/sh
# The part of package_test.sh that runs inside of the clean system, as root, without a network but loopback.
set -eu
fail() { echo "FAIL  $*"; tail -n 20 /tmp/coordinator.log /tmp/worker.log 2>/dev/null; exit 1; }

systole version
! ldd /usr/bin/systole | grep "not found" || fail "a library is not among the dependencies"
getent passwd systole >/dev/null || fail "there is no user systole"
[ -s /usr/share/bash-completion/completions/systole ] && [ -s /usr/share/zsh/vendor-completions/_systole ] || fail "completions"
grep -q '^#compdef systole' /usr/share/zsh/vendor-completions/_systole || fail "the zsh completion does not say for what it is"

# As the unit: its ExecStart with the flags of its EnvironmentFile, its user, its directory, its umask.
start() {
  unit=/lib/systemd/system/systole-$1.service
  line=$(sed -n 's/^ExecStart=//p' "$unit")
  . "$(sed -n 's/^EnvironmentFile=//p' "$unit")"
  umask "$(sed -n 's/^UMask=//p' "$unit")"
  cd "$(sed -n 's/^WorkingDirectory=//p' "$unit")"
  eval "words=\"$line\""
  setpriv --reuid systole --regid systole --clear-groups --no-new-privs --bounding-set=-all $words >"/tmp/$1.log" 2>&1 &
  eval "$1=$!"
}
# until_true SECONDS COMMAND...
until_true() {
  left=$(($1 * 10))
  shift
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "in vain: $*"
    sleep 0.1
  done
}
registered() { [ "$(systole workers -o json 2>/dev/null | grep -c '"name"')" = 1 ]; }

start coordinator
start worker
until_true 20 registered
systole workers
bash -c 'exec 3<>/dev/tcp/127.0.0.1/9461 && printf "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" >&3 && cat <&3' |
  grep '^systole_worker_slots ' || fail "the worker has no metrics"

here=/var/lib/systole/trial
install -d -o systole -g systole "$here"
job=/usr/share/systole/jobs/hospital/patient_flow/job.yaml
systole generate patient-flow --count 2000 --seed 4 >"$here/events.ndjson"
chmod 644 "$here/events.ndjson"
set -- --param events="$here/events.ndjson" --param replay_now=2026-01-02T00:00:00Z
systole validate "$job" "$@" --param out="$here/cluster"
systole submit "$job" "$@" --param out="$here/cluster" --parallelism 1 --wait
systole wait patient-flow --timeout 60
systole list
systole run "$job" "$@" --param out="$here/alone" --state "$here/state" --progress none >/tmp/run.log 2>&1 || { cat /tmp/run.log; fail "systole run"; }
tables=0
for table in "$here"/alone/*.csv; do
  sort "$table" >/tmp/alone
  sort "$here/cluster/$(basename "$table")" | cmp - /tmp/alone || fail "the cluster's $table differs from the single process's"
  tables=$((tables + 1))
done
[ "$tables" -gt 2 ] || fail "the job wrote $tables tables"
echo "$tables tables, $(cat "$here"/cluster/*.csv | wc -l) rows: a cluster's and a single process's are the same"

kill -TERM "$worker"
wait "$worker" || fail "the worker ends with $?"
kill -TERM "$coordinator"
wait "$coordinator" || fail "the coordinator ends with $?"
[ -d /var/lib/systole/storage ] || fail "nothing is where the coordinator keeps it"
