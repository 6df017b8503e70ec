#!/bin/sh
# Gets what a test broker needs, once: its jars, a formatted log folder to copy, and a class archive that halves the start.
# usage: tools/kafka_jars.sh [FOLDER]     (build/kafka)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tools/test_jars.sh"

prepare() {
  rm -rf "$folder/template" "$folder/k4.jsa" "$folder/first"
  # The format writes two small files into log.dirs that fit any port.
  mkdir -p "$folder/first"
  cat >"$folder/first/server.properties" <<TXT
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:19093
listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:19093
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$folder/first/data
TXT
  run java -Xmx128m -XX:TieredStopAtLevel=1 -cp "$folder/lib/*" kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qg \
    -c "$folder/first/server.properties"
  cp -r "$folder/first/data" "$folder/template"

  # One short life writes the class archive. Its controller's port must be known beforehand.
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  sed -i "s/19093/$port/" "$folder/first/server.properties"
  java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ArchiveClassesAtExit="$folder/k4.jsa" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
    -cp "$folder/lib/*" kafka.Kafka "$folder/first/server.properties" >>"$log" 2>&1 9>&- &
  broker=$!
  waited=0
  until grep -q 'Kafka Server started' "$log"; do
    if ! kill -0 "$broker" 2>/dev/null || [ "$waited" -ge 600 ]; then
      echo "kafka_jars.sh: the broker did not start (see $log)" >&2
      tail -20 "$log" >&2
      kill -KILL "$broker" 2>/dev/null || true
      exit 1
    fi
    waited=$((waited + 1))
    sleep 0.1
  done
  kill -TERM "$broker"
  wait "$broker" || true
  [ -e "$folder/k4.jsa" ] || { echo "kafka_jars.sh: no class archive was written (see $log)" >&2; exit 1; }
  rm -rf "$folder/first"
}

get_jars "$root/tests/kafka/pom.xml" "${1:-$root/build/kafka}"
