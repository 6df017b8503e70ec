"""A loopback port for a server that is about to start."""
import itertools
import os
import socket

_next = itertools.count()


def free_port():
    """Below the range from which the system takes the ports of outgoing connections and of servers that ask for any: those could
    have it before the server does. Each process gives out a hundred of its own, one after the other, so that none comes twice."""
    first = 20_000 + os.getpid() % 120 * 100
    for _ in range(100):
        port = first + next(_next) % 100
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")
