"""The web process under uvicorn: the order path, what a client can make it keep, who it believes, and how it ends."""

import signal
import socket
import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.api.client import Frames, Rest
from tests.api.exchange import DEADLINE_S, Exchange, Web, wait_until
from tests.api.test_frames import close_code

SHUTDOWN_S_MAX = 10.0


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange whose web process is uvicorn."""
    exchange = Exchange(tmp_path_factory.mktemp("uvicorn"), server="uvicorn")
    try:
        yield exchange
    finally:
        exchange.close()


def test_orders_are_placed_and_both_sides_are_told(exchange: Exchange) -> None:
    maker, taker = exchange.traders(2)
    with exchange.ws_api(maker) as one, exchange.ws_api(taker) as other, exchange.market("/ws/ethbtc@trade") as trades:
        assert one.request("userDataStream.subscribe.signature")["status"] == 200

        resting = one.place("SELL", "1", "0.05")
        crossing = other.place("BUY", "1", "0.05")

        assert (resting["status"], crossing["status"]) == ("NEW", "FILLED")
        reports = [event for event in one.next_events(4) if event["e"] == "executionReport"]
        assert [report["X"] for report in reports] == ["NEW", "FILLED"]
        assert trades.receive()["p"] == "0.05000000"
    assert exchange.rest(maker).get("/api/v3/openOrders").json() == []


def read_to_the_end(connection: ClientConnection) -> tuple[int, int | None]:
    """Return how many frames there still were, and the code with which the server closed."""
    frames = 0
    try:
        while True:
            connection.recv(DEADLINE_S)
            frames += 1
    except ConnectionClosed as closed:
        return frames, closed.rcvd.code if closed.rcvd is not None else None


def test_a_reader_that_is_too_slow_is_closed_with_a_code(exchange: Exchange) -> None:
    """Its answers, over 4 MiB, wait in the process while it reads nothing; then it is told."""
    request = '{"id": 1, "method": "exchangeInfo"}'
    with connect(exchange.web.ws + "/ws-api/v3", max_queue=1, max_size=None, compression=None, proxy=None) as slow:
        slow.send(request)
        count = 2 * 4 * 1024 * 1024 // len(slow.recv()) + 1_000
        for _ in range(count):
            slow.send(request)
        answers, code = read_to_the_end(slow)

    assert code == 4408
    assert answers < count
    assert exchange.rest().get("/api/v3/ping").json() == {}


@pytest.mark.parametrize("path", ["/ws-api/v3", "/stream"])
@pytest.mark.parametrize(
    ("data", "code"), [(b"a" * 1_000_000, 1009), (b"\xff", 1007)], ids=["a frame of 1 MB", "not UTF-8"]
)
def test_a_frame_that_breaks_the_protocol_closes_the_connection(
    exchange: Exchange, path: str, data: bytes, code: int
) -> None:
    with exchange.market(path) as ws:
        assert close_code(ws, data) == code


def test_what_is_too_long_is_refused(exchange: Exchange) -> None:
    rest = exchange.rest()

    order = rest.call("POST", "/api/v3/order", body=b"a" * 5_000_000)
    page = rest.call("POST", "/accounts/login", body=b"a" * 5_000_000)
    with raw(exchange.web) as client:
        client.sendall(b"GET /api/v3/ping HTTP/1.1\r\nX-Without-End: " + b"a" * 20_000)
        headers = client.recv(100)

    for answer in (order, page):
        assert answer.status_code == 413
        assert answer.json() == {"code": -1100, "msg": "A request's body must not be longer than 65536 bytes."}
    assert headers.startswith(b"HTTP/1.1 400 ")
    assert rest.get("/api/v3/ping").json() == {}


def raw(web: Web) -> socket.socket:
    """Return a connection on which a test writes what it likes."""
    return socket.create_connection(("127.0.0.1", web.port), timeout=DEADLINE_S)


def weight(rest: Rest, client: str) -> int:
    """Return the weight that an address has used, asked through a proxy."""
    answer = rest.call("GET", "/api/v3/ping", headers={"X-Forwarded-For": client})
    return int(answer.headers["X-MBX-USED-WEIGHT-1M"])


def early_in_a_minute() -> None:
    """Return when no minute ends within 10 s: weights are counted by the minute."""
    wait_until(lambda: time.time() % 60 < 50, "the next minute")


def test_a_proxy_is_believed_only_if_it_is_named_and_open_connections_do_not_hold_up_the_end(
    exchange: Exchange,
) -> None:
    direct = exchange.rest()
    early_in_a_minute()
    first = weight(direct, "192.0.2.1")
    assert weight(direct, "192.0.2.2") == first + 1

    behind = exchange.start_web("--forwarded-allow-ips", "127.0.0.1")
    proxied = Rest(behind.url, None)
    early_in_a_minute()
    assert [weight(proxied, client) for client in ("192.0.2.1", "192.0.2.1", "192.0.2.2")] == [1, 2, 1]
    # What the client itself put in front is not what the proxy says.
    assert weight(proxied, "192.0.2.9, 192.0.2.2") == 2

    with Frames(behind.ws + "/ws-api/v3") as ws, raw(behind) as half:
        half.sendall(b"POST /api/v3/order HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nab")
        began = time.monotonic()
        behind.process.send_signal(signal.SIGTERM)

        with pytest.raises(ConnectionClosed) as closed:
            ws.receive()
        behind.process.wait(SHUTDOWN_S_MAX)

    assert time.monotonic() - began < SHUTDOWN_S_MAX
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
