"""Public streams: control messages, and books that clients can keep."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.api.client import Frames, Json, Rest
from tests.api.exchange import Exchange
from tests.api.shapes import check


def test_control_messages_on_a_raw_connection(exchange: Exchange) -> None:
    with exchange.market("/ws/0") as ws:
        for frame, expected in (
            ({"method": "SUBSCRIBE", "params": ["ethbtc@trade", "no@such"], "id": 1}, {"result": None, "id": 1}),
            ({"method": "SUBSCRIBE", "params": ["ethbtc@trade"], "id": "uuid"}, {"result": None, "id": "uuid"}),
            (
                {"method": "LIST_SUBSCRIPTIONS", "id": 3},
                {"result": ["0", "ethbtc@trade", "no@such"], "id": 3},
            ),
            ({"method": "UNSUBSCRIBE", "params": ["no@such", "0"], "id": 4}, {"result": None, "id": 4}),
            ({"method": "LIST_SUBSCRIPTIONS", "id": None}, {"result": ["ethbtc@trade"], "id": None}),
            ({"method": "GET_PROPERTY", "params": ["combined"], "id": 5}, {"result": False, "id": 5}),
            ({"method": "SET_PROPERTY", "params": ["combined", True], "id": 6}, {"result": None, "id": 6}),
            ({"method": "GET_PROPERTY", "params": ["combined"], "id": 7}, {"result": True, "id": 7}),
            (
                {"method": "DANCE", "id": 8},
                {"error": {"code": 2, "msg": "Invalid request: unknown method 'DANCE'"}, "id": 8},
            ),
            (
                {"method": "SUBSCRIBE", "params": [1], "id": 9},
                {"error": {"code": 2, "msg": "Invalid request: params must be names of streams"}, "id": 9},
            ),
            (
                {"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 10},
                {
                    "error": {"code": 0, "msg": 'Unknown property: only ["combined", true or false] can be set'},
                    "id": 10,
                },
            ),
        ):
            ws.send(frame)
            assert ws.receive() == expected


def test_a_connection_has_a_limited_number_of_streams(exchange: Exchange) -> None:
    with exchange.market("/ws") as ws:
        for start in range(0, 1024, 256):
            ws.send({"method": "SUBSCRIBE", "params": [f"s{n}" for n in range(start, start + 256)], "id": start})
            assert ws.receive() == {"result": None, "id": start}
        ws.send({"method": "SUBSCRIBE", "params": ["one@more"], "id": 1})
        assert ws.receive()["error"] == {"code": 2, "msg": "Invalid request: at most 1024 streams"}
        ws.send({"method": "SUBSCRIBE", "params": ["s1"], "id": 2})
        assert ws.receive() == {"result": None, "id": 2}


@pytest.mark.parametrize("path", ["/ws/", "/stream/", "/ws/a/b/c", "/ws?timeUnit=MILLISECOND", "/stream?streams="])
def test_any_path_under_ws_and_stream_is_taken(exchange: Exchange, path: str) -> None:
    with exchange.market(path) as ws:
        ws.send({"method": "UNSUBSCRIBE", "params": ["x"], "id": 1})
        assert ws.receive() == {"result": None, "id": 1}


def test_a_trade_and_the_best_prices_are_told(exchange: Exchange) -> None:
    maker, taker = exchange.traders(2)
    streams = "/ethbtc@trade/ethbtc@bookTicker"
    with exchange.market("/ws" + streams) as raw, exchange.market("/stream?streams=" + streams[1:]) as combined:
        for ws in (raw, combined):
            ws.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            ws.receive()
        exchange.rest(maker).order("BUY", "1.5", "0.05")
        sold = exchange.rest(taker).order("SELL", "0.6", "0.05")

        book, after, trade = (raw.receive() for _ in range(3))
        wrapped = [combined.receive() for _ in range(3)]

    by_kind = {found.get("e", "book"): found for found in (after, trade)}
    trade, after = by_kind["trade"], by_kind["book"]
    check(trade, "s_trade")
    check(book, "s_book")
    number = sold["fills"][0]["tradeId"]
    assert (trade["t"], trade["p"], trade["q"], trade["m"]) == (number, "0.05000000", "0.60000000", True)
    assert trade["T"] == sold["transactTime"]
    assert list(book.values())[1:] == ["ETHBTC", "0.05000000", "1.50000000", "0.00000000", "0.00000000"]
    assert (after["B"], after["u"]) == ("0.90000000", book["u"] + 1)
    assert {found["stream"] for found in wrapped} == set(streams[1:].split("/"))
    assert all(found.keys() == {"stream", "data"} for found in wrapped)


def test_a_level_that_is_gone_has_quantity_zero(exchange: Exchange) -> None:
    [maker] = exchange.traders(1)
    rest = exchange.rest(maker)
    order = rest.order("BUY", "1.5", "0.05")
    start = rest.get("/api/v3/depth", symbol="ETHBTC").json()["lastUpdateId"]
    with exchange.market("/ws/ethbtc@depth@100ms") as ws:
        rest.delete("/api/v3/order", symbol="ETHBTC", orderId=order["orderId"])
        event = ws.receive()
        while event["u"] <= start:
            event = ws.receive()

    assert event["b"] == [["0.05000000", "0.00000000"]]
    assert event["a"] == []
    check(event, "s_depth")
    assert rest.get("/api/v3/depth", symbol="ETHBTC").json() == {"lastUpdateId": event["u"], "bids": [], "asks": []}


def test_nothing_comes_after_an_unsubscribe_is_answered(exchange: Exchange) -> None:
    traders = exchange.traders(2)
    with trading(exchange, [exchange.rest(trader) for trader in traders], seed=3):
        with exchange.market("/ws") as ws:
            for number in range(5):
                names = ["ethbtc@trade", "ethbtc@bookTicker", "ethbtc@depth@100ms"]
                ws.send({"method": "SUBSCRIBE", "params": names, "id": number})
                assert ws.receive() == {"result": None, "id": number}
                ws.receive()
                ws.send({"method": "UNSUBSCRIBE", "params": names, "id": -number - 1})
                while ws.receive().get("id") != -number - 1:
                    pass
                assert ws.is_silent(0.25)


@pytest.mark.parametrize("stream", ["ethbtc@depth@100ms", "ethbtc@depth", "ethbtc@depth@1000ms"])
def test_a_client_that_follows_the_rules_has_the_true_book(exchange: Exchange, stream: str) -> None:
    """Connecting at random moments of random trading; docs/api.md, "Depth sequence"."""
    traders = exchange.traders(2)
    clients = [exchange.rest(trader) for trader in traders]
    # So far out that nobody takes them: neither side is ever empty.
    clients[0].order("BUY", "1", "0.04")
    clients[1].order("SELL", "1", "0.06")
    books = []
    chance = random.Random(11)
    with trading(exchange, clients, seed=5):
        for _ in range(4):
            threading.Event().wait(chance.random() * 0.15)
            books.append(Book(exchange, stream))
        for book in books:
            book.follow(events=10 if stream.endswith("@100ms") else 2)
    truth = exchange.rest().get("/api/v3/depth", symbol="ETHBTC", limit=5000).json()
    for book in books:
        book.follow_to(truth["lastUpdateId"])
        assert book.told() == truth
        book.ws.close()
    assert truth["bids"]
    assert truth["asks"]
    assert float(truth["bids"][0][0]) < float(truth["asks"][0][0])


class Book:
    """A book that is kept as docs/api.md tells."""

    def __init__(self, exchange: Exchange, stream: str) -> None:
        self.ws: Frames = exchange.market(f"/ws/{stream}")
        buffered = [self.ws.receive()]
        self._last_of_stream = buffered[0]["u"]
        while True:
            snapshot = exchange.rest().get("/api/v3/depth", symbol="ETHBTC", limit=5000).json()
            if snapshot["lastUpdateId"] >= buffered[0]["U"] - 1:
                break
        self.last = snapshot["lastUpdateId"]
        self.sides = {side: dict(map(tuple, snapshot[name])) for side, name in (("b", "bids"), ("a", "asks"))}
        for event in buffered:
            self._apply(event)

    def follow(self, *, events: int) -> None:
        """Apply so many events."""
        for _ in range(events):
            self._take()

    def follow_to(self, update: int) -> None:
        """Apply events until the book is as new as `update`."""
        while self.last < update:
            self._take()

    def told(self) -> Json:
        """Return the book in the words of GET depth."""
        rows = {side: [[price, self.sides[side][price]] for price in self.sides[side]] for side in self.sides}
        bids = sorted(rows["b"], key=lambda row: float(row[0]), reverse=True)
        return {
            "lastUpdateId": self.last,
            "bids": bids,
            "asks": sorted(rows["a"], key=lambda row: float(row[0])),
        }

    def _take(self) -> None:
        event = self.ws.receive()
        assert event["U"] == self._last_of_stream + 1 <= event["u"]
        self._last_of_stream = event["u"]
        self._apply(event)

    def _apply(self, event: Json) -> None:
        if event["u"] <= self.last:
            return
        assert event["U"] <= self.last + 1
        for side in ("b", "a"):
            for price, quantity in event[side]:
                if quantity == "0.00000000":
                    self.sides[side].pop(price, None)
                else:
                    self.sides[side][price] = quantity
        self.last = event["u"]


@contextmanager
def trading(exchange: Exchange, clients: list[Rest], *, seed: int) -> Iterator[None]:
    """Trade at random while the block runs, then stop and wait."""
    stop = threading.Event()

    def work(rest: Rest, chance: random.Random) -> None:
        assert rest.trader is not None
        with exchange.ws_api(rest.trader) as ws:
            open_orders: list[int] = []
            while not stop.is_set():
                if open_orders and chance.random() < 0.4:
                    number = open_orders.pop(chance.randrange(len(open_orders)))
                    ws.request("order.cancel", symbol="ETHBTC", orderId=number)
                    continue
                ticks = 5000 + chance.randint(-12, 12)
                order = ws.place(
                    chance.choice(["BUY", "SELL"]), f"{chance.randint(1, 30)}.{chance.randint(0, 9)}", f"0.0{ticks}"
                )
                if order["status"] != "FILLED":
                    open_orders.append(order["orderId"])

    threads = [
        threading.Thread(target=work, args=(rest, random.Random(seed * 100 + number)))
        for number, rest in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
