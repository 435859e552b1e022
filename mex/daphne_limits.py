"""Bounds on what one client can make Daphne keep, and close codes that it would not send.

Daphne takes bodies of any length, buffers for a slow reader without end, and refuses to send the close codes of
RFC 6455, section 7.4.1 (1001, 1009): it raises instead, and the connection stays open.
"""

import asyncio
from typing import Any

import msgspec
from daphne import server
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory

from mex.daphne_frames import PlainFrames
from mex.errors import BodyTooLong
from mex.limits import (
    FRAME_BYTES_MAX,
    HTTP_BODY_BYTES_MAX,
    MESSAGES_WAITING_MAX,
    PING_TIMEOUT_S,
    SEND_BUFFER_BYTES_MAX,
)

TOO_SLOW = 4408
_LOOK_S = 0.01
"""How often a connection that is not read is looked at again."""


class BoundedProtocol(PlainFrames):
    """A websocket connection that sends any close code, drops a reader that is too slow, and keeps few messages."""

    _unread_bytes = 0
    _is_paused = False
    _is_behind = False
    """Whether the application has not taken what was read, so that no more is."""

    def onOpen(self) -> None:
        """Ask the transport to say when the client does not keep up."""
        super().onOpen()
        self._reading = self.transport.producer
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """Stop reading as well: whoever does not take answers may not ask more."""
        self._is_paused = True
        self._read_or_wait()

    def resumeProducing(self) -> None:
        """Go on, now that the client has taken everything."""
        self._is_paused = False
        self._unread_bytes = 0
        self._read_or_wait()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Hand a message over; read no more while too many wait."""
        super().onMessage(payload, isBinary)
        if self.application_queue.qsize() > MESSAGES_WAITING_MAX and not self._is_behind:
            self._is_behind = True
            if self.autoPingTimeoutCall:
                self._cancelAutoPingTimeoutCall()  # an answer would not be heard
            self._read_or_wait()
            self._look_again()

    def _look_again(self) -> None:
        if self.state == self.STATE_CLOSED:
            return
        if self.application_queue.qsize() > MESSAGES_WAITING_MAX // 2:
            asyncio.get_running_loop().call_later(_LOOK_S, self._look_again)
        else:
            self._is_behind = False
            self._read_or_wait()

    def _read_or_wait(self) -> None:
        if self._reading is None:
            return
        if self._is_paused or self._is_behind:
            self._reading.pauseProducing()
        else:
            self._reading.resumeProducing()

    def _sendAutoPing(self) -> None:
        """Ask whether the client is there, if it can be heard and was not asked already.

        Autobahn would forget the time-out of an earlier ping, and end the connection by it though a later was answered.
        """
        if not self._is_behind and not self.autoPingTimeoutCall:
            super()._sendAutoPing()

    def stopProducing(self) -> None:
        """Take notice that the connection is lost."""
        if self._reading is not None:
            self._reading.stopProducing()

    def serverSend(self, content: Any, binary: bool = False) -> None:
        """Send a frame, or close when too much waits for the client."""
        if self._is_paused:
            self._unread_bytes += len(content)
            if self._unread_bytes > SEND_BUFFER_BYTES_MAX:
                self.serverClose(TOO_SLOW)
                return
        super().serverSend(content, binary)

    def serverClose(self, code: int | None = None) -> None:
        """Close with any code; Autobahn drops the connection when the client does not answer."""
        self.sendCloseFrame(code=code or 1000, isReply=False)


class BoundedFactory(WebSocketFactory):  # type: ignore[misc]
    """Daphne's factory of websocket connections, with limits."""

    protocol = BoundedProtocol

    def setProtocolOptions(self, **options: Any) -> None:
        """Set Daphne's options and ours."""
        limits = {"maxFramePayloadSize": FRAME_BYTES_MAX, "maxMessagePayloadSize": FRAME_BYTES_MAX}
        limits["autoPingTimeout"] = PING_TIMEOUT_S
        # Not by a drop, so that the client learns the reason.
        super().setProtocolOptions(**{**options, **limits, "failByDrop": False})


class BoundedRequest(WebRequest):  # type: ignore[misc]
    """An HTTP request that keeps no more of a body than the limit."""

    _body_bytes = 0

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a part of the body, or drop what is too much."""
        self._body_bytes += len(data)
        if self._body_bytes <= HTTP_BODY_BYTES_MAX:
            super().handleContentChunk(data)

    def process(self) -> Any:
        """Hand the request over, or refuse it."""
        if self._body_bytes <= HTTP_BODY_BYTES_MAX:
            return super().process()
        error = BodyTooLong(HTTP_BODY_BYTES_MAX)
        headers = [(b"Content-Type", b"application/json"), (b"Connection", b"close")]
        self.handle_reply({"type": "http.response.start", "status": error.status, "headers": headers})
        body = msgspec.json.encode({"code": error.code, "msg": error.message})
        self.handle_reply({"type": "http.response.body", "body": body})
        return None


class BoundedHttpFactory(HTTPFactory):  # type: ignore[misc]
    """Daphne's factory of HTTP connections, with limits."""

    def buildProtocol(self, addr: Any) -> Any:
        """Return a connection whose requests are bounded."""
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = BoundedRequest
        return protocol


def limit_frames() -> None:
    """Make Daphne use the bounded factories. Under another server this changes nothing."""
    server.WebSocketFactory = BoundedFactory
    server.HTTPFactory = BoundedHttpFactory
