"""A bound on what one websocket frame may hold, before any of it is kept.

Daphne sets none: a client could make it buffer a frame of any size. Larger ones end the connection with code 1009,
"message too big" (RFC 6455, section 7.4.1).
"""

from typing import Any

from daphne import server
from daphne.ws_protocol import WebSocketFactory

from mex.limits import FRAME_BYTES_MAX


class BoundedFactory(WebSocketFactory):  # type: ignore[misc]  # Daphne has no types
    """Daphne's factory with limits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.setProtocolOptions(maxFramePayloadSize=FRAME_BYTES_MAX, maxMessagePayloadSize=FRAME_BYTES_MAX)


def limit_frames() -> None:
    """Make Daphne use the bounded factory. Under another server this changes nothing."""
    server.WebSocketFactory = BoundedFactory
