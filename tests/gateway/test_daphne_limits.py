"""What Daphne keeps for a client that does not read, or that sends more than is taken; and whom it drops."""

import asyncio
from typing import Any

from mex.daphne_limits import BoundedFactory, BoundedProtocol
from mex.limits import MESSAGES_WAITING_MAX, PING_TIMEOUT_S, SEND_BUFFER_BYTES_MAX

FRAME_BYTES = 1024


class Recording(BoundedProtocol):
    """A connection that notes what it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.state = self.STATE_OPEN
        self.client_addr = None
        self.written = 0
        self.closed: list[dict[str, Any]] = []
        self.reading = self._reading = Reading()
        self.autoPingTimeoutCall = None
        self.application_queue: asyncio.Queue[object] = asyncio.Queue()
        self._perMessageCompress = None
        self.send_queue: list[bytes] = []
        self.transport = self

    def write(self, data: bytes) -> None:
        self.written += len(data)

    @property
    def frames(self) -> int:
        self._flush()
        return self.written // FRAME_BYTES

    def sendCloseFrame(self, **options: Any) -> None:
        self.closed.append(options)


class Reading:
    """What reads from a client's socket."""

    is_paused = False

    def pauseProducing(self) -> None:
        self.is_paused = True

    def resumeProducing(self) -> None:
        self.is_paused = False


async def test_a_client_that_does_not_read_is_closed_when_too_much_waits() -> None:
    connection = Recording()
    frame = "x" * (FRAME_BYTES - 4)
    room = SEND_BUFFER_BYTES_MAX // len(frame)
    for _ in range(2 * room):
        connection.serverSend(frame)
    assert (connection.frames, connection.closed) == (2 * room, [])

    connection.pauseProducing()
    for _ in range(room):
        connection.serverSend(frame)
    connection.resumeProducing()
    connection.pauseProducing()
    for _ in range(room):
        connection.serverSend(frame)
    assert (connection.frames, connection.closed) == (4 * room, [])
    connection.serverSend(frame)

    assert connection.frames == 4 * room
    assert connection.closed == [{"code": 4408, "isReply": False}]


async def test_a_client_that_sends_more_than_is_taken_is_not_read_until_most_is_taken() -> None:
    connection = Recording()
    waiting = connection.application_queue

    for _ in range(MESSAGES_WAITING_MAX):
        connection.onMessage(b"{}", False)
    assert not connection.reading.is_paused
    connection.onMessage(b"{}", False)
    assert connection.reading.is_paused

    # Not by its reading answers either, as long as so much waits.
    connection.pauseProducing()
    connection.resumeProducing()
    while waiting.qsize() > MESSAGES_WAITING_MAX // 2:
        assert connection.reading.is_paused
        waiting.get_nowait()
    async with asyncio.timeout(10):
        while connection.reading.is_paused:
            await asyncio.sleep(0.001)

    connection.onMessage(b"{}", False)
    assert not connection.reading.is_paused


async def test_a_client_that_does_not_read_is_not_read_when_what_it_sent_is_taken() -> None:
    connection = Recording()
    for _ in range(MESSAGES_WAITING_MAX + 1):
        connection.onMessage(b"{}", False)
    connection.pauseProducing()

    while not connection.application_queue.empty():
        connection.application_queue.get_nowait()
    async with asyncio.timeout(10):
        while connection._is_behind:
            await asyncio.sleep(0.001)

    assert connection.reading.is_paused


async def test_nobody_looks_at_a_connection_that_is_gone() -> None:
    connection = Recording()
    for _ in range(MESSAGES_WAITING_MAX + 1):
        connection.onMessage(b"{}", False)

    connection.state = connection.STATE_CLOSED
    while not connection.application_queue.empty():
        connection.application_queue.get_nowait()
    connection._look_again()

    assert connection.reading.is_paused


class Timer:
    """Calls nobody, and notes when it should."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.cancelled = 0

    def call_later(self, delay: float, *_: object) -> "Timer":
        self.delays.append(delay)
        return self

    def cancel(self) -> None:
        self.cancelled += 1


def asked(connection: Recording) -> Timer:
    """Give a connection a factory whose clock stands still."""
    connection.factory = BoundedFactory(object())
    connection.factory.setProtocolOptions(autoPingTimeout=30)
    connection.factory._batched_timer = timer = Timer()
    connection.autoPingTimeout = connection.factory.autoPingTimeout
    connection.autoPingSize = connection.factory.autoPingSize
    connection.autoPingPendingSeq = 0
    connection.autoPingInterval = 0
    connection.sendPing = connection.write
    return timer


async def test_a_client_has_as_long_to_answer_a_ping_as_the_api_says_and_is_not_asked_twice() -> None:
    connection = Recording()
    timer = asked(connection)

    connection._sendAutoPing()
    connection._sendAutoPing()

    assert timer.delays == [PING_TIMEOUT_S]
    assert connection.written > 0


async def test_a_client_that_is_not_read_is_not_dropped_for_its_silence() -> None:
    connection = Recording()
    timer = asked(connection)
    connection._sendAutoPing()

    for _ in range(MESSAGES_WAITING_MAX + 1):
        connection.onMessage(b"{}", False)
    connection._sendAutoPing()

    assert (len(timer.delays), timer.cancelled, connection.autoPingTimeoutCall) == (1, 1, None)
