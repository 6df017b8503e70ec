"""The chaos test's Kafka broker and PostgreSQL server."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import time

from cluster import Member

DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
PG_BIN = pathlib.Path(os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin"))
_MOST_SECONDS = 90  # for a start


class Broker(Member):
    """One JVM; killed with -9 and started again on the same data."""

    def __init__(self, hosts, host, folder, jars):
        address = hosts.address(host)
        ports = [hosts.port(host) for _ in range(2)]
        self.servers = f"{address}:{ports[0]}"
        os.makedirs(folder)
        shutil.copytree(os.path.join(jars, "template"), os.path.join(folder, "data"))
        controller = f"127.0.0.1:{ports[1]}"
        # Sessions of a second, so that a restart takes 3 s and not 12.
        settings = {
            "process.roles": "broker,controller", "node.id": 1, "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.servers},CONTROLLER://{controller}", "advertised.listeners": f"PLAINTEXT://{self.servers}",
            "controller.listener.names": "CONTROLLER", "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT", "log.dirs": f"{folder}/data", "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 1, "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1, "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1, "share.coordinator.state.topic.min.isr": 1,
            "broker.session.timeout.ms": 1000, "broker.heartbeat.interval.ms": 200, "controlled.shutdown.enable": "false",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500, "num.network.threads": 2, "num.io.threads": 2,
            "log.cleaner.dedupe.buffer.size": 4194304, "log.segment.bytes": 67108864,
            # A host whose clock is ahead: by default what is stamped more than an hour ahead is refused.
            "log.message.timestamp.after.max.ms": 10**15}
        properties = os.path.join(folder, "server.properties")
        with open(properties, "w", encoding="utf-8") as file:
            file.writelines(f"{key}={value}\n" for key, value in settings.items())
        super().__init__("broker", [
            *hosts.prefix(host), *DIES_WITH_US, "java", "-Xmx320m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            f"-XX:SharedArchiveFile={jars}/k4.jsa", "-Xshare:auto", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info", "-cp", f"{jars}/lib/*", "kafka.Kafka", properties],
            os.path.join(folder, "broker.log"))

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self.log_path, 0)
        super().start()
        deadline = time.monotonic() + _MOST_SECONDS
        while "Kafka Server started" not in self.log():
            if not self.alive() or time.monotonic() > deadline:
                raise AssertionError("the broker does not start:\n" + self.log()[-2000:])
            time.sleep(0.025)  # its log is the only sign
        return self


class Database(Member):
    """PostgreSQL; runs as the user postgres where this one is root. Asked over its socket, which no network fault cuts."""

    def __init__(self, hosts, host, folder):
        self.folder, self.address, self.port = folder, hosts.address(host), hosts.port(host)
        os.makedirs(folder)
        self.user = "postgres" if os.geteuid() == 0 else None
        as_user = []
        if self.user:
            owner = pwd.getpwnam(self.user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            as_user = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", "--pdeathsig", "KILL", "--"]
        data = os.path.join(folder, "data")
        done = subprocess.run([*as_user, str(PG_BIN / "initdb"), "-D", data, "--locale=C", "--encoding=UTF8", "-A", "trust", "-U",
                               "systole", "--no-sync"], capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise AssertionError("initdb failed: " + done.stderr)
        with open(os.path.join(data, "pg_hba.conf"), "a", encoding="utf-8") as file:
            file.write("host all all 10.77.0.0/24 trust\n")
        super().__init__("postgres", [*hosts.prefix(host), *as_user, str(PG_BIN / "postgres"), "-D", data, "-k", folder, "-p", str(self.port),
                                      "-c", f"listen_addresses={self.address}", "-c", "fsync=off", "-c", "shared_buffers=32MB",
                                      "-c", "dynamic_shared_memory_type=mmap"],  # which goes with the folder
                         os.path.join(folder, "log"))

    def start(self):
        deadline = time.monotonic() + _MOST_SECONDS
        while time.monotonic() < deadline:
            if not self.alive():
                # It ends by itself while processes of the one before hold its memory.
                self.process = None
                with open(self.log_path, "ab") as log:
                    self.process = subprocess.Popen(self.words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/")
            if subprocess.run([str(PG_BIN / "pg_isready"), "-q", "-h", self.folder, "-p", str(self.port)], check=False).returncode == 0:
                return self
            time.sleep(0.03)  # it has no other sign of being ready
        raise AssertionError("the database does not start:\n" + self.log()[-2000:])

    def _all(self, signal_number):
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError, IndexError):
                if entry.isdigit():
                    with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                        if stat.read().rsplit(")", 1)[1].split()[1] == str(self.process.pid):
                            os.kill(int(entry), signal_number)

    def kill(self):
        if self.alive():
            self.process.send_signal(signal.SIGSTOP)  # no new backend while they are listed
            self._all(signal.SIGKILL)
        super().kill()

    def freeze(self):
        super().freeze()
        self._all(signal.SIGSTOP)

    def thaw(self):
        self._all(signal.SIGCONT)
        super().thaw()

    def sql(self, text, seconds=60):
        done = subprocess.run([str(PG_BIN / "psql"), "-h", self.folder, "-p", str(self.port), "-U", "systole", "-d", "postgres", "-X", "-q",
                               "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"], input=text, capture_output=True, text=True, timeout=seconds)
        if done.returncode != 0:
            raise AssertionError("psql: " + done.stderr[:1000])
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]
