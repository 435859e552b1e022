"""Readers of market streams, who notice when a number is missing and how old an event is."""

import asyncio
import time

import msgspec
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from loadtest.histogram import Histogram

_BACKOFF_S = 0.5
_HANDSHAKE_TIMEOUT_S = 30.0
_US_PER_MS = 1_000


class Data(msgspec.Struct):
    """Of an event: its time (ms), first and last number of a depthUpdate, number of a trade."""

    e: str = ""
    E: int = 0
    U: int = 0
    u: int = 0
    t: int = 0


class Message(msgspec.Struct):
    """An event of a combined stream."""

    stream: str = ""
    data: Data | None = None


_decode = msgspec.json.Decoder(Message).decode


class Sequence:
    """Whether the numbers of each stream of one connection follow each other (docs/api.md, "Depth sequence")."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def is_gap(self, stream: str, data: Data) -> bool:
        """Take the next event of a stream and return whether something before it is missing."""
        first, last = (data.U, data.u) if data.e == "depthUpdate" else (data.t, data.t)
        before = self._last.get(stream)
        self._last[stream] = last
        return before is not None and first != before + 1


class Subscribers:
    """Counts over all connections, taken each second."""

    def __init__(self, url: str, symbols: list[str]) -> None:
        names = "/".join(f"{symbol.lower()}@{kind}" for symbol in symbols for kind in ("depth@100ms", "trade"))
        self._url = url.rstrip("/").replace("http", "ws", 1) + f"/stream?streams={names}"
        self.frames = self.gaps = self.closes = 0
        self.lag = Histogram()

    async def keep(self) -> None:
        """Keep one connection open, until cancelled: a close that the server announces is no gap, one takes up anew."""
        while True:
            try:
                transport, _ = await ws_connect(
                    lambda: _Listener(self), self._url, websocket_handshake_timeout=_HANDSHAKE_TIMEOUT_S
                )
            except (OSError, TimeoutError, WSError):
                self.closes += 1
            else:
                await transport.wait_disconnected()
                self.closes += 1
            await asyncio.sleep(_BACKOFF_S)

    def note(self, sequence: Sequence, message: Message) -> None:
        """Count an event."""
        data = message.data
        if data is None:
            return
        self.frames += 1
        self.lag.add((time.time_ns() // 1_000_000 - data.E) * _US_PER_MS)
        if sequence.is_gap(message.stream, data):
            self.gaps += 1


class _Listener(WSListener):
    def __init__(self, owner: Subscribers) -> None:
        self._owner = owner
        self._sequence = Sequence()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Count a text; a close is answered."""
        if frame.msg_type == WSMsgType.TEXT:
            self._owner.note(self._sequence, _decode(frame.get_payload_as_bytes()))
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
