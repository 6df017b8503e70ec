# Sourced by kafka_jars.sh and s3_jars.sh, which define prepare(): what is to be made beside the jars.
# get_jars POM FOLDER copies the jars of a pom to FOLDER/lib and calls prepare, once. Quiet and quick where all is there; several
# may call it at once. A failure ends the script and shows the log.
jars_are_there() { [ -e "$folder/ready" ] && cmp -s "$pom" "$folder/pom.xml"; }

run() {
  "$@" >>"$log" 2>&1 || { echo "$(basename "$0"): failed: $* (see $log)" >&2; tail -20 "$log" >&2; exit 1; }
}

get_jars() {
  pom=$1
  mkdir -p "$2"
  folder=$(cd "$2" && pwd)
  log=$folder/prepare.log
  if jars_are_there; then return 0; fi
  exec 9>"$folder/lock"
  flock 9
  if jars_are_there; then return 0; fi
  rm -rf "$folder/lib" "$folder/ready" "$log"
  run mvn -q -B -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$folder/lib"
  prepare
  cp "$pom" "$folder/pom.xml"
  : >"$folder/ready"
}
