"""Stop, trailing and iceberg orders: what answers, rows and the depth show of them, from placing to the end."""

from typing import Any

import pytest

from tests.api.client import Json, Rest
from tests.api.exchange import Exchange
from tests.api.shapes import EXAMPLES, check

STOP = {"symbol": "ETHBTC", "side": "SELL", "type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "quantity": "1"}
RESULT = {"newOrderRespType": "RESULT"}


def place(rest: Rest, **params: Any) -> Json:
    """Place an order of any type and return its answer."""
    answer = rest.post("/api/v3/order", **{"symbol": "ETHBTC", **params})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def row(rest: Rest, order: Json) -> Json:
    """Return an order as it is now."""
    return dict(rest.get("/api/v3/order", symbol="ETHBTC", orderId=order["orderId"]).json())


def trade_at(exchange: Exchange, *prices: str) -> None:
    """Let two others trade a little at each price in turn."""
    seller, buyer = (exchange.rest(trader) for trader in exchange.traders(2))
    for price in prices:
        seller.order("SELL", "0.1", price)
        assert buyer.order("BUY", "0.1", price)["status"] == "FILLED"


def like(answer: Json, name: str, *varying: str) -> None:
    """Fail unless an answer is that of the documents but for what varies."""
    check(answer, name)
    unset = dict.fromkeys((*varying, "orderId", "orderListId", "transactTime", "time", "updateTime"))
    assert {**answer, **unset} == {**EXAMPLES[name], **unset}


def test_a_stop_limit_order_waits_and_rests_when_it_is_triggered(exchange: Exchange) -> None:
    trade_at(exchange, "0.055")
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    order = {**STOP, "price": "0.049", "stopPrice": "0.05", "icebergQty": "0.1", "newClientOrderId": "stop-1"}

    placed = place(rest, **order, **RESULT)
    waiting = row(rest, placed)
    depth = rest.get("/api/v3/depth", symbol="ETHBTC").json()
    trade_at(exchange, "0.0501", "0.05")
    working = row(rest, placed)

    like(placed, "newStopOrder")
    check(waiting, "getOrder")
    assert (waiting["isWorking"], waiting["workingTime"], waiting["stopPrice"]) == (False, -1, "0.05000000")
    assert depth["asks"] == []
    assert rest.balances()["ETH"] == ("9999.00000000", "1.00000000")
    assert (working["isWorking"], working["status"], working["icebergQty"]) == (True, "NEW", "0.10000000")
    assert working["workingTime"] > working["time"] == waiting["time"]
    assert rest.get("/api/v3/depth", symbol="ETHBTC").json()["asks"] == [["0.04900000", "0.10000000"]]
    assert [found["orderId"] for found in rest.get("/api/v3/openOrders").json()] == [placed["orderId"]]
    canceled = rest.delete("/api/v3/order", symbol="ETHBTC", orderId=placed["orderId"]).json()
    assert (canceled["stopPrice"], canceled["icebergQty"], canceled["status"]) == (
        "0.05000000",
        "0.10000000",
        "CANCELED",
    )
    assert rest.balances()["ETH"] == ("10000.00000000", "0.00000000")


def test_stop_orders_without_a_price_trade_when_they_are_triggered(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    bidder, seller, buyer = (exchange.rest(trader) for trader in exchange.traders(3))
    stop = place(seller, side="SELL", type="STOP_LOSS", quantity="1", stopPrice="0.048")
    profit = place(buyer, side="BUY", type="TAKE_PROFIT", quantity="0.5", stopPrice="0.048", **RESULT)
    # A BUY that waits holds its quantity at the stop price.
    assert buyer.balances()["BTC"] == ("9999.97600000", "0.02400000")
    assert list(stop) == ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
    assert (profit["price"], profit["stopPrice"], profit["workingTime"]) == ("0.00000000", "0.04800000", -1)
    bidder.order("BUY", "0.6", "0.047")

    trade_at(exchange, "0.048")

    # The sale takes all that is bid; the purchase finds nobody who sells.
    sold, bought = row(seller, stop), row(buyer, profit)
    assert (sold["status"], sold["executedQty"], sold["cummulativeQuoteQty"]) == ("EXPIRED", "0.60000000", "0.02820000")
    assert (sold["isWorking"], sold["workingTime"]) == (True, sold["updateTime"])
    assert (bought["status"], bought["executedQty"]) == ("EXPIRED", "0.00000000")
    assert buyer.balances()["BTC"] == ("10000.00000000", "0.00000000")


def test_trailing_orders_follow_at_once_or_from_their_stop_price(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    at_once, later = (exchange.rest(trader) for trader in exchange.traders(2))
    order = {"side": "SELL", "quantity": "1", "trailingDelta": 100}

    first = place(at_once, **order, type="STOP_LOSS", newClientOrderId="trail-1", **RESULT)
    second = place(later, **order, type="TAKE_PROFIT", stopPrice="0.06", newClientOrderId="trail-1", **RESULT)
    waiting = row(later, second)

    like(first, "newTrailingOrder", "trailingTime")
    assert first["trailingTime"] == first["transactTime"] == row(at_once, first)["trailingTime"]
    assert second["trailingTime"] == -1
    like(waiting, "trailingRow")
    trade_at(exchange, "0.06")
    assert (row(at_once, first)["status"], row(later, second)["status"]) == ("NEW", "NEW")
    following = row(later, second)
    assert following["trailingTime"] > following["time"]
    assert (following["isWorking"], following["workingTime"]) == (False, -1)
    # One percent below 0.06 both are triggered, and expire because nobody buys.
    trade_at(exchange, "0.0594")
    assert (row(at_once, first)["status"], row(later, second)["status"]) == ("EXPIRED", "EXPIRED")


def test_an_iceberg_shows_a_slice_and_trades_whole(exchange: Exchange) -> None:
    maker, taker = (exchange.rest(trader) for trader in exchange.traders(2))
    order = {"side": "SELL", "quantity": "1", "price": "0.05", "icebergQty": "0.3"}
    placed = place(maker, **order, type="LIMIT_MAKER", **RESULT)

    shown = maker.get("/api/v3/depth", symbol="ETHBTC").json()["asks"]
    bought = place(taker, side="BUY", type="LIMIT", timeInForce="FOK", quantity="0.75", price="0.05")

    assert placed["icebergQty"] == row(maker, placed)["icebergQty"] == "0.30000000"
    assert shown == [["0.05000000", "0.30000000"]]
    assert [fill["qty"] for fill in bought["fills"]] == ["0.30000000", "0.30000000", "0.15000000"]
    assert maker.get("/api/v3/depth", symbol="ETHBTC").json()["asks"] == [["0.05000000", "0.15000000"]]
    assert (row(maker, placed)["status"], row(maker, placed)["executedQty"]) == ("PARTIALLY_FILLED", "0.75000000")


def test_the_websocket_api_takes_every_type(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    [trader] = exchange.traders(1)
    limits = {"timeInForce": "GTC", "price": "0.04"}
    cases: list[tuple[str, str, Json]] = [
        ("STOP_LOSS", "SELL", {"stopPrice": "0.04"}),
        ("STOP_LOSS", "BUY", {"stopPrice": "0.06", "trailingDelta": 50}),
        ("STOP_LOSS_LIMIT", "SELL", {"stopPrice": "0.04", **limits}),
        ("STOP_LOSS_LIMIT", "BUY", {"trailingDelta": 50, **limits}),
        ("TAKE_PROFIT", "SELL", {"stopPrice": "0.06"}),
        ("TAKE_PROFIT", "BUY", {"stopPrice": "0.04"}),
        ("TAKE_PROFIT_LIMIT", "SELL", {"stopPrice": "0.06", **limits, "icebergQty": "0.5"}),
        ("TAKE_PROFIT_LIMIT", "BUY", {"stopPrice": "0.04", **limits, "timeInForce": "IOC"}),
        ("LIMIT_MAKER", "BUY", {"price": "0.04", "icebergQty": "0.5"}),
    ]
    with exchange.ws_api(trader) as ws:
        for kind, side, more in cases:
            labels = {"strategyId": 1, "strategyType": 1_000_000}
            params = {"symbol": "ETHBTC", "side": side, "type": kind, "quantity": "1", **more, **labels}
            reply = ws.request("order.place", **params, **RESULT)
            assert reply["status"] == 200, reply
            answer = reply["result"]
            assert (answer["type"], answer["side"], answer["status"]) == (kind, side, "NEW")
            assert (answer.get("trailingDelta"), answer.get("stopPrice", "0.00000000")) == (
                more.get("trailingDelta"),
                more.get("stopPrice", "0") + "000000" if "stopPrice" in more else "0.00000000",
            )
            status = ws.request("order.status", symbol="ETHBTC", orderId=answer["orderId"])["result"]
            assert (status["type"], status["isWorking"]) == (kind, kind == "LIMIT_MAKER")
        rows = ws.request("openOrders.status", symbol="ETHBTC")["result"]
        assert [found["type"] for found in rows] == [kind for kind, _, _ in cases]
        assert ws.request("allOrders", symbol="ETHBTC")["result"] == rows


def test_an_order_can_be_tested_without_being_placed(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    order = {**STOP, "price": "0.049", "stopPrice": "0.05"}
    with exchange.ws_api(trader) as ws:
        assert rest.post("/api/v3/order/test", **order).json() == {}
        assert ws.request("order.test", **order)["result"] == {}
        rates = rest.post("/api/v3/order/test", **order, computeCommissionRates="true").json()
        assert rates == ws.request("order.test", **order, computeCommissionRates=True)["result"]
        assert rates == EXAMPLES["orderTest"]
        for changes, code in (({"price": "0.049001"}, -1013), ({"side": "HOLD"}, -1117), ({"quantity": "-1"}, -1100)):
            answer = rest.post("/api/v3/order/test", **{**order, **changes})
            assert (answer.status_code, answer.json()["code"]) == (400, code)
            assert ws.request("order.test", **{**order, **changes})["error"] == answer.json()
    assert rest.get("/api/v3/allOrders", symbol="ETHBTC").json() == []


def test_the_fee_rates_of_an_account(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    with exchange.ws_api(trader) as ws:
        answer = exchange.rest(trader).get("/api/v3/account/commission", symbol="ETHBTC").json()

        assert answer == ws.request("account.commission", symbol="ETHBTC")["result"] == EXAMPLES["commission"]


@pytest.mark.parametrize("way", ["order", "order.place", "order/cancelReplace", "order.cancelReplace"])
def test_an_order_that_becomes_a_maker_in_its_own_command_tells_its_own_fees(exchange: Exchange, way: str) -> None:
    """Its trades trigger a stop order that meets what rests of it: as a maker it pays less, in what it gets."""
    trade_at(exchange, "0.05")
    ann, bob, seller = exchange.traders(3)
    rest = exchange.rest(ann)
    place(exchange.rest(bob), side="SELL", type="STOP_LOSS", quantity="2", stopPrice="0.048")
    exchange.rest(seller).order("SELL", "5", "0.048")
    order = {
        "symbol": "ETHBTC",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "10",
        "price": "0.048",
    }
    if "cancelReplace" in way:
        old = rest.order("BUY", "1", "0.03")
        order |= {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": old["orderId"]}

    with exchange.ws_api(ann) as ws:
        answer = rest.post(f"/api/v3/{way}", **order).json() if "." not in way else ws.request(way, **order)["result"]

    placed = answer.get("newOrderResponse", answer)
    check(placed, "newOrder")
    assert (placed["status"], placed["executedQty"]) == ("PARTIALLY_FILLED", "7.00000000")
    fills = [(fill["qty"], fill["commission"], fill["commissionAsset"]) for fill in placed["fills"]]
    assert fills == [("5.00000000", "0.01000000", "ETH"), ("2.00000000", "0.00200000", "ETH")]
    trades = rest.get("/api/v3/myTrades", symbol="ETHBTC", orderId=placed["orderId"]).json()
    assert [(trade["qty"], trade["commission"], trade["commissionAsset"]) for trade in trades] == fills
    assert [trade["isMaker"] for trade in trades] == [False, True]
