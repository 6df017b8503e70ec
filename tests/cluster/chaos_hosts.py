"""Hosts of the chaos test: network namespaces of this process's own, joined by a bridge, all gone with it.

A host can be cut off from all others, or from some in one direction, and its packets delayed and lost. The last is done by a
relay of our own (chaos_relay.py): not every kernel has netem. Needs root; `Loopback` is the stand-in without: one host, and
nothing can be done to its network."""
import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import sys

from cluster import free_port

_libc = ctypes.CDLL(None, use_errno=True)
_NEW_NETWORK = 0x40000000
HERE = os.path.dirname(os.path.abspath(__file__))


def can_isolate():
    """None, or why namespaces cannot be had."""
    if os.geteuid() != 0:
        return "not root"
    for tool in ("unshare", "nsenter", "ip", "bridge", "setpriv"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    tried = subprocess.run(["unshare", "--net", "--mount", "sh", "-ec", "ip link add name probe-bridge type bridge; ip link add name probe-0 type veth peer name probe-1; "
                            "mount -t tmpfs -o size=1m none /mnt"], capture_output=True, text=True)
    return None if tried.returncode == 0 else tried.stderr.strip().splitlines()[-1]


def _ip(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")


class Loopback:
    """All hosts are this one."""
    isolated = False

    def __init__(self, names):
        self.names = names

    def address(self, _):
        return "127.0.0.1"

    def port(self, _):
        return free_port()

    def prefix(self, _):
        return []

    @contextlib.contextmanager
    def at(self, _):
        yield

    def heal(self):
        pass

    def close(self):
        pass


class Hosts:
    """To be made in a network namespace of the caller's own (chaos.py enters one)."""
    isolated = True

    def __init__(self, names):
        self.names, self._holders, self._relays = names, {}, {}
        _ip("ip", "link", "set", "lo", "up")
        _ip("ip", "link", "add", "lab", "type", "bridge", "forward_delay", "0", "stp_state", "0")
        _ip("ip", "addr", "add", "10.77.0.254/24", "dev", "lab")
        _ip("ip", "link", "set", "lab", "up")
        for index, name in enumerate(names, 1):
            holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "echo; exec sleep infinity"],
                                      stdout=subprocess.PIPE)
            holder.stdout.readline()  # it has its namespace
            self._holders[name] = holder
            _ip("ip", "link", "add", "name", name, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
            _ip("ip", "link", "set", name, "master", "lab", "up")
            inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
            _ip(*inside, "ip", "link", "set", "lo", "up")
            _ip(*inside, "ip", "link", "set", "eth0", "address", self._mac(index))
            _ip(*inside, "ip", "addr", "add", self.address(name) + "/24", "dev", "eth0")
            _ip(*inside, "ip", "link", "set", "eth0", "up")
            # Whole checksums and no giant frames, so that a relay can pass them on.
            with self.at(name):
                _plain_frames("eth0")
        _plain_frames("lab")

    @staticmethod
    def _mac(index):
        return f"02:00:00:77:00:{index:02x}"

    def address(self, name):
        return f"10.77.0.{self.names.index(name) + 1}"

    def port(self, _):
        return free_port()

    def prefix(self, name):
        """The words before a command that is to run there."""
        return ["nsenter", f"--net=/proc/{self._holders[name].pid}/ns/net", "--"]

    @contextlib.contextmanager
    def at(self, name):
        """Sockets that this thread makes meanwhile are that host's."""
        with open("/proc/thread-self/ns/net") as home, open(f"/proc/{self._holders[name].pid}/ns/net") as there:
            _enter(there)
            try:
                yield
            finally:
                _enter(home)

    def cut(self, name):
        """Off from everybody, silently."""
        _ip("bridge", "link", "set", "dev", name, "state", "0")

    def deafen(self, name, others):
        """What it sends to these hosts is lost; what they send arrives."""
        for other in others:
            _ip(*self.prefix(name), "ip", "neigh", "replace", self.address(other), "lladdr", "02:00:00:00:00:fe", "dev", "eth0", "nud",
                "permanent")

    def slow(self, name, milliseconds, loss, seed):
        """Its packets come so late, both ways, and some never."""
        _ip("ip", "link", "add", "r0", "type", "veth", "peer", "name", "r1")
        _ip("ip", "link", "set", "r1", "master", "lab", "up")
        _ip("ip", "link", "set", "r0", "up")
        _ip("ip", "link", "set", name, "nomaster")
        _plain_frames("r0")
        _plain_frames(name)
        self._relays[name] = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, os.path.join(HERE, "chaos_relay.py"), name, "r0", str(milliseconds), str(loss),
             str(seed)])

    def heal(self):
        for name, relay in self._relays.items():
            relay.kill()
            relay.wait()
            _ip("ip", "link", "del", "r0")
            _ip("ip", "link", "set", name, "master", "lab")
        self._relays.clear()
        for index, name in enumerate(self.names, 1):
            _ip("bridge", "link", "set", "dev", name, "state", "3")
            _ip(*self.prefix(name), "ip", "neigh", "flush", "dev", "eth0", "nud", "permanent")

    def close(self):
        for process in [*self._relays.values(), *self._holders.values()]:
            process.kill()
            process.wait()
        _ip("ip", "link", "del", "lab")


def _enter(namespace):
    if _libc.setns(namespace.fileno(), _NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _plain_frames(device):
    """ethtool -K DEVICE tx off gso off gro off, by its ioctl."""
    import fcntl
    import struct
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        for command in (0x17, 0x24, 0x2C):  # ETHTOOL_STXCSUM, _SGSO, _SGRO
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sQ", device.encode(), ctypes.addressof(value)).ljust(40, b"\0")
            with contextlib.suppress(OSError):  # where it has none
                fcntl.ioctl(handle, 0x8946, request)  # SIOCETHTOOL
