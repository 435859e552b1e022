"""What Daphne keeps for a client that does not read."""

from typing import Any

from mex.daphne_limits import BoundedProtocol
from mex.limits import SEND_BUFFER_BYTES_MAX

FRAME_BYTES = 1024


class Recording(BoundedProtocol):
    """A connection that notes what it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.state = self.STATE_OPEN
        self.client_addr = None
        self.written = 0
        self.closed: list[dict[str, Any]] = []
        self._reading = None
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
