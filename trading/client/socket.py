"""The websocket API: requests by id, and an account's events on the same connection; and the market streams."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from mex.clock import now_ms
from trading.client.errors import ApiRefused, ApiUnavailable
from trading.client.signing import signed_params

TIMEOUT_S = 15.0
_RECV_WINDOW_MS = "20000"
# An exchange on loopback must not be looked for behind the proxy of the environment.
_OPTIONS: dict[str, Any] = {"open_timeout": TIMEOUT_S, "max_size": 2**24, "proxy": None}
_EVENTS_MAX = 10_000
"""Events that may wait for a reader; one that is further behind is told that the connection is gone."""


def websocket_url(url: str) -> str:
    """Return the websocket origin of an HTTP origin."""
    return url.rstrip("/").replace("http", "ws", 1)


class SocketClient:
    """One connection to /ws-api/v3. Made by `open_socket`."""

    def __init__(self, connection: ClientConnection, key: str, secret: str) -> None:
        self._connection = connection
        self._key = key
        self._secret = secret
        self._ids = count(1)
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_EVENTS_MAX)
        self._closed: ApiUnavailable | None = None

    async def request(self, method: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the result of a request that needs no signature. Raises ApiRefused or ApiUnavailable."""
        if self._closed is not None:
            raise self._closed
        number = str(next(self._ids))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            await self._connection.send(json.dumps({"id": number, "method": method, "params": dict(params or {})}))
            return await asyncio.wait_for(future, TIMEOUT_S)
        except TimeoutError:
            raise ApiUnavailable(f"{method}: no answer within {TIMEOUT_S:.0f} s") from None
        except (WebSocketException, OSError) as error:
            raise ApiUnavailable(f"{method}: {error}") from error
        finally:
            self._waiting.pop(number, None)

    async def signed(self, method: str, **params: str) -> Any:
        """Return the result of a signed request. Raises ApiRefused or ApiUnavailable."""
        asked = {**params, "apiKey": self._key, "recvWindow": _RECV_WINDOW_MS, "timestamp": str(now_ms())}
        return await self.request(method, signed_params(self._secret, asked))

    async def next_event(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the account's next event, or None when none came in time. Raises ApiUnavailable."""
        if self._closed is not None and self._events.empty():
            raise self._closed
        try:
            return await asyncio.wait_for(self._events.get(), timeout_s)
        except TimeoutError:
            if self._closed is not None:
                raise self._closed from None
            return None

    async def read(self) -> None:
        """Hand answers and events on until the connection ends."""
        try:
            async for text in self._connection:
                self._take(json.loads(text))
        except (WebSocketException, OSError) as error:
            self._end(ApiUnavailable(f"the connection is gone: {error}"))
        except asyncio.QueueFull:
            self._end(ApiUnavailable(f"more than {_EVENTS_MAX} events waited for their reader"))
        else:
            self._end(ApiUnavailable("the exchange closed the connection"))

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            self._events.put_nowait(message["event"])
            return
        future = self._waiting.get(str(message.get("id")))
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(ApiRefused(int(message["error"]["code"]), str(message["error"]["msg"])))
        else:
            future.set_result(message.get("result"))

    def _end(self, reason: ApiUnavailable) -> None:
        self._closed = reason
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(reason)


@asynccontextmanager
async def open_socket(url: str, key: str = "", secret: str = "") -> AsyncIterator[SocketClient]:
    """Open a connection to the websocket API of an HTTP origin. Raises ApiUnavailable."""
    try:
        connection = await connect(f"{websocket_url(url)}/ws-api/v3", **_OPTIONS)
    except (WebSocketException, OSError) as error:
        raise ApiUnavailable(f"{url}: {error}") from error
    client = SocketClient(connection, key, secret)
    reader = asyncio.create_task(client.read())
    try:
        yield client
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        await connection.close()


@asynccontextmanager
async def open_streams(url: str, *names: str) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
    """Open market streams, such as "ethbtc@depth", and yield an iterator of (stream, event). Raises ApiUnavailable."""
    try:
        connection = await connect(f"{websocket_url(url)}/stream?streams={'/'.join(names)}", **_OPTIONS)
    except (WebSocketException, OSError) as error:
        raise ApiUnavailable(f"{url}: {error}") from error
    try:
        yield _stream_events(connection)
    finally:
        await connection.close()


async def _stream_events(connection: ClientConnection) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    try:
        async for text in connection:
            message = json.loads(text)
            if "stream" in message:
                yield str(message["stream"]), message["data"]
    except (WebSocketException, OSError) as error:
        raise ApiUnavailable(f"the stream is gone: {error}") from error
