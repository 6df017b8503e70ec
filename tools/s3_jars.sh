#!/bin/sh
# Gets the jars of the S3 service that the tests start, once.
# usage: tools/s3_jars.sh [FOLDER]     (build/s3). Quiet and quick where all is there; several may call it at once.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/build/s3}
pom=$root/tests/s3/pom.xml
stamp=$folder/ready
mkdir -p "$folder"
fresh() { [ -e "$stamp" ] && cmp -s "$pom" "$folder/pom.xml"; }
fresh && exit 0
exec 9>"$folder/lock"
flock 9
fresh && exit 0

log=$folder/prepare.log
rm -rf "$folder/lib" "$stamp"
mvn -q -B -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$folder/lib" >"$log" 2>&1 || {
  echo "s3_jars.sh: maven failed (see $log)" >&2
  tail -20 "$log" >&2
  exit 1
}
# Without a configuration its logging tells everything, and the tests wait for it.
cat >"$folder/logback.xml" <<'TXT'
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="warn"><appender-ref ref="out"/></root>
</configuration>
TXT
cp "$pom" "$folder/pom.xml"
: >"$stamp"
