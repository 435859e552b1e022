"""Hears from bitcoind (ZMQ) that there is something new. A wake-up, never a source of truth: what it says is not read.

Messages may come several times, in any order, or not at all (source: CHAINS.md); whoever is woken looks at the node.
"""

import logging
import threading
import time
from collections.abc import Callable

import zmq

log = logging.getLogger(__name__)
TOPICS = ("hashblock", "hashtx")
LEAST_S = 0.2
"""Between two wake-ups: blocks bring a message for each of their transactions."""

_POLL_MS = 500
_QUEUE_MAX = 100
"""Messages that wait; more are thrown away, one is as good as a hundred."""


def bell_listen(
    address: str,
    wake: Callable[[bool], None],
    *,
    stopping: threading.Event,
    least_s: float = LEAST_S,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Call `wake` at most every `least_s` seconds while bitcoind at `address` publishes something, until told to stop.

    Its argument is whether there was a block. A node that is away is waited for: the socket connects again by itself.
    """
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    try:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, _QUEUE_MAX)
        for topic in TOPICS:
            socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        socket.connect(address)
        next_s = clock()
        while not stopping.is_set():
            if not socket.poll(_POLL_MS):
                continue
            if stopping.wait(max(next_s - clock(), 0)):
                return
            wake("hashblock" in _drained(socket))
            next_s = clock() + least_s
    finally:
        socket.close()
        context.term()


def _drained(socket: "zmq.Socket[bytes]") -> set[str]:
    """Take every message that has come, and return their topics."""
    topics = set()
    while True:
        try:
            topics.add(socket.recv_multipart(zmq.NOBLOCK)[0].decode(errors="replace"))
        except zmq.Again:
            return topics
