"""Passes frames between two network devices, late, and loses some: chaos_relay.py A B MILLISECONDS LOSS SEED."""
import collections
import random
import select
import socket
import sys
import time

_ALL = 3  # ETH_P_ALL
_OUTGOING = 4
_MOST_WAITING = 20_000  # frames; more are lost, as in a full queue


def main():
    names, delay, loss = sys.argv[1:3], float(sys.argv[3]) / 1000, float(sys.argv[4])
    chance = random.Random(int(sys.argv[5]))
    ends = []
    for name in names:
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        end.bind((name, _ALL))
        end.setblocking(False)
        ends.append(end)
    waiting = collections.deque()  # (when, to, frame), in order of when
    while True:
        patience = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select(ends, [], [], patience)
        now = time.monotonic()
        for end in readable:
            to = ends[1] if end is ends[0] else ends[0]
            for _ in range(256):
                try:
                    frame, origin = end.recvfrom(65536)
                except BlockingIOError:
                    break
                if origin[2] != _OUTGOING and chance.random() >= loss and len(waiting) < _MOST_WAITING:
                    waiting.append((now + delay, to, frame))
        while waiting and waiting[0][0] <= now:
            _, to, frame = waiting.popleft()
            try:
                to.send(frame)
            except OSError:
                pass  # a full queue, or a frame too large: lost


if __name__ == "__main__":
    main()
