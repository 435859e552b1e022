"""Clients that ask over HTTP/1.1, one request after the other: `python -m bench.http_client`, told by stdin.

Closed loop: each connection is kept alive and has one request in flight. Of an answer the status, the length and the
cookies are read, and one that is not as expected ends the run.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec

from bench.cores import Cores

NUMBER = "{number}"
"""What stands for a request's number in its text; as many digits for each, so that a body's length is known."""
_DIGITS = 6
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


class Plan(msgspec.Struct):
    """What to ask, and what must be answered. `request` is sent as it is, but for its number."""

    port: int
    request: str
    connections: int
    seconds: float
    status: int = 200
    length: int | None = None
    """Bytes of each body; None where that differs."""
    cookie: str = ""
    """Name of a cookie that each answer must set."""
    numbers: int = 10**_DIGITS
    """How many numbers there are; then they begin again."""
    warm_up_s: float = 1.0
    processes: dict[str, int] = {}
    """By role, those whose share of a core is told."""


class WrongAnswer(Exception):
    """Raised when a server answers something else than the plan says."""


def numbered(text: str, number: int) -> str:
    """Return a text with a number in its place."""
    return text.replace(NUMBER, f"{number:0{_DIGITS}}")


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, plan: Plan, numbers: Iterator[int], fault: "asyncio.Future[None]") -> None:
        self._plan = plan
        self._cookie = f"\r\nset-cookie: {plan.cookie}=".encode()
        self._numbers = numbers
        self._fault = fault
        self._head = b""
        self._body_bytes = 0
        self._missing: int | None = None
        """Bytes of the body that have not come; None while the head has not."""
        self.times: list[float] = []
        self.answered = 0
        self.body_bytes = 0
        self.is_stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take what came of an answer; if that is all of it, send the next request."""
        if self._missing is None:
            self._head += data
            end = self._head.find(_HEAD_END)
            if end < 0:
                return
            data = self._head[end + len(_HEAD_END) :]
            length = self._length(self._head[: end + 2])
            if length is None:
                return
            self._head, self._body_bytes, self._missing = b"", length, length
        self._missing -= len(data)
        if self._missing < 0:
            self._fail(f"{-self._missing} bytes more than announced")
        elif self._missing == 0:
            self._missing = None
            self.answered += 1
            self.body_bytes += self._body_bytes
            self.times.append(time.perf_counter() - self._sent)
            if not self.is_stopping:
                self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Take notice that the server hung up."""
        if not self.is_stopping:
            self._fail(f"connection lost: {error}")

    def close(self) -> None:
        """Hang up."""
        self.is_stopping = True
        self._transport.close()

    def _send(self) -> None:
        request = numbered(self._plan.request, next(self._numbers) % self._plan.numbers).encode()
        self._sent = time.perf_counter()
        self._transport.write(request)

    def _length(self, head: bytes) -> int | None:
        """Return how long the body is, or None if the head is not what was expected."""
        plan = self._plan
        found = _LENGTH.search(head)
        status = int(head[9:12])
        if status != plan.status or found is None or plan.length not in (None, int(found[1])):
            self._fail(f"expected {plan.status} and {plan.length} bytes: {head.decode(errors='replace')}")
        elif plan.cookie and self._cookie not in head.replace(b"Set-Cookie", b"set-cookie"):
            self._fail(f"expected a cookie {plan.cookie}: {head.decode(errors='replace')}")
        else:
            return int(found[1])
        return None

    def _fail(self, reason: str) -> None:
        if not self._fault.done():
            self._fault.set_exception(WrongAnswer(reason))
        self.close()


async def run(plan: Plan) -> dict[str, Any]:
    """Run the plan, hang up, and return what was answered, and how fast. Raises WrongAnswer."""
    loop = asyncio.get_running_loop()
    fault: asyncio.Future[None] = loop.create_future()
    numbers = count()
    clients: list[Client] = []
    try:
        for _ in range(plan.connections):
            _, client = await loop.create_connection(lambda: Client(plan, numbers, fault), "127.0.0.1", plan.port)
            clients.append(client)
        return await _measure(plan, clients, fault)
    finally:
        for client in clients:
            client.close()


async def _measure(plan: Plan, clients: list[Client], fault: "asyncio.Future[None]") -> dict[str, Any]:
    """Let the clients warm up, then count what is answered. Raises WrongAnswer."""
    await _wait(fault, plan.warm_up_s)
    before = sum(client.answered for client in clients)
    bytes_before = sum(client.body_bytes for client in clients)
    cores, began = Cores({**plan.processes, "clients": os.getpid()}), time.perf_counter()
    for client in clients:
        client.times.clear()
    await _wait(fault, plan.seconds)
    seconds, shares = time.perf_counter() - began, cores.shares()
    answered = sum(client.answered for client in clients) - before
    times = sorted(value for client in clients for value in client.times)
    if not times:
        raise WrongAnswer(f"nothing was answered in {seconds:.1f} s")
    return {
        "answered": answered,
        "seconds": seconds,
        "per_second": answered / seconds,
        "bytes_per_second": (sum(client.body_bytes for client in clients) - bytes_before) / seconds,
        "p50_ms": 1000 * times[len(times) // 2],
        "p99_ms": 1000 * times[len(times) * 99 // 100],
        "cores": shares,
    }


async def _wait(fault: "asyncio.Future[None]", seconds: float) -> None:
    """Let the clients work. Raises WrongAnswer as soon as one of them failed."""
    done, _ = await asyncio.wait({fault}, timeout=seconds)
    if done:
        fault.result()


def main() -> None:
    """Run the plan from stdin and print what came of it."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.write(json.dumps(asyncio.run(run(plan))) + "\n")


if __name__ == "__main__":
    main()
