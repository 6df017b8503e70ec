"""A loopback port for a server that is about to start."""
import secrets
import socket


def free_port():
    """Below the range from which the system takes the ports of outgoing connections and of servers that ask for any: those could
    have it before the server does."""
    for _ in range(1000):
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")
