"""The web process under uvicorn: `python -m mex.uvicorn_web --port 8000` (ADR 29).

uvicorn's own command would keep everything that a client makes it keep: it answers pings of a client that reads nothing
in memory without end, and waits for ever for the end of a connection whose client takes nothing.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from mex.limits import FRAME_BYTES_MAX, PING_INTERVAL_S, PING_TIMEOUT_S

APPLICATION = "mex.asgi:application"
_FLUSH_S = 1.0
_CLOSE_S = 10.0
_KEEP_ALIVE_S = 75
"""Longer than proxies keep idle connections to us, so that none sends a request on one that we are closing."""
_SHUTDOWN_S = 3
"""What is open after that is dropped: less than the grace of the web process in launcher/server.py."""


class BoundedProtocol(WebSocketsSansIOProtocol):
    """A websocket connection of which no more is kept than the limits allow, whatever its client does."""

    _end: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Stop reading as well: whoever does not take answers may not ask more, nor send pings."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on, now that the client has taken most of it."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    async def receive(self) -> Any:
        """Return the next message; read on when there is none left, unless the client does not take answers."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self.writable.is_set():
                self.transport.resume_reading()
        return message

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; an empty one adds nothing to a message but memory."""
        if event.data or event.fin:
            super().handle_cont(event)

    def handle_parser_exception(self) -> None:
        """Close with the code that says what was wrong; what the application still sends meets a closed connection."""
        super().handle_parser_exception()
        self.disconnected = True

    def keepalive_timeout(self) -> None:
        """Close to a client that does not answer a ping, and drop it if it does not take that."""
        super().keepalive_timeout()
        self.disconnected = True
        self._end_in(_FLUSH_S)

    async def run_asgi(self) -> None:
        """Let the application run, and drop the connection if it does not end soon after that."""
        await super().run_asgi()
        if self in self.connections:
            self._end_in(_CLOSE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        super().connection_lost(exc)
        if self._end is not None:
            self._end.cancel()

    def _end_in(self, delay_s: float) -> None:
        self._end = self._end or self.loop.call_later(delay_s, self.transport.abort)


def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m mex.uvicorn_web", description="Run the web process.")
    parser.add_argument("application", nargs="?", default=APPLICATION, help="default: %(default)s")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    parser.add_argument(
        "--forwarded-allow-ips",
        metavar="ADDRESSES",
        help="of proxies whose X-Forwarded-For is believed, separated by commas (default: of none)",
    )
    parser.add_argument("--access-log", action="store_true", help="name each request in the log")
    options = parser.parse_args(arguments)
    uvicorn.run(
        options.application,
        host=options.host,
        port=options.port,
        workers=1,  # else WEB_CONCURRENCY of the environment holds
        loop="uvloop",
        http="h11",  # bounds the headers of a request at 16 KiB; httptools takes any
        ws=BoundedProtocol,
        ws_max_size=FRAME_BYTES_MAX,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=PING_TIMEOUT_S,
        ws_per_message_deflate=False,
        log_config=None,  # the settings of mex say what is logged
        access_log=options.access_log,
        server_header=False,
        proxy_headers=options.forwarded_allow_ips is not None,
        forwarded_allow_ips=options.forwarded_allow_ips,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
