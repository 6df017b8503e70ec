"""A real S3 service for a test (s3_service_run), and the keys that it takes; standard library only."""
import os
import subprocess

KEYS = {"accessKeyId": "TESTACCESSKEY", "secretAccessKey": "test/secret+key"}


def write_keys(folder, **changed):
    """The files that a `secret=store` of this secret directory is read from."""
    os.makedirs(f"{folder}/store", exist_ok=True)
    for name, value in {**KEYS, **changed}.items():
        with open(f"{folder}/store/{name}", "w") as file:
            file.write(value + "\n")


class BucketService:
    """Its bucket is `checkpoints`. `words`: with TLS, keystore and authority."""

    def __init__(self, binary, *words):
        self.process = subprocess.Popen([binary, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def names(self, prefix):
        self.process.stdin.write(f"list {prefix}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def end(self):
        self.process.stdin.close()
        self.process.wait()
