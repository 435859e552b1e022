"""Clients that show the wire as it is, byte by byte."""

import hashlib
import hmac
import http.client
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.sync.client import ClientConnection, connect

TIMEOUT_S = 20.0
Json = dict[str, Any]


@dataclass(frozen=True)
class Trader:
    """An account and its API key."""

    account: int
    key: str
    secret: str


def now_ms() -> int:
    """Return the time, ms."""
    return time.time_ns() // 1_000_000


def sign(secret: str, text: str) -> str:
    """Return the hex HMAC-SHA256 of a text."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Response:
    """An HTTP response."""

    status_code: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """Return the body, which must be JSON."""
        assert self.headers["Content-Type"] == "application/json", self.text
        return json.loads(self.text)


class Rest:
    """REST calls; signed when there is a trader and the call is not `public`."""

    def __init__(self, url: str, trader: Trader | None) -> None:
        self._host = urlsplit(url).netloc
        self.trader = trader

    def get(self, path: str, **params: Any) -> Response:
        """Send a GET with its parameters in the query."""
        return self.call("GET", path, query=self._finished(params))

    def post(self, path: str, **params: Any) -> Response:
        """Send a POST with its parameters in the body."""
        return self.call("POST", path, body=self._finished(params))

    def put(self, path: str, **params: Any) -> Response:
        """Send a PUT with its parameters in the body."""
        return self.call("PUT", path, body=self._finished(params))

    def delete(self, path: str, **params: Any) -> Response:
        """Send a DELETE with its parameters in the query."""
        return self.call("DELETE", path, query=self._finished(params))

    def order(self, side: str, quantity: str, price: str, **more: Any) -> Json:
        """Place a limit order and return its answer."""
        params = {"symbol": "ETHBTC", "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": quantity}
        answer = self.post("/api/v3/order", **{**params, "price": price, **more})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def balances(self) -> dict[str, tuple[str, str]]:
        """Return (free, locked) of the assets that the account has, by asset."""
        rows = self.get("/api/v3/account", omitZeroBalances="true").json()["balances"]
        return {row["asset"]: (row["free"], row["locked"]) for row in rows}

    def call(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send exactly this."""
        sent = {"X-MBX-APIKEY": self.trader.key} if self.trader else {}
        if body:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
        try:
            data = body.encode() if isinstance(body, str) else body
            connection.request(method, path + (f"?{query}" if query else ""), data, {**sent, **(headers or {})})
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def _finished(self, params: Mapping[str, Any]) -> str:
        if self.trader is None:
            return urlencode(params)
        query = urlencode({"timestamp": now_ms(), "recvWindow": 30000, **params})
        return f"{query}&signature={sign(self.trader.secret, query)}"


class Frames:
    """A websocket whose frames are JSON."""

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, origin: str | None = None) -> None:
        self._opening = connect(
            url,
            additional_headers=dict(headers or {}),
            origin=origin,  # type: ignore[arg-type]
            proxy=None,
            max_size=None,
            max_queue=None,
            compression=None,
            ping_interval=None,
        )
        self.connection: ClientConnection = self._opening.__enter__()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._opening.__exit__(None, None, None)

    def send(self, frame: object) -> None:
        """Send a frame as JSON."""
        self.connection.send(json.dumps(frame))

    def receive(self, timeout: float = TIMEOUT_S) -> Any:
        """Return the next frame."""
        return json.loads(self.connection.recv(timeout))

    def is_silent(self, seconds: float) -> bool:
        """Return whether no frame comes for so long."""
        try:
            self.connection.recv(seconds)
        except TimeoutError:
            return True
        return False


class WsApi(Frames):
    """The websocket API: requests with their replies, events kept aside."""

    def __init__(self, url: str, trader: Trader | None, **options: Any) -> None:
        super().__init__(url, **options)
        self.trader = trader
        self.events: list[Json] = []
        self._numbers = itertools.count(1)

    def request(self, method: str, *, signed: bool = True, **params: Any) -> Json:
        """Send a request and return its reply; events that come before it are kept."""
        number = self.ask(method, signed=signed, **params)
        return self.reply(number)

    def ask(self, method: str, *, signed: bool = True, **params: Any) -> int:
        """Send a request and return its id."""
        number = next(self._numbers)
        sent = self.signed(params) if signed and self.trader else params
        self.send({"id": number, "method": method, "params": sent})
        return number

    def signed(self, params: Mapping[str, Any]) -> Json:
        """Return parameters with key, time and signature."""
        assert self.trader is not None
        full = {"apiKey": self.trader.key, "timestamp": now_ms(), "recvWindow": 30000, **params}
        text = "&".join(f"{name}={_text(full[name])}" for name in sorted(full))
        return {**full, "signature": sign(self.trader.secret, text)}

    def reply(self, number: int) -> Json:
        """Return the reply to a request."""
        while True:
            frame = self.receive()
            if "event" in frame:
                self.events.append(frame)
            else:
                assert frame["id"] == number, frame
                return dict(frame)

    def place(self, side: str, quantity: str, price: str, **more: Any) -> Json:
        """Place a limit order and return its result."""
        params = {"symbol": "ETHBTC", "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": quantity}
        reply = self.request("order.place", **{**params, "price": price, **more})
        assert reply["status"] == 200, reply
        return dict(reply["result"])

    def next_events(self, count: int) -> list[Json]:
        """Return the next events without their wrapping."""
        while len(self.events) < count:
            frame = self.receive()
            assert "event" in frame, frame
            self.events.append(frame)
        found = self.events[:count]
        del self.events[:count]
        return [dict(frame["event"]) for frame in found]


def _text(value: object) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
