"""Our way of reading and writing frames against Autobahn's own: the same messages, the same answers, the same end."""

import asyncio
from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketServerFactory
from daphne.ws_protocol import WebSocketProtocol
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from websockets.frames import Frame, Opcode

from mex.daphne_frames import PlainFrames
from mex.limits import FRAME_BYTES_MAX

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Noting:
    """Notes messages in place of handing them to an application."""

    def onConnect(self, request: object) -> None:
        self.messages: list[tuple[bytes, bool]] = []

    def onOpen(self) -> None:
        pass

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.messages.append((payload, isBinary))

    def onClose(self, *reason: object) -> None:
        pass


class Ours(Noting, PlainFrames):
    """A connection that reads and writes plain messages itself."""


class Theirs(Noting, WebSocketProtocol):  # type: ignore[misc]
    """A connection as Daphne makes it."""


class Wire(StringTransport):
    """What a connection writes."""

    def unregisterProducer(self) -> None:
        pass


def opened(kind: type[Any]) -> Any:
    factory = WebSocketServerFactory()
    factory.protocol = kind
    factory.setProtocolOptions(
        maxFramePayloadSize=FRAME_BYTES_MAX, maxMessagePayloadSize=FRAME_BYTES_MAX, failByDrop=False
    )
    connection = factory.buildProtocol(None)
    connection.client_addr = None
    connection.makeConnection(Wire())
    connection.dataReceived(HANDSHAKE)
    assert connection.state == connection.STATE_OPEN
    connection.transport.clear()
    return connection


def outcome(kind: type[Any], chunks: list[bytes]) -> tuple[list[tuple[bytes, bool]], bytes, bool]:
    """Return the messages that arrive, what is answered, and whether the connection is still open."""
    connection = opened(kind)
    for chunk in chunks:
        connection.dataReceived(chunk)
    if connection.openHandshakeTimeoutCall is not None:
        connection.openHandshakeTimeoutCall.cancel()
    if connection.closeHandshakeTimeoutCall is not None:
        connection.closeHandshakeTimeoutCall.cancel()
    return connection.messages, connection.transport.value(), connection.state == connection.STATE_OPEN


def frame(opcode: Opcode, payload: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    return Frame(opcode, payload, fin=fin).serialize(mask=masked)


def odd_length(payload: bytes, first: int, width: int) -> bytes:
    """Return a text frame whose length is written in a longer way than need be."""
    return bytes((0x81, 0x80 | first)) + len(payload).to_bytes(width) + bytes(4) + payload


texts = st.one_of(
    st.text(max_size=20).map(str.encode),
    st.sampled_from([b"", b"x" * 125, b"x" * 126, b"\xc3\xa4" * 300, b"x" * FRAME_BYTES_MAX]),
)
plain = texts.map(lambda payload: frame(Opcode.TEXT, payload))
others = st.one_of(
    st.binary(max_size=20).map(lambda payload: frame(Opcode.TEXT, payload)),  # mostly no UTF-8
    st.binary(max_size=200).map(lambda payload: frame(Opcode.BINARY, payload)),
    st.binary(max_size=125).map(lambda payload: frame(Opcode.PING, payload)),
    texts.map(lambda payload: frame(Opcode.TEXT, payload[:4], fin=False) + frame(Opcode.CONT, payload[4:])),
    st.just(frame(Opcode.TEXT, b"half", fin=False)),
    st.just(frame(Opcode.TEXT, b"bare", masked=False)),
    st.just(frame(Opcode.TEXT, b"x" * (FRAME_BYTES_MAX + 1))),
    st.just(frame(Opcode.TEXT, b"x" * 70_000)),
    st.just(frame(Opcode.CLOSE, b"\x03\xe8")),
    st.just(odd_length(b"short", 126, 2)),
    st.just(odd_length(b"short", 127, 8)),
    st.just(b"\xc1\x80" + bytes(4)),  # a reserved bit
    st.binary(max_size=30),
)
courses = st.lists(st.one_of(plain, plain, plain, others), max_size=12).map(b"".join)


@settings(max_examples=400)
@given(course=courses, cuts=st.lists(st.integers(min_value=1, max_value=400), max_size=60))
def test_whatever_comes_is_taken_as_autobahn_takes_it(course: bytes, cuts: list[int]) -> None:
    chunks, at = [], 0
    for size in [*cuts, len(course) + 1]:
        chunks.append(course[at : at + size])
        at += size
    chunks = [chunk for chunk in chunks if chunk]

    assert outcome(Ours, chunks) == outcome(Theirs, chunks)


def test_a_frame_may_come_byte_by_byte_and_many_at_once() -> None:
    course = b"".join(frame(Opcode.TEXT, b"%d" % number * size) for number, size in enumerate((1, 130, 3, 9000)))
    expected = [(b"%d" % number * size, False) for number, size in enumerate((1, 130, 3, 9000))]

    assert outcome(Ours, [bytes((byte,)) for byte in course]) == (expected, b"", True)
    assert outcome(Ours, [course]) == (expected, b"", True)


@pytest.mark.parametrize("length", [1, 125, 126, 65_535, 65_536, 300_000])
@pytest.mark.parametrize("binary", [False, True])
async def test_a_message_of_any_length_is_sent_in_one_frame(length: int, binary: bool) -> None:
    connection = opened(Ours)
    payload = b"x" * length

    connection.serverSend(payload if binary else payload.decode(), binary)
    await asyncio.sleep(0)

    opcode = Opcode.BINARY if binary else Opcode.TEXT
    assert connection.transport.value() == frame(opcode, payload, masked=False)


class Socket(Connection):  # type: ignore[misc]
    """A TCP connection whose socket takes so many bytes of what is offered first."""

    def __init__(self, takes: object) -> None:
        self.takes = takes
        self.connected = 1
        self.dataBuffer = b""
        self._tempDataBuffer = []
        self.directly: list[bytes] = []
        self.buffered: list[bytes] = []

    def writeSomeData(self, data: bytes) -> object:
        self.directly.append(bytes(data))
        return self.takes

    def write(self, data: bytes) -> None:
        self.buffered.append(data)


@pytest.mark.parametrize(
    ("takes", "unwritten", "directly", "buffered"),
    [
        (99, b"", [b"\x81\x01a\x81\x01b"], []),
        (4, b"", [b"\x81\x01a\x81\x01b"], [b"\x01b"]),
        (0, b"", [b"\x81\x01a\x81\x01b"], [b"\x81\x01a\x81\x01b"]),
        (CONNECTION_LOST, b"", [b"\x81\x01a\x81\x01b"], [b"\x81\x01a\x81\x01b"]),
        (99, b"earlier", [], [b"\x81\x01a\x81\x01b"]),
    ],
    ids=["all", "a part", "nothing", "lost", "after what waits"],
)
async def test_messages_of_one_turn_are_written_at_once_as_far_as_the_socket_takes_them(
    takes: object, unwritten: bytes, directly: list[bytes], buffered: list[bytes]
) -> None:
    connection, connection.transport = opened(Ours), Socket(takes)
    connection.transport.dataBuffer = unwritten

    connection.serverSend("a")
    connection.serverSend("b")
    await asyncio.sleep(0)

    assert (connection.transport.directly, connection.transport.buffered) == (directly, buffered)


async def test_nothing_is_written_to_the_socket_of_a_connection_that_is_gone() -> None:
    connection, connection.transport = opened(Ours), Socket(99)
    connection.serverSend("a")
    connection.transport.connected = 0
    await asyncio.sleep(0)
    assert connection.transport.directly == []


async def test_what_autobahn_writes_comes_after_what_was_sent_before() -> None:
    connection = opened(Ours)
    connection.serverSend("a")
    connection.sendPing(b"p")
    connection.serverSend("b")
    connection.sendCloseFrame(code=1000)
    await asyncio.sleep(0)
    connection.closeHandshakeTimeoutCall.cancel()
    assert connection.transport.value() == b"\x81\x01a\x89\x01p\x81\x01b\x88\x02\x03\xe8"


async def test_other_letters_are_sent_as_utf8() -> None:
    connection = opened(Ours)
    connection.serverSend("ä€")
    await asyncio.sleep(0)
    assert connection.transport.value() == frame(Opcode.TEXT, "ä€".encode(), masked=False)


class Timer:
    """What drops a connection that does not answer a ping."""

    is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


@pytest.mark.parametrize("kind", [Ours, Theirs])
def test_a_message_in_place_of_the_answer_to_a_ping_keeps_the_connection(kind: type[Any]) -> None:
    connection, timer = opened(kind), Timer()
    connection.autoPingTimeoutCall = timer

    connection.dataReceived(frame(Opcode.TEXT, b"still there"))

    assert (timer.is_cancelled, connection.autoPingTimeoutCall) == (True, None)


INNER = frame(Opcode.TEXT, b"no message")


@pytest.mark.parametrize(
    "chunks",
    [
        [frame(Opcode.TEXT, b"half", fin=False), INNER],
        [frame(Opcode.TEXT, b"half", fin=False), frame(Opcode.CONT, b" and half"), INNER],
        [odd := frame(Opcode.BINARY, b"ab" + INNER), INNER],
        [odd[:-3], odd[-3:], INNER],
        [Frame(Opcode.BINARY, b"ab" + INNER).serialize(mask=False), INNER],
        [b"\x82\xfe\x00\x80" + bytes(4), INNER + b"x" * (128 - len(INNER))],
        [b"\x89" + bytes((0x80 | len(INNER),)) + bytes(4), INNER],
        [b"\x82", b"\x81\x80maskZ"[:6]],
        [frame(Opcode.CLOSE, b"\x03\xe8"), INNER],
    ],
    ids=["in a message", "after one", "binary", "cut", "bare", "in a frame", "in a ping", "in a head", "after the end"],
)
def test_what_looks_like_a_message_in_the_middle_of_something_is_none(chunks: list[bytes]) -> None:
    assert outcome(Ours, chunks) == outcome(Theirs, chunks)
