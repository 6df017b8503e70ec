#!/bin/sh
# Gets the jars of the S3 service that the tests start, once.
# usage: tools/s3_jars.sh [FOLDER]     (build/s3)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tools/test_jars.sh"

prepare() {
  # Without a configuration its logging tells everything, and the tests wait for it.
  cat >"$folder/logback.xml" <<'TXT'
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="warn"><appender-ref ref="out"/></root>
</configuration>
TXT
}

get_jars "$root/tests/s3/pom.xml" "${1:-$root/build/s3}"
