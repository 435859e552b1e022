"""Readers of one market stream: `python -m bench.sockets_client URL COUNT`.

Opens all connections and prints how long that took; then prints for each line on stdin, as JSON, what came since the
last one, and ends with stdin. What is read: the numbers of depth updates, so that a missing one is noticed, and
how old each was.
"""

import asyncio
import json
import sys
import time
from collections import Counter

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

_TOGETHER = 50
"""Connections that are opened at the same time."""
_OPEN_S_MAX = 120.0


class Update(msgspec.Struct):
    """Of a depth update: its time (ms), and the first and last number of the changes in it."""

    E: int
    U: int
    u: int


_decode = msgspec.json.Decoder(Update).decode


class Readers:
    """All connections, and what they were sent."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.ages_ms: Counter[int] = Counter()
        self.gaps = self.lost = 0
        self.listeners: list[Listener] = []

    async def open(self, count: int) -> None:
        """Open so many connections, some at a time."""
        for start in range(0, count, _TOGETHER):
            opened = [self._open_one() for _ in range(min(_TOGETHER, count - start))]
            await asyncio.gather(*opened)

    async def _open_one(self) -> None:
        listener = Listener(self)
        await ws_connect(lambda: listener, self._url, websocket_handshake_timeout=_OPEN_S_MAX)
        self.listeners.append(listener)

    def told(self) -> dict[str, object]:
        """Return how often updates of which age came since the last call, and what went wrong since the beginning.

        `behind`: connections that lack the newest update that any has.
        """
        ages, self.ages_ms = sorted(self.ages_ms.items()), Counter()
        newest = max(listener.last for listener in self.listeners)
        return {
            "ages_ms": ages,
            "gaps": self.gaps,
            "lost": self.lost,
            "behind": sum(listener.last != newest for listener in self.listeners),
        }


class Listener(WSListener):
    """One connection."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self.last = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take an update."""
        if frame.msg_type != WSMsgType.TEXT:
            return
        update = _decode(frame.get_payload_as_memoryview())
        self._readers.ages_ms[time.time_ns() // 1_000_000 - update.E] += 1
        if self.last and self.last + 1 != update.U:
            self._readers.gaps += 1
        self.last = update.u

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Count a connection that ended, which none should."""
        self._readers.lost += 1


async def main(url: str, count: int) -> None:
    """Open, and tell when asked."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    readers = Readers(url)
    began = time.perf_counter()
    await readers.open(count)
    _print({"open_s": time.perf_counter() - began})
    while await lines.readline():
        _print(readers.told())


def _print(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
