"""JSON-RPC over HTTP: one kept connection per thread, exact decimals, typed errors, batches.

A time-out never means "failed": the node may have done what was asked. Callers look at the chain to find out.
"""

import base64
import http.client
import itertools
import json
import socket
import threading
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

from mex.limits import RPC_BATCH_CALLS_MAX, RPC_TIMEOUT_S

_WARMING_UP = -28


class ChainUnavailable(Exception):
    """Raised when there is no answer. The call may or may not have been carried out."""


class ChainRefused(Exception):
    """Raised when the node answers with an error."""

    def __init__(self, code: int, message: str, method: str) -> None:
        super().__init__(f"{method}: [{code}] {message}")
        self.code = code
        self.message = message
        self.method = method


class JsonRpc:
    """A node's JSON-RPC endpoint. Numbers with a fraction arrive as Decimal and leave as strings, never as floats."""

    def __init__(self, url: str, *, path: str | None = None, timeout_s: float = RPC_TIMEOUT_S) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None, "an RPC URL names a host"
        self._secure = parts.scheme == "https"
        self._address = (parts.hostname, parts.port or (443 if self._secure else 80))
        self._path = path or parts.path or "/"
        if parts.query:
            self._path += f"?{parts.query}"
        self._timeout_s = timeout_s
        self._headers = {"Content-Type": "application/json"}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        self._local = threading.local()
        self._ids = itertools.count(1)

    def call(self, method: str, *args: object, repeatable: bool = True, **named: object) -> Any:
        """Return a method's result; positional and named parameters may be mixed, as bitcoind takes them.

        `repeatable` False: never sent again on a fresh connection, because carrying it out twice would do harm.
        Raises ChainUnavailable or ChainRefused.
        """
        params: object = {**named, "args": list(args)} if named and args else (named or list(args))
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answer = _decode(*self._post(_encode(body), repeatable=repeatable))
        if not isinstance(answer, dict):
            raise ChainUnavailable(f"{method}: not a JSON-RPC answer")
        return _result(answer, method)

    def batch(self, method: str, arguments: Sequence[Sequence[object]]) -> list[Any]:
        """Return one method's results for many argument lists, in order; a refused one is its ChainRefused.

        In as many requests as it takes: a node refuses one that asks for too much as a whole, however often it is sent.
        """
        results: list[Any] = []
        for start in range(0, len(arguments), RPC_BATCH_CALLS_MAX):
            results += self._batch(method, arguments[start : start + RPC_BATCH_CALLS_MAX])
        return results

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = None

    def _batch(self, method: str, arguments: Sequence[Sequence[object]]) -> list[Any]:
        calls = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(args)}
            for number, args in enumerate(arguments)
        ]
        answers = _decode(*self._post(_encode(calls), repeatable=True))
        if not isinstance(answers, list) or len(answers) != len(calls):
            raise ChainUnavailable(f"{method}: the batch of {len(calls)} was not answered in full")
        answers.sort(key=lambda answer: answer["id"])
        results: list[Any] = []
        for answer in answers:
            try:
                results.append(_result(answer, method))
            except ChainRefused as refusal:
                results.append(refusal)
        return results

    def _post(self, body: bytes, *, repeatable: bool) -> tuple[int, bytes]:
        kept = getattr(self._local, "connection", None)
        if kept is not None:
            try:
                return self._exchange(kept, body)
            except (_NotSent, http.client.RemoteDisconnected) as error:
                # The node had closed the idle connection. What it may have read must not be asked twice blindly.
                self.close()
                if not repeatable and not isinstance(error, _NotSent):
                    raise ChainUnavailable(str(error)) from error
        try:
            return self._exchange(self._connect(), body)
        except (_NotSent, http.client.RemoteDisconnected) as error:
            self.close()
            raise ChainUnavailable(str(error)) from error

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(*self._address, timeout=self._timeout_s)
        try:
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise ChainUnavailable(str(error)) from error
        connection.auto_open = 0  # http.client would reconnect by itself, and send twice what must not be
        self._local.connection = connection
        return connection

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        try:
            connection.request("POST", self._path, body, self._headers)
        except (OSError, http.client.NotConnected) as error:
            raise _NotSent(str(error)) from error
        try:
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.RemoteDisconnected:
            raise
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ChainUnavailable(str(error) or type(error).__name__) from error


class _NotSent(Exception):
    """The request did not leave in full."""


def _encode(body: object) -> bytes:
    return json.dumps(body, default=_decimal_text).encode()


def _decimal_text(value: object) -> str:
    # bitcoind takes amounts as strings; str() of a Decimal may print 0E-8, which it does not take.
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{value!r} has no place in a JSON-RPC request")


def _decode(status: int, raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_float=Decimal)
    except ValueError:
        # 401 and 503 "Work queue depth exceeded" are plain text.
        raise ChainUnavailable(f"HTTP {status}: {raw[:120]!r}") from None


def _result(answer: dict[str, Any], method: str) -> Any:
    error = answer.get("error")
    if error is None:
        return answer.get("result")
    if error.get("code") == _WARMING_UP:
        raise ChainUnavailable(str(error.get("message")))
    raise ChainRefused(int(error.get("code", 0)), str(error.get("message", "")), method)
