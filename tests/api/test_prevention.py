"""Self-trade prevention: what answers, rows, prevented matches and reports say of each mode."""

from typing import Any

import pytest

from tests.api.client import Json, Rest
from tests.api.exchange import Exchange
from tests.api.shapes import EXAMPLES, check
from tests.api.test_order_types import like, place, row, trade_at

MATCHES = "/api/v3/myPreventedMatches"


def met(rest: Rest, mode: str, *, resting: str, coming: str, **more: Any) -> tuple[Json, Json]:
    """Place an order, and another one that meets it; return both answers."""
    first = rest.order("SELL", resting, "0.05", newClientOrderId="mex-abc-2")
    return first, rest.order("BUY", coming, "0.05", selfTradePreventionMode=mode, newClientOrderId="mex-abc-3", **more)


def test_both_expire(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)

    maker, taker = met(rest, "EXPIRE_BOTH", resting="1", coming="2")

    match = taker["preventedMatches"][0]["preventedMatchId"]
    numbers = {"preventedMatches", "workingTime"}
    like(taker, "preventedOrder", *numbers)
    assert taker["preventedMatches"] == [
        {
            **EXAMPLES["preventedOrder"]["preventedMatches"][0],
            "preventedMatchId": match,
            "makerOrderId": maker["orderId"],
        }
    ]
    ended = row(rest, maker)
    check(ended, "preventedRow")
    assert (ended["status"], ended["preventedQuantity"], ended["preventedMatchId"]) == (
        "EXPIRED_IN_MATCH",
        "1.00000000",
        match,
    )
    [found] = rest.get(MATCHES, symbol="ETHBTC", preventedMatchId=match).json()
    check([found], "preventedMatches")
    varying = {"preventedMatchId": 3, "takerOrderId": 45, "makerOrderId": 40, "transactTime": 1790000006000}
    assert {**found, **varying} == EXAMPLES["preventedMatches"][0]
    assert rest.balances() == {"BTC": ("10000.00000000", "0.00000000"), "ETH": ("10000.00000000", "0.00000000")}
    assert rest.get("/api/v3/myTrades", symbol="ETHBTC").json() == []


@pytest.mark.parametrize(
    ("mode", "maker_status", "taker_status", "prevented"),
    [
        ("NONE", "FILLED", "PARTIALLY_FILLED", None),
        ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH", {"takerPreventedQuantity": "2.00000000"}),
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "NEW", {"makerPreventedQuantity": "1.00000000"}),
        (
            "DECREMENT",
            "EXPIRED_IN_MATCH",
            "NEW",
            {"takerPreventedQuantity": "1.00000000", "makerPreventedQuantity": "1.00000000"},
        ),
    ],
)
def test_each_mode(exchange: Exchange, mode: str, maker_status: str, taker_status: str, prevented: Json | None) -> None:
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)

    maker, taker = met(rest, mode, resting="1", coming="2")

    assert (taker["selfTradePreventionMode"], taker["status"]) == (mode, taker_status)
    assert [row(rest, order)["status"] for order in (maker, taker)] == [maker_status, taker_status]
    if prevented is None:
        assert "preventedMatches" not in taker
        return
    [told] = taker["preventedMatches"]
    assert {name: told[name] for name in told if name.endswith("Quantity")} == prevented
    by_maker = rest.get(MATCHES, symbol="ETHBTC", orderId=maker["orderId"]).json()
    assert by_maker == rest.get(MATCHES, symbol="ETHBTC", orderId=taker["orderId"]).json()
    assert {name: by_maker[0][name] for name in by_maker[0] if name.endswith("Quantity")} == prevented
    assert taker.get("preventedQuantity") == prevented.get("takerPreventedQuantity")
    assert row(rest, maker).get("preventedQuantity") == prevented.get("makerPreventedQuantity")


def test_an_order_that_was_lessened_stays_and_can_be_filled(exchange: Exchange) -> None:
    trader, other = exchange.traders(2)
    rest = exchange.rest(trader)

    maker, taker = met(rest, "DECREMENT", resting="3", coming="2")

    assert (taker["status"], taker["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "2.00000000")
    like(row(rest, maker), "preventedRow", "preventedMatchId", "workingTime")
    assert rest.get("/api/v3/depth", symbol="ETHBTC").json()["asks"] == [["0.05000000", "1.00000000"]]
    with exchange.ws_api(trader) as ws:
        ws.request("userDataStream.subscribe.signature")
        exchange.rest(other).order("BUY", "1", "0.05")
        filled, _ = ws.next_events(2)
        assert (filled["X"], filled["z"], filled["q"], filled["w"]) == ("FILLED", "1.00000000", "3.00000000", False)
    assert (row(rest, maker)["status"], row(rest, maker)["executedQty"]) == ("FILLED", "1.00000000")


def test_reports_of_prevented_matches(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    maker = rest.order("SELL", "3", "0.05", newClientOrderId="mex-abc-2")
    with exchange.ws_api(trader) as ws:
        ws.request("userDataStream.subscribe.signature")
        taker = ws.place("BUY", "2", "0.05", selfTradePreventionMode="EXPIRE_TAKER", newClientOrderId="mex-abc-3")
        new, prevented = ws.next_events(2)

        assert (new["x"], new["V"], new["w"]) == ("NEW", "EXPIRE_TAKER", True)
        check(prevented, "preventionReport")
        varying = dict.fromkeys(("E", "T", "O", "W", "i", "I", "v", "U"))
        assert {**prevented, **varying} == {**EXAMPLES["preventionReport"], **varying}
        assert (prevented["i"], prevented["U"]) == (taker["orderId"], maker["orderId"])
        # Nothing differs in the end, so there is no position.
        ws.place("BUY", "1", "0.05", selfTradePreventionMode="DECREMENT")
        events = ws.next_events(4)
        assert [(e.get("x"), e.get("X"), e.get("m"), e.get("A"), e.get("w")) for e in events] == [
            ("NEW", "NEW", False, None, True),
            ("TRADE_PREVENTION", "NEW", True, "1.00000000", True),
            ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", False, "1.00000000", False),
            (None, None, None, None, None),
        ]
        assert events[1]["v"] == events[2]["v"] == prevented["v"] + 1
        assert events[3]["B"] == [{"a": "ETH", "f": "9998.00000000", "l": "2.00000000"}]
        # An order by quote quantity ends in the match too, and this is told once.
        params = {"symbol": "ETHBTC", "side": "BUY", "type": "MARKET", "quoteOrderQty": "0.01"}
        answer = ws.request("order.place", **params, selfTradePreventionMode="EXPIRE_BOTH")["result"]
        assert (answer["status"], answer["origQty"], answer["preventedQuantity"]) == (
            "EXPIRED_IN_MATCH",
            "0.20000000",
            "0.20000000",
        )
        events = ws.next_events(4)
        assert [(e.get("x"), e.get("X"), e.get("m"), e.get("B") if "x" in e else 0) for e in events] == [
            ("NEW", "NEW", False, None),
            ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", True, "2.00000000"),
            ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", False, "0.20000000"),
            (None, None, None, 0),
        ]
        assert ws.is_silent(0.2)


def test_prevented_matches_are_asked_for_by_number_or_by_order(exchange: Exchange) -> None:
    trader, other = exchange.traders(2)
    rest = exchange.rest(trader)
    maker = rest.order("SELL", "3", "0.05")
    for _ in range(3):
        rest.order("BUY", "1", "0.05", selfTradePreventionMode="EXPIRE_TAKER")
    with exchange.ws_api(trader) as ws:
        mine = {"symbol": "ETHBTC", "orderId": maker["orderId"]}
        rows = rest.get(MATCHES, **mine).json()
        numbers = [found["preventedMatchId"] for found in rows]
        assert numbers == list(range(numbers[0], numbers[0] + 3))
        assert ws.request("myPreventedMatches", **mine)["result"] == rows
        later = ws.request("myPreventedMatches", **mine, fromPreventedMatchId=numbers[1], limit=1)["result"]
        assert later == rows[1:2]
        assert ws.request("myPreventedMatches", symbol="ETHBTC", preventedMatchId=numbers[2])["result"] == rows[2:]
        for params in ({}, {"orderId": 1, "preventedMatchId": 1}):
            error = ws.request("myPreventedMatches", symbol="ETHBTC", **params)["error"]
            assert error == {"code": -1128, "msg": "Combination of optional parameters invalid."}
            assert rest.get(MATCHES, symbol="ETHBTC", **params).json() == error
    assert exchange.rest(other).get(MATCHES, **mine).json() == []


def test_what_was_prevented_is_told_after_a_trade_too(exchange: Exchange) -> None:
    trader, other = exchange.traders(2)
    rest, others = exchange.rest(trader), exchange.rest(other)
    limit = {"type": "LIMIT", "timeInForce": "GTC", "quantity": "2", "price": "0.051"}
    by_quote = {"type": "MARKET", "quoteOrderQty": "0.101"}
    with exchange.ws_api(trader) as ws:
        ws.request("userDataStream.subscribe.signature")
        for order in (limit, by_quote):
            rest.order("SELL", "1", "0.05")
            others.order("SELL", "1", "0.051")
            ws.next_events(2)

            answer = place(rest, side="BUY", selfTradePreventionMode="DECREMENT", **order)

            asked = row(rest, answer)
            assert (answer["status"], answer["executedQty"]) == ("FILLED", "1.00000000")
            assert answer["preventedQuantity"] == asked["preventedQuantity"] == "1.00000000"
            assert answer["origQty"] == asked["origQty"] == "2.00000000"
            assert [match["takerPreventedQuantity"] for match in answer["preventedMatches"]] == ["1.00000000"]
            told = ws.next_events(5)
            assert [event["x"] for event in told[:4]] == ["NEW", "TRADE_PREVENTION", "TRADE_PREVENTION", "TRADE"]
            assert (told[3]["X"], told[3]["q"], told[3]["z"]) == ("FILLED", "2.00000000", "1.00000000")


def test_what_a_maker_lost_in_its_own_command_is_told_after_its_next_trade(exchange: Exchange) -> None:
    """Two stop orders meet what rests of the order that triggers them: one of its own account, then another's."""
    trade_at(exchange, "0.05")
    trader, other, seller = (exchange.rest(trader) for trader in exchange.traders(3))
    stop = {"side": "SELL", "type": "STOP_LOSS", "stopPrice": "0.048"}
    place(trader, **stop, quantity="1", selfTradePreventionMode="DECREMENT")
    place(other, **stop, quantity="2")
    seller.order("SELL", "5", "0.048")

    answer = trader.order("BUY", "10", "0.048")

    assert [(fill["qty"], fill["commission"]) for fill in answer["fills"]] == [
        ("5.00000000", "0.01000000"),
        ("2.00000000", "0.00200000"),
    ]
    assert (answer["executedQty"], answer["preventedQuantity"]) == ("7.00000000", "1.00000000")
    assert row(trader, answer)["preventedQuantity"] == "1.00000000"
