"""The user data stream: what an account is told, in which order, with which numbers."""

from tests.api.exchange import Exchange
from tests.api.shapes import EXAMPLES, check


def test_the_life_of_an_order_as_both_sides_are_told(exchange: Exchange) -> None:
    first, second, taker = exchange.traders(3)
    with exchange.ws_api(taker) as ws, exchange.ws_api(first) as maker:
        assert ws.request("userDataStream.subscribe.signature")["result"] == {"subscriptionId": 0}
        maker.request("userDataStream.subscribe.signature")
        exchange.rest(first).order("SELL", "0.6", "0.052", newClientOrderId="maker-1")
        exchange.rest(second).order("SELL", "0.4", "0.0522")

        placed = ws.place("BUY", "1.2", "0.0522", newClientOrderId="mex-abc-1")
        new, trade, last, position = ws.next_events(4)

        check(trade, "u_trade")
        varying = dict.fromkeys(("E", "T", "O", "W", "i", "t", "I"))
        assert {**trade, **varying} == {**EXAMPLES["u_trade"], **varying}
        assert (new["x"], new["X"], new["t"], new["n"], new["N"], new["w"]) == ("NEW", "NEW", -1, "0", None, True)
        assert new.keys() == trade.keys()
        assert (last["x"], last["X"], last["z"], last["l"], last["n"]) == (
            "TRADE",
            "PARTIALLY_FILLED",
            "1.00000000",
            "0.40000000",
            "0.00080000",
        )
        assert {report["i"] for report in (new, trade, last)} == {placed["orderId"]}
        assert (new["I"], trade["t"], last["t"]) == (min(new["I"], trade["I"]), trade["t"], trade["t"] + 1)
        assert len({new["I"], trade["I"], last["I"]}) == 3
        check(position, "u_pos")
        assert sorted(position["B"], key=lambda row: row["a"]) == [
            {"a": "BTC", "f": "9999.93748000", "l": "0.01044000"},
            {"a": "ETH", "f": "10000.99800000", "l": "0.00000000"},
        ]

        ws.request("order.cancel", symbol="ETHBTC", orderId=placed["orderId"], newClientOrderId="c9f0e7d2")
        cancel, position = ws.next_events(2)
        check(cancel, "cancelReport")
        assert (cancel["c"], cancel["C"], cancel["x"], cancel["X"]) == ("c9f0e7d2", "mex-abc-1", "CANCELED", "CANCELED")
        assert (cancel["w"], cancel["z"], cancel["l"]) == (False, "1.00000000", "0.00000000")
        assert position["B"] == [{"a": "BTC", "f": "9999.94792000", "l": "0.00000000"}]

        _, _, fill, after = maker.next_events(4)
        assert (fill["x"], fill["X"], fill["m"], fill["c"], fill["C"]) == ("TRADE", "FILLED", True, "maker-1", "")
        assert (fill["n"], fill["N"], fill["t"]) == ("0.00003120", "BTC", trade["t"])
        assert fill["I"] not in (new["I"], trade["I"], last["I"])
        assert after["e"] == "outboundAccountPosition"
        assert ws.is_silent(0.3)


def test_an_expired_order_reports_new_trade_expired(exchange: Exchange) -> None:
    maker, taker = exchange.traders(2)
    exchange.rest(maker).order("SELL", "1", "0.05")
    with exchange.ws_api(taker) as ws:
        ws.request("userDataStream.subscribe.signature")

        ws.request("order.place", symbol="ETHBTC", side="BUY", type="MARKET", quantity="2")

        events = ws.next_events(4)
        assert [(e.get("x"), e.get("X"), e.get("w")) for e in events] == [
            ("NEW", "NEW", False),
            ("TRADE", "PARTIALLY_FILLED", False),
            ("EXPIRED", "EXPIRED", False),
            (None, None, None),
        ]
        assert (events[2]["C"], events[2]["n"], events[2]["N"], events[2]["t"]) == ("", "0", None, -1)


def test_both_orders_of_a_self_trade_report_and_there_is_one_position(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    exchange.rest(trader).order("SELL", "1", "0.05", newClientOrderId="resting")
    with exchange.ws_api(trader) as ws:
        ws.request("userDataStream.subscribe.signature")

        ws.place("BUY", "1", "0.05", newClientOrderId="coming")

        events = ws.next_events(4)
        assert sorted((e["c"], e["x"], e["m"]) for e in events[:3]) == [
            ("coming", "NEW", False),
            ("coming", "TRADE", False),
            ("resting", "TRADE", True),
        ]
        assert events[3]["e"] == "outboundAccountPosition"
        assert len({e["I"] for e in events[:3]}) == 3
        assert ws.is_silent(0.2)
    rows = exchange.rest(trader).get("/api/v3/myTrades", symbol="ETHBTC").json()
    assert sorted((row["isBuyer"], row["isMaker"]) for row in rows) == [(False, True), (True, False)]


def test_a_deposit_is_told(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    with exchange.ws_api(trader) as ws:
        ws.request("userDataStream.subscribe.signature")

        exchange.deposit(trader, asset=1, units=150_000_000)

        update, position = ws.next_events(2)
        check(update, "u_bal")
        assert (update["a"], update["d"]) == ("BTC", "1.50000000")
        assert position["B"] == [{"a": "BTC", "f": "10001.50000000", "l": "0.00000000"}]


def test_subscriptions_of_a_connection(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    with exchange.ws_api(trader) as ws:
        first = ws.ask("userDataStream.subscribe.signature")
        # The reply is the first frame, whatever happens meanwhile.
        exchange.rest(trader).order("BUY", "1", "0.02")
        assert ws.receive() | {"rateLimits": 0} == {
            "id": first,
            "status": 200,
            "result": {"subscriptionId": 0},
            "rateLimits": 0,
        }
        second = ws.request("userDataStream.subscribe.signature")
        assert (second["status"], second["error"]) == (
            400,
            {"code": -2035, "msg": "User Data Stream subscription already active."},
        )
        assert ws.request("session.subscriptions", signed=False)["result"] == [{"subscriptionId": 0}]
        ws.events.clear()
        unsubscribed = ws.request("userDataStream.unsubscribe", signed=False, subscriptionId=0)
        assert unsubscribed["result"] == {}
        [ended] = ws.next_events(1)
        assert ended.keys() == {"e", "E"}
        assert ended["e"] == "eventStreamTerminated"
        exchange.rest(trader).order("BUY", "1", "0.02")
        assert ws.is_silent(0.3)
        assert ws.request("session.subscriptions", signed=False)["result"] == []
        assert ws.request("userDataStream.subscribe.signature")["result"] == {"subscriptionId": 1}


def test_nobody_is_told_of_others(exchange: Exchange) -> None:
    trader, other = exchange.traders(2)
    with exchange.ws_api(other) as ws:
        ws.request("userDataStream.subscribe.signature")

        exchange.rest(trader).order("BUY", "1", "0.02")

        assert ws.is_silent(0.3)
