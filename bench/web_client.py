"""Clients of the websocket API that keep a number of requests in flight: `python -m bench.web_client`, told by stdin.

Closed loop: it finds out how much goes through, not how long that takes under a given load (`manage.py loadtest` does).
Each connection signs for one account. Of ten requests seven place limit orders of both sides close to one price, so
that they rest or trade, and three cancel an order that the account has open.
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

_encode = msgspec.json.Encoder().encode
PLACES_OF_TEN = 7
BAND = 20
"""Ticks around the middle within which orders are placed."""
_RECV_WINDOW_MS = "60000"


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
        self._started: dict[int, float] = {}
        self.times: list[float] = []
        self.answered = 0
        self.codes: Counter[int] = Counter()
        self.is_stopping = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Remember where to write."""
        self._transport = transport

    def start(self) -> None:
        """Put the first requests in flight."""
        for _ in range(self._plan.in_flight):
            self._send()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take an answer and send the next request."""
        if frame.msg_type != WSMsgType.TEXT:
            return
        reply = _reply(frame.get_payload_as_memoryview())
        self.answered += 1
        self.times.append(time.perf_counter() - self._started.pop(reply.id))
        if reply.error is not None:
            self.codes[reply.error["code"]] += 1
        elif reply.result is not None and reply.result.get("status") in ("NEW", "PARTIALLY_FILLED"):
            self._open.append(reply.result["orderId"])
        if not self.is_stopping:
            self._send()

    def _send(self) -> None:
        self._last += 1
        if self._open and self._chance.random() * 10 > PLACES_OF_TEN:
            params = {"symbol": self._plan.symbol, "orderId": str(self._open.popleft())}
            method = "order.cancel"
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
            method = "order.place"
        params |= {"apiKey": self._key, "recvWindow": _RECV_WINDOW_MS, "timestamp": str(time.time_ns() // 1_000_000)}
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        params["signature"] = hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
        self._started[self._last] = time.perf_counter()
        frame = _encode({"id": self._last, "method": method, "params": params})
        self._transport.send(WSMsgType.TEXT, frame)


async def run(plan: Plan) -> dict[str, Any]:
    """Run the plan and return what was answered, and how fast."""
    clients = [Client(plan, number) for number in range(plan.connections)]
    for client in clients:
        await ws_connect(partial(_same, client), plan.url)
    for client in clients:
        client.start()
    await asyncio.sleep(plan.warm_up_s)
    before, cpu, began = sum(client.answered for client in clients), os.times(), time.perf_counter()
    for client in clients:
        client.times.clear()
    await asyncio.sleep(plan.seconds)
    seconds = time.perf_counter() - began
    used = os.times()
    answered = sum(client.answered for client in clients) - before
    times = sorted(value for client in clients for value in client.times)
    for client in clients:
        client.is_stopping = True
    codes: Counter[int] = sum((client.codes for client in clients), Counter())
    return {
        "answered": answered,
        "seconds": seconds,
        "per_second": answered / seconds,
        "p50_ms": 1000 * times[len(times) // 2],
        "p99_ms": 1000 * times[len(times) * 99 // 100],
        "codes": {str(code): count for code, count in codes.items()},
        "client_cores": (used.user + used.system - cpu.user - cpu.system) / seconds,
    }


def _same(client: Client) -> Client:
    return client


def main() -> None:
    """Run the plan from stdin and print what came of it."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.write(json.dumps(asyncio.run(run(plan))) + "\n")


if __name__ == "__main__":
    main()
