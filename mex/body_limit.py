"""A bound on what one request makes a server keep: Django stores a body, however long, before anybody looks at it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from mex.errors import BodyTooLong
from mex.limits import HTTP_BODY_BYTES_MAX

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def bounded(receive: Receive) -> Receive:
    """Return a `receive` that raises BodyTooLong after a body that was longer than the limit."""
    body_bytes = 0

    async def take() -> Message:
        nonlocal body_bytes
        message = await receive()
        body_bytes += len(message.get("body", b""))
        if body_bytes <= HTTP_BODY_BYTES_MAX:
            return message
        # To its end, so that the client gets to read the answer.
        while message.get("more_body"):
            message = await receive()
        if message["type"] == "http.disconnect":
            return message
        raise BodyTooLong(HTTP_BODY_BYTES_MAX)

    return take


async def refuse(send: Send, error: BodyTooLong) -> None:
    """Answer a request whose body is too long."""
    body = msgspec.json.encode({"code": error.code, "msg": error.message})
    headers = [(b"Content-Type", b"application/json"), (b"Connection", b"close")]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
