"""What all websocket connections share: a dispatch without the thread hop, and a bounded outbox."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer

from mex.limits import SEND_BUFFER_BYTES_MAX

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TOO_BIG = 1009
GOING_AWAY = 1001
REFUSED = 4403
NOT_FOUND = 4404
"""Both before a connection is accepted: its client sees HTTP 403, and no code."""
TOO_SLOW = 4408


class Socket(AsyncConsumer):
    """A websocket connection whose frames leave in the order in which they were put into its outbox."""

    def __init__(self) -> None:
        self._outbox: deque[str] = deque()
        self._outbox_bytes = 0
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._close_code: int | None = None
        self.is_open = False

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Take one message after the other until the connection ends.

        Channels makes a task of each receive, so that it can listen to a channel layer at the same time. There is none
        here (ADR 2).
        """
        self.scope = scope
        self.base_send = scope.get("mex.send", send)
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            return
        finally:
            # However it ends, by an error or by the server: what others keep of it would be kept, and served, for ever.
            self._let_go()

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        """Hand a message over.

        Channels closes stale database connections before each message, by way of a thread. Calling super() looks right,
        but costs five times the rest of the work, and these consumers never touch the ORM themselves.
        """
        await getattr(self, get_handler_name(message))(message)

    async def websocket_connect(self, message: Mapping[str, Any]) -> None:
        """Answer a handshake."""
        raise NotImplementedError

    async def websocket_receive(self, message: Mapping[str, Any]) -> None:
        """Take a frame, unless the connection is being closed: nobody would hear what came of it."""
        if not self.is_open:
            return
        text = message.get("text")
        if text is None:
            text = self.text_of_binary(message["bytes"])
        if text is not None:
            await self.take(text)

    async def take(self, text: str) -> None:
        """Take a text frame."""
        raise NotImplementedError

    def text_of_binary(self, frame: bytes) -> str | None:
        """Return the text that a binary frame holds, or answer that it holds none."""
        raise NotImplementedError

    async def accept(self) -> None:
        """Accept the connection and start its writer."""
        try:
            await self.send({"type": "websocket.accept"})
        except OSError:
            # The client has gone, and the server says so (ASGI: uvicorn does, Daphne does not).
            await self.websocket_disconnect({})
        self.is_open = True
        self._writer = asyncio.create_task(self._write())

    async def refuse(self) -> None:
        """Refuse the handshake (HTTP 403)."""
        await self.send({"type": "websocket.close", "code": REFUSED})

    async def websocket_disconnect(self, message: Mapping[str, Any]) -> None:
        """End, whoever ended the connection."""
        raise StopConsumer

    def _let_go(self) -> None:
        self.is_open = False
        self.gone()
        if self._writer is not None:
            self._writer.cancel()

    def gone(self) -> None:
        """Let go of what the connection subscribed to."""

    def put(self, text: str) -> None:
        """Send a frame after those before it. A reader that is too slow is closed, never buffered without end."""
        if not self.is_open:
            return
        self._outbox.append(text)
        self._outbox_bytes += len(text)
        if self._outbox_bytes > SEND_BUFFER_BYTES_MAX:
            self._outbox.clear()
            self.close(TOO_SLOW)
        self._wake.set()

    def close(self, code: int) -> None:
        """Close the connection after what is in the outbox."""
        if self.is_open:
            self.is_open = False
            self.gone()
            self._close_code = code
            self._wake.set()

    async def _write(self) -> None:
        try:
            await self._write_all()
        except OSError:
            return  # as above; the disconnect itself is the next message

    async def _write_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                text = self._outbox.popleft()
                await self.send({"type": "websocket.send", "text": text})
                self._outbox_bytes -= len(text)
            if self._close_code is not None:
                await self.send({"type": "websocket.close", "code": self._close_code})
                return
