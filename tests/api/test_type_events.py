"""The user data stream of orders that wait, follow, are triggered, amended, or in a list; and one position a batch."""

from tests.api.exchange import Exchange
from tests.api.shapes import EXAMPLES, check
from tests.api.test_order_lists import NAMES, OCO
from tests.api.test_order_types import trade_at

STOP = {"symbol": "ETHBTC", "side": "SELL", "type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "quantity": "1"}
VARYING = dict.fromkeys(("E", "T", "O", "W", "D", "i", "I", "g", "v", "U"))


def test_a_stop_order_from_waiting_to_its_end(exchange: Exchange) -> None:
    trade_at(exchange, "0.055")
    trader, bidder = exchange.traders(2)
    with exchange.ws_api(trader) as ws:
        ws.request("userDataStream.subscribe.signature")
        order = {**STOP, "price": "0.049", "stopPrice": "0.05", "newClientOrderId": "stop-1"}
        placed = ws.request("order.place", **order)["result"]
        waiting, position = ws.next_events(2)
        check(waiting, "waitingReport")
        assert {**waiting, **VARYING} == {**EXAMPLES["waitingReport"], **VARYING}
        assert (waiting["i"], waiting["T"], waiting["O"]) == (placed["orderId"], *[placed["transactTime"]] * 2)
        assert position["B"] == [{"a": "ETH", "f": "9999.00000000", "l": "1.00000000"}]

        trade_at(exchange, "0.05")
        [triggered] = ws.next_events(1)
        check(triggered, "triggeredReport")
        assert {**triggered, **VARYING} == {**EXAMPLES["triggeredReport"], **VARYING}
        assert triggered["T"] == triggered["W"] > triggered["O"] == waiting["O"]
        assert triggered["I"] > waiting["I"]

        exchange.rest(bidder).order("BUY", "0.25", "0.049")
        filled, _ = ws.next_events(2)
        assert (filled["x"], filled["X"], filled["w"], filled["W"]) == (
            "TRADE",
            "PARTIALLY_FILLED",
            True,
            triggered["W"],
        )
        ws.request("order.amend.keepPriority", symbol="ETHBTC", orderId=placed["orderId"], newQty="0.75")
        amended, _ = ws.next_events(2)
        assert amended.keys() == triggered.keys()
        assert (amended["x"], amended["X"], amended["q"], amended["z"], amended["w"], amended["W"], amended["C"]) == (
            "REPLACED",
            "PARTIALLY_FILLED",
            "0.75000000",
            "0.25000000",
            True,
            triggered["W"],
            "",
        )
        ws.request("order.cancel", symbol="ETHBTC", orderId=placed["orderId"], newClientOrderId="end")
        ended, _ = ws.next_events(2)
        assert (ended["x"], ended["c"], ended["C"], ended["q"], ended["w"], ended["W"]) == (
            "CANCELED",
            "end",
            "stop-1",
            "0.75000000",
            False,
            triggered["W"],
        )


def test_a_trailing_order_says_since_when_it_follows(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    [trader] = exchange.traders(1)
    order = {"symbol": "ETHBTC", "side": "SELL", "quantity": "1", "trailingDelta": 100}
    with exchange.ws_api(trader) as ws:
        ws.request("userDataStream.subscribe.signature")
        ws.request("order.place", **order, type="STOP_LOSS", newClientOrderId="trail-1")
        at_once, _ = ws.next_events(2)
        check(at_once, "trailingReport")
        assert {**at_once, **VARYING} == {**EXAMPLES["trailingReport"], **VARYING}
        assert at_once["D"] == at_once["O"]
        ws.request("order.cancel", symbol="ETHBTC", origClientOrderId="trail-1")
        ended, _ = ws.next_events(2)
        assert (ended["d"], ended["D"], "W" in ended) == (100, at_once["D"], False)

        ws.request("order.place", **order, type="TAKE_PROFIT", stopPrice="0.06")
        waiting, _ = ws.next_events(2)
        assert (waiting["d"], "D" in waiting, waiting["P"]) == (100, False, "0.06000000")
        trade_at(exchange, "0.06")
        [follows] = ws.next_events(1)
        assert (follows["x"], follows["X"], follows["w"], follows["i"]) == ("NEW", "NEW", False, waiting["i"])
        assert follows["D"] == follows["T"] > follows["O"]
        trade_at(exchange, "0.0594")
        triggered, expired, position = ws.next_events(3)
        assert [(e["x"], e["X"], e["w"], e["D"], e["W"]) for e in (triggered, expired)] == [
            ("NEW", "NEW", False, follows["D"], triggered["T"]),
            ("EXPIRED", "EXPIRED", False, follows["D"], triggered["T"]),
        ]
        assert position["B"] == [{"a": "ETH", "f": "10000.00000000", "l": "0.00000000"}]


def test_a_list_tells_its_orders_and_its_status(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    trader, buyer = exchange.traders(2)
    with exchange.ws_api(trader) as ws:
        ws.request("userDataStream.subscribe.signature")
        placed = ws.request("orderList.place.oco", **OCO, **NAMES)["result"]
        number, (above, below) = placed["orderListId"], [order["orderId"] for order in placed["orders"]]
        status, first, second, position = ws.next_events(4)
        check(status, "listStatus")
        orders = [{"s": "ETHBTC", "i": above, "c": "oco-1-above"}, {"s": "ETHBTC", "i": below, "c": "oco-1-below"}]
        assert {**status, "E": 0, "T": 0} == {**EXAMPLES["listStatus"], "E": 0, "T": 0, "g": number, "O": orders}
        assert status["T"] == placed["transactionTime"]
        assert [(e["i"], e["x"], e["g"], e["o"], e["w"]) for e in (first, second)] == [
            (above, "NEW", number, "LIMIT_MAKER", True),
            (below, "NEW", number, "STOP_LOSS_LIMIT", False),
        ]
        assert position["B"] == [{"a": "ETH", "f": "9999.00000000", "l": "1.00000000"}]

        exchange.rest(buyer).order("BUY", "1", "0.06")
        expired, done, traded, _ = ws.next_events(4)
        assert (expired["i"], expired["x"], expired["X"]) == (below, "EXPIRED", "EXPIRED")
        assert {**done, "E": 0, "T": 0} == {**status, "E": 0, "T": 0, "l": "ALL_DONE", "L": "ALL_DONE"}
        assert (traded["i"], traded["X"], traded["g"]) == (above, "FILLED", number)


def test_a_list_that_a_trigger_or_a_cancel_ends(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    [trader] = exchange.traders(1)
    with exchange.ws_api(trader) as ws:
        ws.request("userDataStream.subscribe.signature")
        placed = ws.request("orderList.place.oco", **OCO)["result"]
        ws.next_events(4)
        trade_at(exchange, "0.049")
        expired, done, triggered = ws.next_events(3)
        above, below = (order["orderId"] for order in placed["orders"])
        assert (expired["i"], expired["x"]) == (above, "EXPIRED")
        assert (done["e"], done["L"], [order["i"] for order in done["O"]]) == ("listStatus", "ALL_DONE", [above, below])
        assert (triggered["i"], triggered["x"], triggered["w"]) == (below, "NEW", True)
        ws.request("order.cancel", symbol="ETHBTC", orderId=below)
        ws.next_events(2)

        placed = ws.request("orderList.place.oco", **OCO, listClientOrderId="two")
        assert placed["error"] == {"code": -2010, "msg": "Stop price would trigger immediately."}
        trade_at(exchange, "0.05")
        placed = ws.request("orderList.place.oco", **OCO, listClientOrderId="two")["result"]
        ws.next_events(4)
        ws.request("orderList.cancel", symbol="ETHBTC", listClientOrderId="two", newClientOrderId="end")
        events = ws.next_events(4)
        assert [(e["e"], e.get("x"), e["c"] if "x" in e else e.get("L")) for e in events] == [
            ("executionReport", "CANCELED", "end"),
            ("executionReport", "CANCELED", "end"),
            ("listStatus", None, "ALL_DONE"),
            ("outboundAccountPosition", None, None),
        ]


def test_a_market_order_by_quote_quantity_reports_what_it_has_traded(exchange: Exchange) -> None:
    maker, trader = exchange.traders(2)
    exchange.rest(maker).order("SELL", "0.4", "0.05")
    exchange.rest(maker).order("SELL", "0.4", "0.051")
    with exchange.ws_api(trader) as ws:
        ws.request("userDataStream.subscribe.signature")
        answer = ws.request("order.place", symbol="ETHBTC", side="BUY", type="MARKET", quoteOrderQty="0.0302")["result"]
        events = ws.next_events(4)
        assert [(e["x"], e["X"], e["q"], e["z"], e["Q"], e["w"]) for e in events[:3]] == [
            ("NEW", "NEW", "0.00000000", "0.00000000", "0.03020000", False),
            ("TRADE", "PARTIALLY_FILLED", "0.40000000", "0.40000000", "0.03020000", False),
            ("TRADE", "FILLED", "0.60000000", "0.60000000", "0.03020000", False),
        ]
        assert (answer["status"], answer["origQty"], answer["executedQty"]) == ("FILLED", "0.60000000", "0.60000000")


def test_there_is_one_position_for_all_commands_of_a_batch(exchange: Exchange) -> None:
    """Two hundred orders that come at once are committed together; reports are told one by one, positions are not."""
    [trader] = exchange.traders(1)
    with exchange.ws_api(trader) as ws, exchange.ws_api(trader) as sender:
        ws.request("userDataStream.subscribe.signature")
        order = {"symbol": "ETHBTC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"}
        frames = [
            {"id": number, "method": "order.place", "params": sender.signed({**order, "price": "0.03"})}
            for number in range(200)
        ]
        for frame in frames:
            sender.send(frame)
        assert {sender.receive()["status"] for _ in frames} == {200}

        events = [ws.next_events(1)[0]]
        while events[-1].get("B") != [{"a": "BTC", "f": "9999.40000000", "l": "0.60000000"}]:
            events += ws.next_events(1)
    reports = [e for e in events if e["e"] == "executionReport"]
    assert len(reports) == 200
    assert len(events) - len(reports) < 100
    assert [e["I"] for e in reports] == sorted({e["I"] for e in reports})
