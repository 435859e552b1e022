"""Open orders are cancelled, replaced and amended."""

from typing import Any

from tests.api.client import Json
from tests.api.exchange import Exchange
from tests.api.shapes import EXAMPLES, check
from tests.api.test_order_lists import OCO
from tests.api.test_order_lists import place as place_list
from tests.api.test_order_types import like, row, trade_at

REPLACE = "/api/v3/order/cancelReplace"
AMEND = "/api/v3/order/amend/keepPriority"
NEW = {
    "symbol": "ETHBTC",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "0.049",
    "newClientOrderId": "mex-abc-4",
    "cancelNewClientOrderId": "c9f0e7d2",
}
UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}


def test_all_orders_of_a_market_are_cancelled_lists_too(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    trader, other = exchange.traders(2)
    rest = exchange.rest(trader)
    theirs = exchange.rest(other).order("BUY", "1", "0.04")
    first = rest.order("BUY", "1", "0.04")
    group = place_list(rest, "/api/v3/orderList/oco", **OCO)
    last = rest.order("BUY", "1", "0.041")

    answer = rest.delete("/api/v3/openOrders", symbol="ETHBTC").json()
    none = rest.delete("/api/v3/openOrders", symbol="ETHBTC")

    check(answer[0], "cancelOrder")
    check(answer[1], "cancelList")
    check(answer[2], "cancelOrder")
    assert [answer[0]["orderId"], answer[2]["orderId"]] == [first["orderId"], last["orderId"]]
    assert answer[1]["orderListId"] == group["orderListId"]
    assert rest.get("/api/v3/openOrders").json() == []
    assert (none.status_code, none.json()) == (400, UNKNOWN)
    assert row(exchange.rest(other), theirs)["status"] == "NEW"
    with exchange.ws_api(trader) as ws:
        order = ws.place("BUY", "1", "0.04")
        assert ws.request("openOrders.cancelAll", symbol="ETHBTC")["result"][0]["orderId"] == order["orderId"]
        assert ws.request("openOrders.cancelAll", symbol="ETHBTC")["error"] == UNKNOWN


def test_a_cancel_that_is_restricted(exchange: Exchange) -> None:
    maker, taker = (exchange.rest(trader) for trader in exchange.traders(2))
    order = maker.order("BUY", "2", "0.05")
    refused = {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}

    def cancel(restriction: str) -> Any:
        params = {"symbol": "ETHBTC", "orderId": order["orderId"], "cancelRestrictions": restriction}
        return maker.delete("/api/v3/order", **params).json()

    assert cancel("ONLY_PARTIALLY_FILLED") == refused
    taker.order("SELL", "0.5", "0.05")
    assert cancel("ONLY_NEW") == refused
    for wrong in ("NONE", "only_new", "SOME"):
        assert cancel(wrong) == {"code": -1145, "msg": "Invalid cancelRestrictions"}
    assert row(maker, order)["status"] == "PARTIALLY_FILLED"
    assert cancel("ONLY_PARTIALLY_FILLED")["status"] == "CANCELED"


def test_an_order_is_replaced(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    old = rest.order("BUY", "2", "0.05", newClientOrderId="mex-abc-2")

    answer = rest.post(REPLACE, **NEW, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=old["orderId"])

    found = answer.json()
    assert answer.status_code == 200
    check(found, "replaceOrder")
    like(found["cancelResponse"], "cancelOrder", "executedQty", "cummulativeQuoteQty")
    example = EXAMPLES["replaceOrder"]["newOrderResponse"]
    varying = dict.fromkeys(("orderId", "transactTime", "workingTime"))
    assert {**found["newOrderResponse"], **varying} == {**example, **varying}
    assert found["newOrderResponse"]["orderId"] == old["orderId"] + 1
    assert [order["orderId"] for order in rest.get("/api/v3/openOrders").json()] == [old["orderId"] + 1]


def replaced(exchange: Exchange, over_ws: bool, **params: Any) -> tuple[int, Json]:
    """Replace an order of a new trader; return status and error."""
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    rest.order("BUY", "1", "0.05", newClientOrderId="old")
    if not over_ws:
        answer = rest.post(REPLACE, **params)
        return answer.status_code, answer.json()
    with exchange.ws_api(trader) as ws:
        reply = ws.request("order.cancelReplace", **params)
        return reply["status"], reply["error"]


def test_a_replacement_that_fails_in_part_or_whole_says_what_became_of_it(exchange: Exchange) -> None:
    there, gone = {"cancelOrigClientOrderId": "old"}, {"cancelOrigClientOrderId": "gone"}
    stop, allow = ({"cancelReplaceMode": mode} for mode in ("STOP_ON_FAILURE", "ALLOW_FAILURE"))
    dear = {"quantity": "10000", "price": "0.1"}
    for over_ws in (False, True):
        ack = {"newOrderRespType": "ACK"}
        status, error = replaced(exchange, over_ws, **{**NEW, **gone, **allow, **ack})
        check(error, "replaceFailed")
        assert (status, error["code"], error["data"]["cancelResponse"]) == (409, -2021, UNKNOWN)

        status, error = replaced(exchange, over_ws, **{**NEW, **gone, **stop})
        assert (status, error) == (
            400,
            {
                "code": -2022,
                "msg": "Order cancel-replace failed.",
                "data": {
                    "cancelResult": "FAILURE",
                    "newOrderResult": "NOT_ATTEMPTED",
                    "cancelResponse": UNKNOWN,
                    "newOrderResponse": None,
                },
            },
        )

        status, error = replaced(exchange, over_ws, **{**NEW, **gone, **allow, **dear})
        assert (status, error["code"]) == (400, -2022)
        assert error["data"]["newOrderResult"] == "FAILURE"
        assert error["data"]["newOrderResponse"] == {"code": -1013, "msg": "Filter failure: NOTIONAL"}

        status, error = replaced(exchange, over_ws, **{**NEW, **there, **stop, **dear})
        data = error["data"]
        assert (status, error["code"], data["cancelResult"], data["newOrderResult"]) == (
            409,
            -2021,
            "SUCCESS",
            "FAILURE",
        )
        check(data["cancelResponse"], "cancelOrder")


def test_a_replacement_that_makes_no_order_changes_nothing(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    old = rest.order("BUY", "1", "0.05")
    good = {**NEW, "cancelOrderId": old["orderId"], "cancelReplaceMode": "STOP_ON_FAILURE"}
    either = "Param 'cancelOrigClientOrderId' or 'cancelOrderId' must be sent, but both were empty/null!"
    cases: list[tuple[Json, int, str]] = [
        ({"cancelReplaceMode": ""}, -1102, "'cancelReplaceMode'"),
        ({"cancelReplaceMode": "MAYBE"}, -1130, "'cancelReplaceMode'"),
        ({"cancelOrderId": ""}, -1102, either),
        ({"cancelRestrictions": "x"}, -1145, "Invalid cancelRestrictions"),
        ({"cancelNewClientOrderId": "a b"}, -1100, "'cancelNewClientOrderId'"),
        ({"price": "cheap"}, -1100, "'price'"),
        ({"type": "HOPE"}, -1116, "Invalid orderType."),
    ]
    for changes, code, message in cases:
        answer = rest.post(REPLACE, **{**good, **changes})
        assert (answer.status_code, answer.json()["code"]) == (400, code), changes
        assert message in answer.json()["msg"]
    assert [order["orderId"] for order in rest.get("/api/v3/openOrders").json()] == [old["orderId"]]


def test_an_order_is_amended_and_keeps_its_place(exchange: Exchange) -> None:
    first, second, taker = (exchange.rest(trader) for trader in exchange.traders(3))
    order = first.order("BUY", "2", "0.05", newClientOrderId="mex-abc-2")
    behind = second.order("BUY", "1", "0.05")
    taker.order("SELL", "0.5", "0.05")

    answer = first.put(AMEND, symbol="ETHBTC", orderId=order["orderId"], newQty="1.5")

    found = answer.json()
    assert answer.status_code == 200
    check(found, "amendOrder")
    varying = dict.fromkeys(("orderId", "workingTime"))
    assert {**found["amendedOrder"], **varying} == {**EXAMPLES["amendOrder"]["amendedOrder"], **varying}
    assert found["amendedOrder"]["workingTime"] == order["transactTime"] <= found["transactTime"]
    assert first.balances()["BTC"] == ("9999.92500000", "0.05000000")
    assert (row(first, order)["origQty"], row(first, order)["clientOrderId"]) == ("1.50000000", "mex-abc-2")
    assert first.get("/api/v3/depth", symbol="ETHBTC").json()["bids"] == [["0.05000000", "2.00000000"]]
    taker.order("SELL", "1", "0.05")
    assert (row(first, order)["status"], row(second, behind)["status"]) == ("FILLED", "NEW")
    assert found["executionId"] > 0


def test_an_amend_that_is_refused_changes_nothing(exchange: Exchange) -> None:
    maker, taker = exchange.traders(2)
    rest = exchange.rest(maker)
    order = rest.order("BUY", "2", "0.05", newClientOrderId="mine")
    exchange.rest(taker).order("SELL", "0.5", "0.05")
    by_id, by_name = {"orderId": order["orderId"]}, {"origClientOrderId": "mine"}
    quantity = (
        "Order amend (quantity increase) is not supported: newQty must be below the order's quantity and above what of"
        " it is executed."
    )
    either = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
    invalid = "Data sent for parameter 'newClientOrderId' is not valid."
    cases: list[tuple[Json, int, str]] = [
        ({**by_id, "newQty": "2"}, -2038, quantity),
        ({**by_id, "newQty": "3"}, -2038, quantity),
        ({**by_name, "newQty": "0.5"}, -2038, quantity),
        ({**by_id, "newQty": "0.0001"}, -1013, "Filter failure: LOT_SIZE"),
        ({**by_id, "newQty": "1.0001"}, -1013, "Filter failure: LOT_SIZE"),
        ({**by_id, "newQty": "0"}, -1013, "Filter failure: LOT_SIZE"),
        ({"orderId": 10**15, "newQty": "1"}, -2038, "Unknown order sent."),
        ({**by_id, "origClientOrderId": "other", "newQty": "1"}, -2038, "Unknown order sent."),
        ({**by_id, "newClientOrderId": "other", "newQty": "1"}, -2038, "Unknown order sent."),
        ({**by_name, "newClientOrderId": "other", "newQty": "1"}, -1130, invalid),
        ({"newQty": "1"}, -1102, either),
        (by_id, -1102, "Mandatory parameter 'newQty' was not sent, was empty/null, or malformed."),
    ]
    before = row(rest, order)
    with exchange.ws_api(maker) as ws:
        for params, code, message in cases:
            answer = rest.put(AMEND, symbol="ETHBTC", **params)
            reply = ws.request("order.amend.keepPriority", symbol="ETHBTC", **params)
            assert (answer.status_code, answer.json()) == (400, {"code": code, "msg": message}), params
            assert reply["error"] == answer.json()
        assert row(rest, order) == before
        same = ws.request("order.amend.keepPriority", symbol="ETHBTC", **by_id, newClientOrderId="mine", newQty="1")
        check(same["result"], "amendOrder")


def test_amending_an_order_of_a_list_amends_both(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    above, below = place_list(rest, "/api/v3/orderList/oco", **OCO)["orderReports"]

    amended = rest.put(AMEND, symbol="ETHBTC", orderId=below["orderId"], newQty="0.4").json()["amendedOrder"]

    assert (amended["orderId"], amended["qty"], amended["stopPrice"]) == (below["orderId"], "0.40000000", "0.04900000")
    assert "workingTime" not in amended
    assert [row(rest, order)["origQty"] for order in (above, below)] == ["0.40000000", "0.40000000"]
    assert rest.balances()["ETH"] == ("9999.60000000", "0.40000000")
