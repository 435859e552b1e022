"""Messages of websockets under Daphne, without the way through Autobahn that takes most of what an order costs.

Autobahn looks at each frame in a dozen calls and prepares log lines that nobody reads: 30 µs for a message that comes,
10 for one that goes; and Twisted has the socket watched for room before it writes anything, and then no longer watched.
What is plain, a whole text message in one frame, is read and written here; everything else (parts of messages, binary,
pings, closing, whatever breaks the rules) goes to Autobahn as it came.

Source: RFC 6455, sections 5.2 and 5.3.
"""

import asyncio
import struct
from typing import Any

from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.tcp import Connection

from mex.limits import FRAME_BYTES_MAX

_TEXT, _BINARY = 0x81, 0x82
_MASKED = 0x80
_TWO_BYTES, _EIGHT_BYTES = 126, 127
"""Values of the first length: so many bytes with the length follow."""
_MASK_BYTES = 4
_MEDIUM = struct.Struct("!BBH").pack
_LONG = struct.Struct("!BBQ").pack


class PlainFrames(WebSocketProtocol):  # type: ignore[misc]  # Daphne has no types
    """A websocket connection that reads and writes plain messages itself."""

    _begun = b""
    """The beginning of a plain message whose rest has not come yet."""

    def __init__(self) -> None:
        super().__init__()
        self._outgoing: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        """Take messages as long as they are plain, and leave the rest to Autobahn."""
        if self._begun:
            data, self._begun = self._begun + data, b""
        if self.state == self.STATE_OPEN and not (self.data or self.current_frame or self.inside_message):
            data = self._take(data)
        if data:
            super().dataReceived(data)

    def _take(self, data: bytes) -> bytes:
        """Pass on the plain messages at the beginning, keep one that has only begun, and return what is not plain."""
        at, end = 0, len(data)
        while at < end:
            if data[at] != _TEXT:
                break
            head = at + 2
            if head > end:
                return self._keep(data, at)
            length = data[at + 1] - _MASKED
            if length == _TWO_BYTES:
                head += 2
                if head > end:
                    return self._keep(data, at)
                length = int.from_bytes(data[at + 2 : head])
                if length < _TWO_BYTES or length > FRAME_BYTES_MAX:
                    break
            elif length < 0 or length == _EIGHT_BYTES:
                break
            start = head + _MASK_BYTES
            if start + length > end:
                return self._keep(data, at)
            payload = _unmasked(data[start : start + length], data[head:start])
            if not payload.isascii() and not _is_utf8(payload):
                break
            self._pass_on(payload)
            at = start + length
        return data[at:]

    def _pass_on(self, payload: bytes) -> None:
        if self.autoPingTimeoutCall:
            self._cancelAutoPingTimeoutCall()  # who sends something is there
        self.onMessage(payload, False)

    def _keep(self, data: bytes, at: int) -> bytes:
        self._begun = data[at:]
        return b""

    def serverSend(self, content: Any, binary: bool = False) -> None:
        """Send a message. Unlike Autobahn, whatever its length: the limit is for what is received."""
        if self.state != self.STATE_OPEN or self.send_queue or self._perMessageCompress is not None:
            super().serverSend(content, binary)
            return
        payload = content if binary else content.encode()
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(_head(len(payload), _BINARY if binary else _TEXT) + payload)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Let what Autobahn writes come after what was sent before it."""
        self._flush()
        super().sendData(data, sync, chopsize)

    def _flush(self) -> None:
        """Write what was sent in this turn: at once if the socket takes it, so that nobody has to watch it for room."""
        data, written = b"".join(self._outgoing), 0
        self._outgoing.clear()
        transport = self.transport
        if data and isinstance(transport, Connection) and transport.connected and not _has_unwritten(transport):
            taken = transport.writeSomeData(data)
            written = taken if isinstance(taken, int) else 0  # a lost connection is found out by Twisted itself
        if written < len(data):
            transport.write(data[written:])


def _has_unwritten(transport: Connection) -> bool:
    return bool(transport.dataBuffer or transport._tempDataBuffer)


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    length = len(payload)
    repeated = (mask * (length // _MASK_BYTES + 1))[:length]
    return (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(length)


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _head(length: int, opcode: int) -> bytes:
    """Return what stands before the payload of a whole message of a server."""
    if length < _TWO_BYTES:
        return bytes((opcode, length))
    return _MEDIUM(opcode, _TWO_BYTES, length) if length < 2**16 else _LONG(opcode, _EIGHT_BYTES, length)
