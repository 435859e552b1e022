"""Frames that are no requests: each is answered with its code, or closes the connection with a reason."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.api.client import Frames
from tests.api.exchange import Exchange

DEEP = "[" * 5000 + "]" * 5000
NOT_REQUESTS = [
    ("empty", ""),
    ("a space", " "),
    ("not JSON", "hello"),
    ("cut off", '{"id": 1, "method": "ping"'),
    ("two objects", '{"id": 1, "method": "ping"}{}'),
    ("an array", "[]"),
    ("a text", '"ping"'),
    ("null", "null"),
    ("no method", '{"id": 1}'),
    ("method of a wrong type", '{"id": 1, "method": 5}'),
    ("id of a wrong type", '{"id": {}, "method": "ping"}'),
    ("a fractional id", '{"id": 1.5, "method": "ping"}'),
    ("a huge id", f'{{"id": {"9" * 6000}, "method": "ping"}}'),
    ("parameters of a wrong type", '{"id": 1, "method": "ping", "params": []}'),
    ("half a surrogate", '{"id": 1, "method": "ping", "params": {"a": "\\ud800"}}'),
    ("not a number", '{"id": 1, "method": "ping", "params": {"a": NaN}}'),
    ("deep", DEEP),
]


@pytest.mark.parametrize(("label", "text"), NOT_REQUESTS, ids=[row[0] for row in NOT_REQUESTS])
def test_a_frame_that_is_no_request_is_answered(exchange: Exchange, label: str, text: str) -> None:
    with exchange.ws_api() as ws:
        ws.connection.send(text)

        reply = ws.receive()

        assert (reply["id"], reply["status"], reply["error"]["code"]) == (None, 400, -1100)
        assert ws.request("ping")["result"] == {}


def test_a_deep_parameter_is_refused_or_ignored(exchange: Exchange) -> None:
    with exchange.ws_api() as ws:
        ws.connection.send(f'{{"id": 1, "method": "depth", "params": {{"symbol": {DEEP}}}}}')
        assert ws.receive()["error"]["code"] in (-1100, -1121)
        assert ws.request("ping")["result"] == {}


@pytest.mark.parametrize(("label", "text"), NOT_REQUESTS, ids=[row[0] for row in NOT_REQUESTS])
def test_a_frame_that_is_no_control_message_is_answered(exchange: Exchange, label: str, text: str) -> None:
    with exchange.market("/ws") as market:
        market.connection.send(text)

        reply = market.receive()

        assert reply["error"]["code"] in (2, 3)
        market.send({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        assert market.receive() == {"result": [], "id": 2}


@pytest.mark.parametrize("path", ["/ws-api/v3", "/ws", "/stream"])
def test_a_binary_frame_is_refused_and_the_connection_stays(exchange: Exchange, path: str) -> None:
    with exchange.market(path) as ws:
        ws.connection.send(b'{"id": 1, "method": "ping"}')
        assert ws.receive()["error"]["code"] in (-1100, 2)
        ws.connection.send(b"")
        assert ws.receive()["error"]["code"] in (-1100, 2)
        ws.send({"id": 2, "method": "ping" if "api" in path else "LIST_SUBSCRIPTIONS"})
        assert ws.receive()["id"] == 2


@pytest.mark.parametrize("path", ["/ws-api/v3", "/ws", "/stream"])
@pytest.mark.parametrize(
    ("data", "code"),
    [(b"a" * 1_000_000, 1009), (b"a" * (16 * 1024 + 1), 1009), (b'{"id": "\xff\xfe"}', 1007)],
    ids=["1 MB", "a byte too long", "not UTF-8"],
)
def test_a_frame_that_breaks_the_protocol_closes_the_connection(
    exchange: Exchange, path: str, data: bytes, code: int
) -> None:
    with exchange.market(path) as ws:
        assert close_code(ws, data) == code
    with exchange.market(path) as ws:
        ws.send({"id": 1, "method": "ping" if "api" in path else "LIST_SUBSCRIPTIONS"})
        assert ws.receive()["id"] == 1


def close_code(ws: Frames, data: bytes | Iterator[bytes]) -> int | None:
    """Send a text message and return the code with which the server closes."""
    connection = ws.connection
    try:
        connection.send(data, text=True)
        while True:
            connection.recv(10)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else None


def test_a_message_in_many_fragments_is_bounded_too(exchange: Exchange) -> None:
    with exchange.market("/ws-api/v3") as ws:
        fragments = (b"a" * 1000 for _ in range(100))
        assert close_code(ws, fragments) == 1009


def test_half_a_frame_and_then_nothing_harms_nobody(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    host = urlsplit(exchange.web.url)
    request = (
        f"GET /ws-api/v3 HTTP/1.1\r\nHost: {host.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    frame = Frame(Opcode.TEXT, b'{"id": 1, "method": "order.place", "params": {}}').serialize(mask=True)
    for length in (1, 2, 5, len(frame) - 1):
        with socket.create_connection((host.hostname, host.port), timeout=10) as raw:
            raw.sendall(request.encode())
            assert raw.recv(4096).startswith(b"HTTP/1.1 101")
            raw.sendall(frame[:length])
    with exchange.ws_api(trader) as ws:
        assert ws.request("allOrders", symbol="ETHBTC")["result"] == []


def test_unknown_paths_are_refused(exchange: Exchange) -> None:
    for path in ("/", "/ws-api", "/ws-api/v4", "/wss", "/streams"):
        assert exchange.is_refused(path), path


def test_an_order_whose_client_went_away_is_carried_out(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    ws = exchange.ws_api(trader)
    ws.request("ping", signed=False)
    order = {"symbol": "ETHBTC", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "1", "price": "0.02"}
    ws.ask("order.place", **order, newClientOrderId="last")
    ws.connection.socket.shutdown(socket.SHUT_RDWR)
    rest = exchange.rest(trader)

    exchange.eventually(lambda: len(rest.get("/api/v3/openOrders").json()) == 1, "the order")


def test_an_answer_may_be_longer_than_what_is_taken(exchange: Exchange) -> None:
    """The limit of what is taken held for what is sent, too: such an answer never came."""
    names = [f"{number:0>120}" for number in range(1_000)]
    with exchange.market("/ws") as ws:
        for start in range(0, len(names), 100):
            ws.send({"method": "SUBSCRIBE", "params": names[start : start + 100], "id": start})
            assert ws.receive() == {"result": None, "id": start}
        ws.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        assert ws.receive() == {"result": names, "id": 1}
