"""Order lists: placed in both forms, shown, cancelled, and ended by a trade."""

from typing import Any

import pytest

from tests.api.client import Json, Rest
from tests.api.exchange import Exchange
from tests.api.shapes import EXAMPLES, check
from tests.api.test_order_types import row, trade_at

OCO = {
    "symbol": "ETHBTC",
    "side": "SELL",
    "quantity": "1",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "0.06",
    "belowType": "STOP_LOSS_LIMIT",
    "belowPrice": "0.048",
    "belowStopPrice": "0.049",
    "belowTimeInForce": "GTC",
}
NAMES = {"listClientOrderId": "oco-1", "aboveClientOrderId": "oco-1-above", "belowClientOrderId": "oco-1-below"}
OLD_NAMES = {"listClientOrderId": "oco-1", "limitClientOrderId": "oco-1-above", "stopClientOrderId": "oco-1-below"}
OLD = {
    "symbol": "ETHBTC",
    "side": "SELL",
    "quantity": "1",
    "price": "0.06",
    "stopPrice": "0.049",
    "stopLimitPrice": "0.048",
    "stopLimitTimeInForce": "GTC",
}


def place(rest: Rest, path: str, **params: Any) -> Json:
    """Place a list and return its answer."""
    answer = rest.post(path, **params)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["X-MBX-ORDER-COUNT-10S"]) >= 2
    return dict(answer.json())


def without_ids(found: Json) -> Json:
    """Return a list without what differs from one to the next."""
    orders = [{**order, "orderId": 0} for order in found["orders"]]
    varying = {"orderId": 0, "orderListId": 0, "transactTime": 0, "workingTime": 0}
    told: Json = {**found, "orderListId": 0, "transactionTime": 0, "orders": orders}
    if "orderReports" in found:
        told["orderReports"] = [{**report, **varying} for report in found["orderReports"]]
    return told


@pytest.mark.parametrize(
    ("path", "order"), [("/api/v3/orderList/oco", {**OCO, **NAMES}), ("/api/v3/order/oco", {**OLD, **OLD_NAMES})]
)
def test_a_list_is_placed_shown_and_cancelled(exchange: Exchange, path: str, order: Json) -> None:
    trade_at(exchange, "0.05")
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)

    placed = place(rest, path, **order)
    number = placed["orderListId"]
    by_id = rest.get("/api/v3/orderList", orderListId=number).json()
    by_name = rest.get("/api/v3/orderList", origClientOrderId="oco-1").json()

    check(placed, "newList")
    assert without_ids(placed) == without_ids(EXAMPLES["newList"])
    assert [report["orderListId"] for report in placed["orderReports"]] == [number, number]
    assert placed["orderReports"][0]["workingTime"] == placed["transactionTime"]
    check(by_id, "getList")
    assert by_id == by_name == {name: value for name, value in placed.items() if name != "orderReports"}
    assert rest.get("/api/v3/openOrderList").json() == rest.get("/api/v3/allOrderList").json() == [by_id]
    assert [found["orderListId"] for found in rest.get("/api/v3/openOrders").json()] == [number, number]
    # Both orders sell the same coin: it is held once.
    assert rest.balances()["ETH"] == ("9999.00000000", "1.00000000")

    canceled = rest.delete("/api/v3/orderList", symbol="ETHBTC", orderListId=number, newClientOrderId="c9f0e7d3").json()

    check(canceled, "cancelList")
    assert {**without_ids(canceled)} == without_ids(EXAMPLES["cancelList"])
    assert rest.balances()["ETH"] == ("10000.00000000", "0.00000000")
    done = rest.get("/api/v3/orderList", orderListId=number).json()
    assert (done["listStatusType"], done["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert rest.get("/api/v3/openOrderList").json() == []
    assert rest.get("/api/v3/allOrderList").json() == [done]
    # Its name may be used again, those of its orders never.
    again = place(rest, "/api/v3/orderList/oco", **{**OCO, "listClientOrderId": "oco-1"}, newOrderRespType="FULL")
    assert again["orderListId"] == number + 1
    assert [report["fills"] for report in again["orderReports"]] == [[], []]
    assert rest.get("/api/v3/orderList", origClientOrderId="oco-1").json()["orderListId"] == number + 1


def test_a_purchase_stands_the_other_way_round(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    old = {"symbol": "ETHBTC", "side": "BUY", "quantity": "1", "price": "0.04", "stopPrice": "0.06"}

    placed = place(rest, "/api/v3/order/oco", **old, stopIcebergQty="", trailingDelta="")

    kinds = [(report["type"], report["price"], report.get("stopPrice")) for report in placed["orderReports"]]
    assert kinds == [("STOP_LOSS", "0.00000000", "0.06000000"), ("LIMIT_MAKER", "0.04000000", None)]
    # What the dearer order needs is held: the stop price.
    assert rest.balances()["BTC"] == ("9999.94000000", "0.06000000")


def test_a_trade_of_one_order_ends_the_other(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    trader, buyer = exchange.traders(2)
    rest = exchange.rest(trader)
    placed = place(rest, "/api/v3/orderList/oco", **OCO)
    above, below = placed["orderReports"]

    exchange.rest(buyer).order("BUY", "0.4", "0.06")

    limit, stop = row(rest, above), row(rest, below)
    assert (limit["status"], limit["executedQty"], stop["status"]) == ("PARTIALLY_FILLED", "0.40000000", "EXPIRED")
    assert (limit["orderListId"], stop["orderListId"]) == (placed["orderListId"], placed["orderListId"])
    assert (stop["isWorking"], stop["workingTime"]) == (False, -1)
    assert rest.get("/api/v3/orderList", orderListId=placed["orderListId"]).json()["listOrderStatus"] == "ALL_DONE"
    trades = rest.get("/api/v3/myTrades", symbol="ETHBTC").json()
    assert [found["orderListId"] for found in trades] == [placed["orderListId"]]
    assert rest.balances()["ETH"] == ("9999.00000000", "0.60000000")
    # What remains is an order like any other.
    canceled = rest.delete("/api/v3/order", symbol="ETHBTC", orderId=above["orderId"]).json()
    assert (canceled["orderId"], canceled["status"]) == (above["orderId"], "CANCELED")
    unknown = rest.delete("/api/v3/orderList", symbol="ETHBTC", orderListId=placed["orderListId"])
    assert unknown.json() == {"code": -2011, "msg": "Unknown order sent."}


def test_cancelling_one_order_cancels_the_list_and_says_so(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    placed = place(rest, "/api/v3/orderList/oco", **OCO)
    above, below = placed["orderReports"]

    canceled = rest.delete("/api/v3/order", symbol="ETHBTC", orderId=below["orderId"], newClientOrderId="one").json()

    # The one that was named comes first.
    assert [report["orderId"] for report in canceled["orderReports"]] == [below["orderId"], above["orderId"]]
    check({**canceled, "orderReports": canceled["orderReports"][::-1]}, "cancelList")
    assert [report["clientOrderId"] for report in canceled["orderReports"]] == ["one", "one"]
    assert [order["orderId"] for order in canceled["orders"]] == [above["orderId"], below["orderId"]]


def test_lists_over_the_websocket(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    with exchange.ws_api(trader) as ws:
        first = ws.request("orderList.place.oco", **OCO, newOrderRespType="ACK")
        second = ws.request("orderList.place", **OLD)["result"]
        assert [len(report) for report in first["result"]["orderReports"]] == [5, 5]
        assert {row["rateLimitType"] for row in first["rateLimits"]} == {"REQUEST_WEIGHT", "ORDERS"}
        check(second, "newList")
        numbers = [first["result"]["orderListId"], second["orderListId"]]
        assert ws.request("openOrderLists.status")["result"] == rest.get("/api/v3/openOrderList").json()
        assert [found["orderListId"] for found in ws.request("allOrderLists")["result"]] == numbers
        assert [found["orderListId"] for found in ws.request("allOrderLists", limit=1)["result"]] == numbers[1:]
        assert [found["orderListId"] for found in ws.request("allOrderLists", fromId=numbers[1])["result"]] == [
            numbers[1]
        ]
        status = ws.request("orderList.status", orderListId=numbers[0])["result"]
        assert status == rest.get("/api/v3/orderList", orderListId=numbers[0]).json()
        canceled = ws.request("orderList.cancel", symbol="ETHBTC", orderListId=numbers[0])["result"]
        check(canceled, "cancelList")
        gone = ws.request("orderList.cancel", symbol="ETHBTC", orderListId=numbers[0])
        assert gone["error"] == {"code": -2011, "msg": "Unknown order sent."}
        none = ws.request("orderList.status", orderListId=10**12)
        assert none["error"] == {"code": -2013, "msg": "Order does not exist."}


def test_lists_of_others_are_not_there(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    trader, other = (exchange.rest(found) for found in exchange.traders(2))
    number = place(trader, "/api/v3/orderList/oco", **OCO, listClientOrderId="mine")["orderListId"]

    for params in ({"orderListId": number}, {"origClientOrderId": "mine"}):
        assert other.get("/api/v3/orderList", **params).json()["code"] == -2013
    for params in ({"orderListId": number}, {"listClientOrderId": "mine"}):
        assert other.delete("/api/v3/orderList", symbol="ETHBTC", **params).json()["code"] == -2011
    both = trader.get("/api/v3/orderList", orderListId=number, origClientOrderId="yours")
    assert both.json()["code"] == -2013
    assert len(trader.get("/api/v3/openOrders").json()) == 2
    assert other.get("/api/v3/allOrderList").json() == []
