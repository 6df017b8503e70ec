"""A Kafka broker of the benchmarks' own."""
import os
import shutil
import socket
import subprocess
import sys
import time

import flink
from flink import ROOT, WORK

sys.path.append(os.path.join(ROOT, "tests", "cluster"))
from chaos_kafka import create_topics, delete_topic  # noqa: E402

BROKER = "localhost:19092"
CONTROLLER = "localhost:19093"
MEMORY_WANTED = 16 << 30
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"


def connection(**client):
    """The document that manifests with `connection: broker` need. client: librdkafka's properties, _ for a dot."""
    settings = ", ".join(f"{name.replace('_', '.')}: {value}" for name, value in client.items())
    more = f", client: {{{settings}}}" if settings else ""
    return (f"---\napiVersion: systole/v1\nkind: Connection\nmetadata: {{name: broker}}\n"
            f"spec: {{kafka: {{bootstrapServers: [\"{BROKER}\"]{more}}}}}\n")


def home():
    """Where the broker keeps its log: in memory where there is room. It syncs nothing either way, but the gigabytes that it has written
    stand before an engine's checkpoint when both have one disk."""
    memory = "/dev/shm"
    roomy = os.path.isdir(memory) and shutil.disk_usage(memory).free >= MEMORY_WANTED
    return os.path.join(memory if roomy else WORK, "systole-bench-kafka")


class Broker:
    """One Kafka broker in one JVM, on loopback; its data goes with it. quick: its JVM compiles once and lightly, so that it
    is warm in seconds and compiles nothing while a short run is measured beside it."""

    def __init__(self, quick=True):
        subprocess.check_call(["sh", os.path.join(ROOT, "tools", "kafka_jars.sh")], stdout=sys.stderr)
        self.home = home()
        shutil.rmtree(self.home, ignore_errors=True)
        os.makedirs(self.home)
        config = os.path.join(self.home, "server.properties")
        with open(config, "w", encoding="utf-8") as file:
            file.write("\n".join([
                "process.roles=broker,controller", "node.id=1", f"controller.quorum.voters=1@{CONTROLLER}",
                "controller.listener.names=CONTROLLER", f"listeners=PLAINTEXT://{BROKER},CONTROLLER://{CONTROLLER}",
                f"advertised.listeners=PLAINTEXT://{BROKER}",
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT", f"log.dirs={self.home}/log",
                "offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1",
                "transaction.state.log.min.isr=1", "transaction.max.timeout.ms=900000", "log.segment.delete.delay.ms=0",
                "group.initial.rebalance.delay.ms=0", "transaction.state.log.num.partitions=4",
                "offsets.topic.num.partitions=4", ""]))
        java = ["java", "-Xmx1g", *(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"] if quick else []),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", os.path.join(ROOT, "build", "kafka", "lib", "*")]
        subprocess.check_call(java + ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", config], stdout=subprocess.DEVNULL)
        with open(os.path.join(self.home, "broker.log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(java + ["kafka.Kafka", config], stdout=log, stderr=log)
        host, port = BROKER.split(":")
        for _ in range(300):
            try:
                socket.create_connection((host, int(port)), 1).close()
                return
            except OSError:
                time.sleep(0.2)
        self.stop()
        sys.exit(f"bench: the broker did not start; see {self.home}/broker.log")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def create(self, *topics, partitions=1):
        create_topics(BROKER, {each: partitions for each in topics})

    def delete(self, topic):
        """Gives its memory back: a run's output is gigabytes, and the next run would pay for what is no longer free."""
        delete_topic(BROKER, topic)

    def load(self, topic, files):
        """Makes a topic of files, a partition each. Needs Flink's jobs (flink.build_flink)."""
        jar = os.path.join(WORK, "flink")
        subprocess.check_call(["java", "-cp", f"{jar}/flink-baseline-1.jar:{jar}/lib/*", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                               "baseline.KafkaTopics", "load", BROKER, topic, *files])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def written(name, text):
    """The path of a file in the benchmarks' folder with this text."""
    os.makedirs(flink.WORK, exist_ok=True)
    path = os.path.join(flink.WORK, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path
