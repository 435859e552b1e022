"""The engine stops, dies or comes back, the pipe loses its memory, batches are missed: nobody is told a wrong thing."""

import signal
from collections.abc import Iterator

import msgspec
import pytest
import redis
from websockets.exceptions import ConnectionClosed

from tests.api.client import Frames, Json, Trader
from tests.api.exchange import Exchange

UNKNOWN = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
ORDER = {"symbol": "ETHBTC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "0.05"}
EVENTS = "mex:{0}:events"


@pytest.fixture(scope="module")
def own_exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange whose parts tests may stop, with a web process that does not wait long for the engine."""
    exchange = Exchange(tmp_path_factory.mktemp("outages"), "tests.api.impatient:application")
    try:
        yield exchange
    finally:
        exchange.close()


@pytest.fixture
def outage(own_exchange: Exchange) -> Iterator[Exchange]:
    """The exchange, with everything running again afterwards."""
    yield own_exchange
    if own_exchange.engine.poll() is None:
        own_exchange.engine.send_signal(signal.SIGCONT)
    else:
        own_exchange.engine = own_exchange.start_engine()
    own_exchange.tidy()


def pipe(exchange: Exchange) -> "redis.Redis":
    return redis.Redis.from_url(exchange.stack.environment["REDIS_URL"])


def close_code(ws: Frames) -> int | None:
    """Read what is left and return the code with which the server closes."""
    try:
        while True:
            ws.receive()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else None


def orders(exchange: Exchange, trader: Trader) -> list[Json]:
    return list(exchange.rest(trader).get("/api/v3/allOrders", symbol="ETHBTC").json())


def test_a_stopped_engine_is_waited_for_and_then_reported(outage: Exchange) -> None:
    [trader] = outage.traders(1)
    rest = outage.rest(trader)
    outage.engine.send_signal(signal.SIGSTOP)

    over_rest = rest.post("/api/v3/order", **ORDER, newClientOrderId="slow-1")
    with outage.ws_api(trader) as ws:
        over_ws = ws.request("order.place", **ORDER, newClientOrderId="slow-2")
        # Reads go on meanwhile.
        assert ws.request("account.status")["status"] == 200
        outage.engine.send_signal(signal.SIGCONT)

        assert (over_rest.status_code, over_rest.json()) == (504, {"code": -1007, "msg": UNKNOWN})
        assert (over_ws["status"], over_ws["error"]) == (504, {"code": -1007, "msg": UNKNOWN})
        # Unknown it was: both took effect when the engine went on, once, and a repeat is told so.
        outage.eventually(lambda: len(orders(outage, trader)) == 2, "the orders")
        again = ws.request("order.place", **ORDER, newClientOrderId="slow-1")
        assert again["error"] == {"code": -2010, "msg": "Duplicate order sent."}
        assert ws.place("BUY", "1", "0.04")["status"] == "NEW"
    assert [row["clientOrderId"] for row in orders(outage, trader)][:2] == ["slow-1", "slow-2"]


def test_a_killed_engine_comes_back_and_does_what_was_asked_meanwhile(outage: Exchange) -> None:
    [trader] = outage.traders(1)
    with outage.ws_api(trader) as ws, outage.market("/ws/ethbtc@depth@100ms") as market:
        ws.request("userDataStream.subscribe.signature")
        before = ws.place("BUY", "1", "0.05")
        event = _depth_with(market, "1.00000000")
        outage.kill_engine()

        unknown = ws.request("order.place", **ORDER, newClientOrderId="meanwhile")
        assert unknown["error"]["code"] == -1007
        outage.engine = outage.start_engine()

        outage.eventually(lambda: len(orders(outage, trader)) == 2, "the order of the outage")
        # The connections lived through it, and the streams have no gap.
        reports = [e for e in ws.next_events(4) if e["e"] == "executionReport"]
        assert [report["x"] for report in reports] == ["NEW", "NEW"]
        assert reports[1]["c"] == "meanwhile"
        assert reports[1]["I"] > reports[0]["I"]
        assert _depth_with(market, "2.00000000", after=event["u"])["b"] == [["0.05000000", "2.00000000"]]
        after = ws.place("BUY", "1", "0.049")
        assert after["orderId"] == before["orderId"] + 2


def _depth_with(market: Frames, quantity: str, after: int | None = None) -> Json:
    """Return the first event that sets the level at 0.05 to a quantity; none before it may be missing.

    What happened just before a subscription may come with its first event.
    """
    while True:
        event = market.receive()
        assert after is None or event["U"] == after + 1
        after = event["u"]
        if ["0.05000000", quantity] in event["b"]:
            return event


def test_an_answer_that_was_committed_and_not_published_comes_after_the_restart(outage: Exchange) -> None:
    """The engine commits and is killed before it publishes; the next one says it again, and the client is answered."""
    [trader] = outage.traders(1)
    with outage.ws_api(trader) as ws:
        ws.place("BUY", "1", "0.05")
        outage.engine.send_signal(signal.SIGTERM)
        assert outage.engine.wait(30) == 0
        doomed = outage.stack.python("-c", _DIES_BEFORE_PUBLISHING)
        number = ws.ask("order.place", **ORDER, newClientOrderId="committed")
        assert doomed.wait(30) == -signal.SIGKILL
        assert outage.stack.rows("SELECT count(*) FROM trading_order WHERE client_order_id = 'committed'") == [(1,)]

        outage.engine = outage.start_engine()

        reply = ws.receive()
        if "error" in reply:  # the machine was too slow for the impatient web process
            assert reply["error"]["code"] == -1007
        else:
            assert (reply["id"], reply["result"]["clientOrderId"]) == (number, "committed")
    assert [row["clientOrderId"] for row in orders(outage, trader)][1:] == ["committed"]


_DIES_BEFORE_PUBLISHING = """
import os, signal
import django
django.setup()
from trading.runtime import loop
loop.Publisher.send = lambda self, packed: os.kill(os.getpid(), signal.SIGKILL)
engine = loop.Engine(0, loop.open_pipe())
engine._last_packed = b""
engine.start()
engine.run(lambda: False)
"""


def test_the_pipe_may_lose_its_memory(outage: Exchange) -> None:
    [trader] = outage.traders(1)
    with outage.ws_api(trader) as ws:
        first = ws.place("BUY", "1", "0.05", newClientOrderId="before")
        outage.restart_pipe()

        def is_back() -> bool:
            return ws.request("order.place", **ORDER, newClientOrderId="after").get("status") == 200

        # While the pipe was away the first request may be unknown; it is not carried out twice.
        reply = ws.request("order.place", **ORDER, newClientOrderId="after")
        if reply["status"] != 200:
            assert reply["error"]["code"] in (-1007, -2010)
            outage.eventually(lambda: is_back() or len(orders(outage, trader)) == 2, "the order after the outage")
    found = orders(outage, trader)
    assert [row["clientOrderId"] for row in found] == ["before", "after"]
    assert found[1]["orderId"] == first["orderId"] + 1


def test_after_a_gap_connections_are_closed_and_the_books_are_right(outage: Exchange) -> None:
    """A web process that missed batches closes streams, answers what it can, and has the true book."""
    trader, other = outage.traders(2)
    rest = outage.rest(trader)
    rest.order("BUY", "1", "0.05")
    web = outage.web.process
    with (
        outage.market("/ws/ethbtc@trade") as market,
        outage.ws_api(trader) as private,
        outage.ws_api(trader) as bystander,
    ):
        market.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        market.receive()
        private.request("userDataStream.subscribe.signature")
        bystander.request("ping", signed=False)
        connection = pipe(outage)
        published = connection.xlen(EVENTS)
        web.send_signal(signal.SIGSTOP)
        # The first of two reaches the stopped process's open read; the second one will be trimmed away.
        for account in (trader, other):
            outage.deposit(account, asset=1, units=1)
            count = f"SELECT count(*) FROM wallets_posting WHERE reference = 'deposit:{account.account}'"
            outage.eventually(lambda sql=count: outage.stack.rows(sql) == [(1,)], "a deposit")
        # What is committed may not be published yet, and then it would not be trimmed away.
        outage.eventually(lambda: connection.xlen(EVENTS) >= published + 2, "both batches on the stream")
        connection.xtrim(EVENTS, maxlen=0)
        # And an entry that is none at all.
        connection.xadd(EVENTS, {"p": b"junk"})
        web.send_signal(signal.SIGCONT)

        order = bystander.place("BUY", "2", "0.05")

        assert order["status"] == "NEW"
        for ws in (market, private):
            assert close_code(ws) == 1001
    assert rest.get("/api/v3/depth", symbol="ETHBTC").json()["bids"] == [["0.05000000", "3.00000000"]]
    assert web.poll() is None


def test_junk_on_the_command_stream_is_skipped(outage: Exchange) -> None:
    [trader] = outage.traders(1)
    connection = pipe(outage)
    for junk in (b"", b"\xff\xff", msgspec.msgpack.encode([1, 2, 3]), msgspec.msgpack.encode({"a": 1})):
        connection.xadd("mex:{0}:commands", {"p": junk})
    connection.xadd("mex:{0}:commands", {"other": b"field"})
    connection.xadd("mex:notices", {"p": b"junk"})

    assert outage.rest(trader).order("BUY", "1", "0.05")["status"] == "NEW"
    assert outage.engine.poll() is None
