"""The frames of /ws-api/v3: signed requests, and of answers what the generator needs.  [pure]

Source: docs/api.md, "Authentication" and "Websocket API". Written out by hand because the generator must cost less
than what it measures; names and values are plain ASCII without anything that JSON would escape.
"""

import hmac

import msgspec

from loadtest.mix import Pairs

RECV_WINDOW_MS = 60_000
"""The longest there is: in an overload requests wait, and are to be refused for that and not for their age."""
REFUSALS = frozenset({-1003, -1008, -1015})
"""Nothing was done, and the same may pass later. Source: docs/errors.md."""
_UNKNOWN_ORDER = -2011
_CANCEL_REPLACE_FAILED = -2022


class Placed(msgspec.Struct):
    """What became of an order; of a cancel-replace, of both."""

    orderId: int = -1
    clientOrderId: str = ""
    symbol: str = ""
    status: str = ""
    executedQty: str = ""
    cancelResponse: "Placed | None" = None
    newOrderResponse: "Placed | None" = None


class Failed(msgspec.Struct):
    """One half of a cancel-replace that failed."""

    code: int = 0


class Halves(msgspec.Struct):
    """What became of the halves of a cancel-replace."""

    cancelResponse: Failed | None = None


class Error(msgspec.Struct):
    """An error."""

    code: int
    msg: str = ""
    data: Halves | None = None


class Event(msgspec.Struct):
    """An event of the user data stream: of executionReports the order's id and status."""

    e: str = ""
    i: int = -1
    X: str = ""


class Answer(msgspec.Struct):
    """A frame of the server: the answer to a request, or an event."""

    id: int | str | None = None
    status: int = 0
    result: Placed | None = None
    error: Error | None = None
    event: Event | None = None


decode = msgspec.json.Decoder(Answer).decode


def frame(number: int, method: str, pairs: Pairs, key: str, secret: bytes, now_ms: int) -> bytes:
    """Return a signed request."""
    signed = [*pairs, ("apiKey", key), ("recvWindow", str(RECV_WINDOW_MS)), ("timestamp", str(now_ms))]
    signed.sort()
    text = "&".join([f"{name}={value}" for name, value in signed])
    signature = hmac.digest(secret, text.encode(), "sha256").hex()
    params = ",".join([f'"{name}":"{value}"' for name, value in signed])
    return f'{{"id":{number},"method":"{method}","params":{{{params},"signature":"{signature}"}}}}'.encode()


def came_too_late(error: Error) -> bool:
    """Return whether a cancel or replace failed because its order is not open any more."""
    if error.code == _UNKNOWN_ORDER:
        return True
    response = error.data.cancelResponse if error.code == _CANCEL_REPLACE_FAILED and error.data else None
    return response is not None and response.code == _UNKNOWN_ORDER
