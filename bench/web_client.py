"""Clients of the websocket API that keep a number of requests in flight: `python -m bench.web_client`, told by stdin.

Closed loop: it finds out how much goes through, not how long that takes under a given load (`manage.py loadtest` does).
Each connection signs for one account. Of ten requests seven place limit orders of both sides close to one price, so
that they rest or trade, and three cancel the account's oldest open order, which has often been filled by then (-2011).
"""

import asyncio
import hashlib
import hmac
import json
import os
import random
import sys
import time
from collections import Counter, deque
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.cores import Cores

_encode = msgspec.json.Encoder().encode
PLACES_OF_TEN = 7
BAND = 20
"""Ticks around the middle within which orders are placed."""
_RECV_WINDOW_MS = "60000"
_DRAIN_S_MAX = 15.0
"""How long an answer may take at the end: mex answers within ten seconds whatever happens (-1007)."""

PLACED, CANCELLED, ECHOED = "placed", "cancelled", "echoed"
TAKEN = {PLACED, CANCELLED, ECHOED}
"""Outcomes of requests that took effect."""
RULED = {"-1013", "-2010", "-2011"}
"""Codes of what the rules of trading reject: by a filter, by the book, or as a cancel of what was filled meanwhile."""
REFUSED = {"-1003", "-1008", "-1015"}
"""Codes of what was not even tried, and may be sent again."""


class WrongAnswer(Exception):
    """Raised when a server answers what no request of ours may be answered, or nothing."""


class Reply(msgspec.Struct):
    """What is read of an answer; `status` is missing in an echo."""

    id: int
    status: int = 200
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


_reply = msgspec.json.Decoder(Reply).decode


class Plan(msgspec.Struct):
    """What to do: `keys` are (key, secret) of the accounts, prices in ticks of `tick`."""

    url: str
    keys: list[tuple[str, str]]
    symbol: str
    middle: int
    tick: str
    quantity: str
    connections: int
    in_flight: int
    seconds: float
    warm_up_s: float = 1.0
    is_echo: bool = False
    processes: dict[str, int] = {}
    """By role, those whose share of a core is told."""


class Client(WSListener):
    """One connection of one account."""

    def __init__(self, plan: Plan, number: int) -> None:
        self._plan = plan
        self._key, secret = plan.keys[number % len(plan.keys)]
        self._secret = secret.encode()
        self._tick = Decimal(plan.tick)
        self._chance = random.Random(number)
        self._open: deque[int] = deque()
        self._last = 0
        self.waiting: dict[int, tuple[float, str]] = {}
        """By id the requests that are not answered: when each was sent, and what it comes to if it takes effect."""
        self.times: list[float] = []
        """Seconds until the answers, of what took effect."""
        self.outcomes: Counter[str] = Counter()
        self.is_stopping = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Remember where to write."""
        self._transport = transport

    def start(self) -> None:
        """Put the first requests in flight."""
        for _ in range(self._plan.in_flight):
            self._send()

    def close(self) -> None:
        """Hang up."""
        self._transport.disconnect()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take an answer and send the next request."""
        if frame.msg_type != WSMsgType.TEXT:
            return
        reply = _reply(frame.get_payload_as_memoryview())
        sent, wanted = self.waiting.pop(reply.id)
        outcome = self._outcome(reply, wanted)
        self.outcomes[outcome] += 1
        if outcome in TAKEN:
            self.times.append(time.perf_counter() - sent)
        if reply.result is not None and reply.result.get("status") in ("NEW", "PARTIALLY_FILLED"):
            self._open.append(reply.result["orderId"])
        if not self.is_stopping:
            self._send()

    def _outcome(self, reply: Reply, wanted: str) -> str:
        if reply.error is not None:
            return str(reply.error["code"])
        if self._plan.is_echo:
            return ECHOED
        return wanted if reply.status == 200 and reply.result is not None else f"status {reply.status} without a code"

    def _send(self) -> None:
        self._last += 1
        if self._open and self._chance.random() * 10 > PLACES_OF_TEN:
            params = {"symbol": self._plan.symbol, "orderId": str(self._open.popleft())}
            method, wanted = "order.cancel", CANCELLED
        else:
            ticks = self._plan.middle + self._chance.randint(-BAND, BAND)
            side = "BUY" if self._chance.random() < 0.5 else "SELL"
            params = {
                "symbol": self._plan.symbol,
                "side": side,
                "type": "LIMIT",
                "timeInForce": "GTC",
                "quantity": self._plan.quantity,
                "price": f"{ticks * self._tick:f}",
                "newOrderRespType": "RESULT",
            }
            method, wanted = "order.place", PLACED
        params |= {"apiKey": self._key, "recvWindow": _RECV_WINDOW_MS, "timestamp": str(time.time_ns() // 1_000_000)}
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        params["signature"] = hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
        self.waiting[self._last] = (time.perf_counter(), wanted)
        frame = _encode({"id": self._last, "method": method, "params": params})
        self._transport.send(WSMsgType.TEXT, frame)


async def run(plan: Plan) -> dict[str, Any]:
    """Run the plan, hang up, and return what took effect, and how fast. Raises WrongAnswer."""
    clients: list[Client] = []
    try:
        for number in range(plan.connections):
            client = Client(plan, number)
            await ws_connect(partial(_same, client), plan.url)
            clients.append(client)
        told = await _measure(plan, clients)
        await _drain(clients)
        outcomes = _outcomes(clients)
        strange = {outcome: count for outcome, count in outcomes.items() if outcome not in TAKEN | RULED | REFUSED}
        if strange:
            raise WrongAnswer(f"answers that should not be: {strange}")
        return told | {"placed": outcomes[PLACED]}
    finally:
        for client in clients:
            client.close()


async def _measure(plan: Plan, clients: list[Client]) -> dict[str, Any]:
    """Let the clients warm up, then count what comes of their requests. Raises WrongAnswer."""
    for client in clients:
        client.start()
    await asyncio.sleep(plan.warm_up_s)
    before = _outcomes(clients)
    for client in clients:
        client.times.clear()
    cores, began = Cores({**plan.processes, "clients": os.getpid()}), time.perf_counter()
    await asyncio.sleep(plan.seconds)
    seconds, shares = time.perf_counter() - began, cores.shares()
    answers = _outcomes(clients) - before
    times = sorted(value for client in clients for value in client.times)
    if not times:
        raise WrongAnswer(f"nothing took effect in {seconds:.1f} s: {dict(answers)}")
    return {
        "answers": dict(answers),
        "warm_up": dict(before),
        "seconds": seconds,
        "per_second": sum(answers[outcome] for outcome in TAKEN) / seconds,
        "p50_ms": 1000 * times[len(times) // 2],
        "p99_ms": 1000 * times[len(times) * 99 // 100],
        "cores": shares,
    }


async def _drain(clients: list[Client]) -> None:
    """Send nothing more, and wait for what is in flight. Raises WrongAnswer."""
    for client in clients:
        client.is_stopping = True
    deadline = time.monotonic() + _DRAIN_S_MAX
    while waiting := sum(len(client.waiting) for client in clients):
        if time.monotonic() > deadline:
            raise WrongAnswer(f"{waiting} requests were not answered in {_DRAIN_S_MAX:g} s")
        await asyncio.sleep(0.01)


def _outcomes(clients: list[Client]) -> Counter[str]:
    return sum((client.outcomes for client in clients), Counter())


def _same(client: Client) -> Client:
    return client


def main() -> None:
    """Run the plan from stdin and print what came of it."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.write(json.dumps(asyncio.run(run(plan))) + "\n")


if __name__ == "__main__":
    main()
