"""One user's connection to /ws-api/v3, open for the whole run and opened again when it breaks."""

import asyncio
import time
from collections.abc import Callable

from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from loadtest import wire
from loadtest.messages import User
from loadtest.mix import Pairs, Trader

_BACKOFF_S = 0.5
_HANDSHAKE_TIMEOUT_S = 30.0

Answered = Callable[[wire.Answer], None]
"""Called with each answer to a request of a step."""


class _Listener(WSListener):
    def __init__(self, owner: "Connection") -> None:
        self._owner = owner

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Hand a text on; a close is answered."""
        if frame.msg_type == WSMsgType.TEXT:
            self._owner.heard(wire.decode(frame.get_payload_as_bytes()))
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()


class Connection:
    """Sends signed requests of one user; requests that are lost with a connection are told to `lost`."""

    def __init__(self, url: str, user: User, trader: Trader, answered: Answered, lost: Callable[["Connection"], None]):
        self.trader = trader
        self._url = url.rstrip("/").replace("http", "ws", 1) + "/ws-api/v3?returnRateLimits=false"
        self._key = user.key
        self._secret = user.secret.encode()
        self._answered = answered
        self._lost = lost
        self._transport: WSTransport | None = None
        self._opened = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection right now."""
        return self._transport is not None

    async def wait_open(self) -> None:
        """Wait until it is open."""
        await self._opened.wait()

    async def keep(self, *, user_stream: bool) -> None:
        """Keep a connection open, until cancelled. Raises OSError or WSError if the first cannot be opened."""
        has_been_open = False
        while True:
            try:
                transport, _ = await ws_connect(
                    lambda: _Listener(self), self._url, websocket_handshake_timeout=_HANDSHAKE_TIMEOUT_S
                )
            except (OSError, TimeoutError, WSError) as error:
                if not has_been_open:
                    raise OSError(f"{self._url}: {error}") from error
                await asyncio.sleep(_BACKOFF_S)
                continue
            self._transport = transport
            has_been_open = True
            if user_stream:
                # Number 0 is no request of a step: its answer is passed over.
                self.send(0, "userDataStream.subscribe.signature", [])
            self._opened.set()
            try:
                await transport.wait_disconnected()
            finally:
                self._transport = None
                self._lost(self)
            await asyncio.sleep(_BACKOFF_S)

    def send(self, number: int, method: str, pairs: Pairs) -> None:
        """Sign and send a request; it is written as soon as the server reads."""
        assert self._transport is not None
        now_ms = time.time_ns() // 1_000_000
        self._transport.send(WSMsgType.TEXT, wire.frame(number, method, pairs, self._key, self._secret, now_ms))

    def heard(self, answer: wire.Answer) -> None:
        """Take a frame of the server."""
        if answer.event is not None:
            if answer.event.e == "executionReport" and answer.event.X == "FILLED":
                self.trader.closed(answer.event.i)
        elif answer.id != 0:
            self._answered(answer)

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.disconnect()
