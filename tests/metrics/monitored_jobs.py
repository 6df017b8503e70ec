"""Three running jobs with metrics and a Prometheus that scrapes them, with the configuration of deploy/prometheus."""
import datetime
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import sys
import threading
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from free_port import free_port  # noqa: E402

UNITS = ["ICU", "MED", "SUR", "PED"]  # one more than the job's gauges may have


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def until(what, check, seconds=40):
    """The first true answer of check(); fails after a while with `what` and the last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < end, f"after {seconds} s: {what}"
        time.sleep(0.2)


class MonitoredJobs:
    def __init__(self, systole):
        self.systole = systole
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="systole-metrics-"))
        self.processes = []
        self.ports = {}
        self.ended = threading.Event()
        self.next_id = 0

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.ended.set()
        for each in self.processes:
            each.kill()
            each.wait()
        if hasattr(self, "feeder"):
            self.feeder.join()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        events = self.folder / "events"
        events.mkdir()
        self.feed(events)
        self.run_job("metrics-test", ROOT / "tests/metrics/job.yaml", "--parallelism", "2", **{"in": events, "out": self.folder / "out"})
        self.run_job("patient-flow", ROOT / "jobs/hospital/patient_flow/job.yaml", from_files="false", simulate="true", count=2_000_000,
                     speed=20_000, to_files="false", to_metrics="true", out=self.folder / "flow")
        bills = self.folder / "bills"
        shutil.copytree(ROOT / "jobs/hospital/billing/fixtures", bills)
        self.run_job("billing", ROOT / "jobs/hospital/billing/job.yaml", follow="true", whole="false", to_metrics="true",
                     out=self.folder / "billing", **{"in": bills})
        self.feeder = threading.Thread(target=self.feed_on, args=(events,))
        self.feeder.start()
        self.start_prometheus()

    def feed(self, folder):
        """Appends some rows to each file: one in ten negative, one in ten without a unit, some late, some twice."""
        now = datetime.datetime.now(datetime.timezone.utc)
        for file in range(4):
            lines = []
            for i in range(100):
                self.next_id += 1
                at = now - datetime.timedelta(seconds=120 if i == 50 else 0)
                event = {"id": self.next_id, "unit": None if i % 10 == 3 else UNITS[i % 4], "value": -1 if i % 10 == 7 else i, "at": at.isoformat()}
                lines += [json.dumps(event)] * (2 if i == 20 else 1)
            with open(folder / f"{file}.ndjson", "a") as out:
                out.write("\n".join(lines) + "\n{no json\n")

    def feed_on(self, folder):
        while not self.ended.wait(0.1):
            self.feed(folder)
            with open(self.folder / "bills/billing.csv", "a") as out:
                out.write(f"N{self.next_id},V{1 + self.next_id // 400 % 2},{50 + self.next_id % 70}.00,40.00,10.00,Paid,2026-03-02 10:00:00\n")

    def run_job(self, name, manifest, *flags, **parameters):
        words = [self.systole, "run", manifest, "--state", self.folder / f"state-{name}", "--metrics", "0", "--progress", "none", "--memory", "128MiB", *flags]
        for key, value in parameters.items():
            words += ["--param", f"{key}={value}"]
        log = self.folder / f"{name}.log"
        with open(log, "w") as err:
            self.processes.append(subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, stderr=err))

        def port():
            return re.search(r"metrics: http://127.0.0.1:(\d+)/metrics", log.read_text())
        try:
            self.ports[name] = int(until(f"{name} does not say where its metrics are", port).group(1))
        except AssertionError:
            raise AssertionError(log.read_text())

    def start_prometheus(self):
        config = self.folder / "prometheus"
        shutil.copytree(ROOT / "deploy/prometheus", config)
        text = (config / "prometheus.yml").read_text()
        text = re.sub(r"(scrape_interval|evaluation_interval): \S+", r"\1: 500ms", text).replace("scrape_timeout: 5s", "scrape_timeout: 400ms")
        (config / "prometheus.yml").write_text(text)
        for name in ("workers", "coordinators"):
            (config / "targets" / f"{name}.yml").write_text("- targets: []\n")
        (config / "targets/run.yml").write_text("- targets: [" + ", ".join(f'"127.0.0.1:{port}"' for port in self.ports.values()) + "]\n")
        self.prometheus = f"http://127.0.0.1:{free_port()}"
        with open(self.folder / "prometheus.log", "w") as log:
            self.processes.append(subprocess.Popen(
                ["prometheus", f"--config.file={config}/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb",
                 f"--web.listen-address={self.prometheus[7:]}", f"--web.console.templates={config}/consoles",
                 "--web.console.libraries=/usr/share/doc/prometheus/examples/console_libraries"],
                stdout=log, stderr=log))

        def ready():
            try:
                return fetch(self.prometheus + "/-/ready")
            except OSError:
                return None
        until("Prometheus does not start: " + (self.folder / "prometheus.log").read_text(), ready)

    def query(self, expression):
        """The samples of an instant query that are numbers."""
        answer = json.loads(fetch(self.prometheus + "/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
        assert answer["status"] == "success", answer
        return [each for each in answer["data"]["result"] if each["value"][1] != "NaN"]

    def wait_for(self, expressions, seconds=45):
        """Those that have no data in time."""
        missing = list(expressions)

        def look():
            missing[:] = [each for each in missing if not self.query(each)]
            return not missing
        try:
            until("", look, seconds)
        except AssertionError:
            pass
        return missing
