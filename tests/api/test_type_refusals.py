"""Bad stop, trailing and iceberg orders, and bad lists: each refused with its code and text, changing nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.client import Json, Rest, WsApi
from tests.api.exchange import Exchange
from tests.api.test_order_lists import OCO, OLD
from tests.api.test_refusals import (
    CLIENT_ID,
    DECIMAL,
    FUNDS,
    INVALID,
    LIMIT,
    LOT,
    MARKET,
    MISSING,
    NOTIONAL,
    PRECISION,
    PRICE,
    SENT,
    changed,
    state,
)
from trading.engine.enums import PRECEDENCE, Reject
from trading.refusals import refusal

STOP = {**LIMIT, "type": "STOP_LOSS_LIMIT", "side": "SELL", "price": "0.04", "stopPrice": "0.045"}
PLAIN_STOP = {"symbol": "ETHBTC", "side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "0.045"}
MAKER = {"symbol": "ETHBTC", "side": "SELL", "type": "LIMIT_MAKER", "quantity": "1", "price": "0.06"}
EITHER = "Param '{}' or '{}' must be sent, but both were empty/null!"
COMBINATION, TRIGGER = "Unsupported order combination.", "Stop price would trigger immediately."
DELTA, PARTS = "Filter failure: TRAILING_DELTA", "Filter failure: ICEBERG_PARTS"
RELATION = "The relationship of the prices for the orders is not correct."
TAKES, TWICE = "Order would immediately match and take.", "Duplicate order sent."
PEGGED = "Pegged orders are not supported for this symbol."
STP = "selfTradePreventionMode"
INTEGER = "Illegal characters found in parameter '{}'; legal range is '^[0-9]{{1,19}}$'."

ORDERS: list[tuple[str, dict[str, Any], dict[str, Any], int, str]] = [
    # what, order, changes (None: left out), code, message
    ("stopPrice of a limit order", LIMIT, {"stopPrice": "0.04"}, -1106, SENT.format("stopPrice")),
    ("trailingDelta of a limit order", LIMIT, {"trailingDelta": 100}, -1106, SENT.format("trailingDelta")),
    ("stopPrice of a market order", MARKET, {"stopPrice": "0.04"}, -1106, SENT.format("stopPrice")),
    ("icebergQty of a market order", MARKET, {"icebergQty": "0.1"}, -1106, SENT.format("icebergQty")),
    ("icebergQty of a stop without price", PLAIN_STOP, {"icebergQty": "0.1"}, -1106, SENT.format("icebergQty")),
    ("price of a stop without price", PLAIN_STOP, {"price": "0.04"}, -1106, SENT.format("price")),
    ("timeInForce of a stop without price", PLAIN_STOP, {"timeInForce": "GTC"}, -1106, SENT.format("timeInForce")),
    ("quoteOrderQty of a stop", PLAIN_STOP, {"quoteOrderQty": "1"}, -1106, SENT.format("quoteOrderQty")),
    ("a stop without a condition", STOP, {"stopPrice": None}, -1102, EITHER.format("stopPrice", "trailingDelta")),
    ("no price", STOP, {"price": None}, -1102, MISSING.format("price")),
    ("no quantity", PLAIN_STOP, {"quantity": None}, -1102, MISSING.format("quantity")),
    ("no timeInForce", STOP, {"timeInForce": None}, -1102, MISSING.format("timeInForce")),
    ("a word for a stop price", STOP, {"stopPrice": "low"}, -1100, DECIMAL.format("stopPrice")),
    ("a negative stop price", STOP, {"stopPrice": "-1"}, -1100, DECIMAL.format("stopPrice")),
    ("a stop price with nine decimals", STOP, {"stopPrice": "0.045000001"}, -1111, PRECISION.format("stopPrice")),
    ("a stop price of zero", STOP, {"stopPrice": "0"}, -1013, PRICE),
    ("a stop price off the tick", STOP, {"stopPrice": "0.045001"}, -1013, PRICE),
    ("a stop price above the filter", PLAIN_STOP, {"side": "BUY", "stopPrice": "1000.00001"}, -1013, PRICE),
    ("a stop price that is met", STOP, {"stopPrice": "0.05"}, -2010, TRIGGER),
    ("a stop price to buy that is met", PLAIN_STOP, {"side": "BUY"}, -2010, TRIGGER),
    ("a profit that is there", {**STOP, "type": "TAKE_PROFIT_LIMIT"}, {}, -2010, TRIGGER),
    (
        "a profit to buy that is there",
        PLAIN_STOP,
        {"type": "TAKE_PROFIT", "stopPrice": "0.055", "side": "BUY"},
        -2010,
        TRIGGER,
    ),
    ("a word for a delta", PLAIN_STOP, {"trailingDelta": "far"}, -1100, INTEGER.format("trailingDelta")),
    ("a delta with decimals", PLAIN_STOP, {"trailingDelta": "1.5"}, -1100, INTEGER.format("trailingDelta")),
    ("a negative delta", PLAIN_STOP, {"trailingDelta": "-10"}, -1100, INTEGER.format("trailingDelta")),
    ("a delta of zero", PLAIN_STOP, {"trailingDelta": "0"}, -1013, DELTA),
    ("a delta that is too small", PLAIN_STOP, {"trailingDelta": "9"}, -1013, DELTA),
    ("a delta that is too large", PLAIN_STOP, {"trailingDelta": "2001"}, -1013, DELTA),
    ("a delta of twenty digits", PLAIN_STOP, {"trailingDelta": "9" * 20}, -1100, INTEGER.format("trailingDelta")),
    (
        "a delta that is too large for anything",
        PLAIN_STOP,
        {"trailingDelta": "9" * 19},
        -1130,
        INVALID.format("trailingDelta"),
    ),
    ("a stop to sell without the coins", PLAIN_STOP, {"quantity": "600"}, -2010, FUNDS),
    (
        "a stop to buy without the money",
        {**PLAIN_STOP, "stopPrice": "0.06"},
        {"side": "BUY", "quantity": "9999"},
        -2010,
        FUNDS,
    ),
    ("a stop that is worth too little", PLAIN_STOP, {"quantity": "0.001", "stopPrice": "0.04"}, -1013, NOTIONAL),
    ("an iceberg that is not GTC", LIMIT, {"icebergQty": "0.1", "timeInForce": "IOC"}, -1014, COMBINATION),
    ("an iceberg off the lot", LIMIT, {"icebergQty": "0.1001"}, -1013, LOT),
    ("an iceberg of nothing", LIMIT, {"icebergQty": "0"}, -1013, LOT),
    ("an iceberg of too many parts", LIMIT, {"icebergQty": "0.009"}, -1013, PARTS),
    ("an iceberg of a maker that takes", MAKER, {"side": "BUY", "icebergQty": "0.5"}, -2010, TAKES),
    ("a mode that does not exist", LIMIT, {STP: "TRANSFER"}, -1130, INVALID.format(STP)),
    ("a mode that is none", LIMIT, {STP: "DEFAULT"}, -1130, INVALID.format(STP)),
    ("a label that is no number", LIMIT, {"strategyId": "x"}, -1100, INTEGER.format("strategyId")),
    ("a reserved label", LIMIT, {"strategyType": "999999"}, -1134, "`strategyType` was less than 1000000."),
    ("a pegged order", LIMIT, {"pegPriceType": "PRIMARY_PEG"}, -2010, PEGGED),
]

LISTS: list[tuple[str, dict[str, Any], int, str]] = [
    ("no quantity", {"quantity": None}, -1102, MISSING.format("quantity")),
    ("no side", {"side": None}, -1102, MISSING.format("side")),
    ("no type above", {"aboveType": None}, -1102, MISSING.format("aboveType")),
    ("no type below", {"belowType": None}, -1102, MISSING.format("belowType")),
    ("a type that does not exist", {"belowType": "STOP"}, -1116, "Invalid orderType."),
    ("a type that cannot be in a list", {"aboveType": "LIMIT"}, -1158, "Order type not supported in OCO."),
    ("two makers", {"belowType": "LIMIT_MAKER"}, -1168, "At least one OCO order must be contingent."),
    ("two losses", {"aboveType": "STOP_LOSS"}, -1197, "A stop loss order in a sell OCO must be below."),
    ("two profits", {"belowType": "TAKE_PROFIT"}, -1199, "A take profit order in a sell OCO must be above."),
    ("a maker to buy above", {"side": "BUY"}, -1165, "A limit order in a buy OCO must be below."),
    (
        "a maker to sell below",
        {"aboveType": "STOP_LOSS", "belowType": "LIMIT_MAKER"},
        -1166,
        "A limit order in a sell OCO must be above.",
    ),
    (
        "a profit to buy above",
        {"side": "BUY", "aboveType": "TAKE_PROFIT"},
        -1198,
        "A take profit order in a buy OCO must be below.",
    ),
    (
        "a loss to buy below",
        {"side": "BUY", "aboveType": "STOP_LOSS"},
        -1196,
        "A stop loss order in a buy OCO must be above.",
    ),
    ("no price above", {"abovePrice": None}, -1102, MISSING.format("abovePrice")),
    ("no price below", {"belowPrice": None}, -1102, MISSING.format("belowPrice")),
    ("no time in force below", {"belowTimeInForce": None}, -1102, MISSING.format("belowTimeInForce")),
    ("no stop price", {"belowStopPrice": None}, -1102, EITHER.format("belowStopPrice", "belowTrailingDelta")),
    ("a stop price above", {"aboveStopPrice": "0.07"}, -1106, SENT.format("aboveStopPrice")),
    ("a time in force above", {"aboveTimeInForce": "GTC"}, -1106, SENT.format("aboveTimeInForce")),
    ("a word for a price", {"abovePrice": "high"}, -1100, DECIMAL.format("abovePrice")),
    ("a price off the tick", {"abovePrice": "0.060001"}, -1013, PRICE),
    ("a stop price off the tick", {"belowStopPrice": "0.049001"}, -1013, PRICE),
    ("prices the wrong way round", {"belowStopPrice": "0.065"}, -2010, RELATION),
    ("a maker that takes", {"abovePrice": "0.03", "belowStopPrice": "0.02"}, -2010, TAKES),
    ("a stop that is met", {"belowStopPrice": "0.0555"}, -2010, TRIGGER),
    ("too little to sell", {"quantity": "600"}, -2010, FUNDS),
    ("an iceberg that is not GTC", {"belowIcebergQty": "0.1", "belowTimeInForce": "FOK"}, -1014, COMBINATION),
    ("an iceberg of too many parts", {"aboveIcebergQty": "0.001"}, -1013, PARTS),
    ("a client id with a dot", {"listClientOrderId": "a.b"}, -1100, CLIENT_ID.format("listClientOrderId")),
    ("a client id above with a dot", {"aboveClientOrderId": "a.b"}, -1100, CLIENT_ID.format("aboveClientOrderId")),
    ("a client id used before", {"belowClientOrderId": "resting"}, -2010, TWICE),
    ("twice the same client id", {"aboveClientOrderId": "a", "belowClientOrderId": "a"}, -2010, TWICE),
    ("a reserved label", {"belowStrategyType": "5"}, -1134, "`belowStrategyType` was less than 1000000."),
    ("a wrong answer type", {"newOrderRespType": "ALL"}, -1130, INVALID.format("newOrderRespType")),
    ("a wrong mode", {STP: "SOME"}, -1130, INVALID.format(STP)),
]

OLD_LISTS: list[tuple[str, dict[str, Any], int, str]] = [
    ("no price", {"price": None}, -1102, MISSING.format("price")),
    ("no stop price", {"stopPrice": None}, -1102, MISSING.format("stopPrice")),
    ("a stop price of zero", {"stopPrice": "0"}, -1013, PRICE),
    ("no time in force", {"stopLimitTimeInForce": None}, -1102, MISSING.format("stopLimitTimeInForce")),
    ("a time in force without a price", {"stopLimitPrice": None}, -1106, SENT.format("stopLimitTimeInForce")),
    ("prices the wrong way round", {"price": "0.04"}, -2010, RELATION),
]


@pytest.fixture(scope="module")
def scene(running_exchange: Exchange) -> Iterator[tuple[Rest, WsApi]]:
    """A trader with 500 of each coin and a resting order, his connection, a last price of 0.05, and an ask at 0.056."""
    [trader] = running_exchange.make_traders(1, funds=500 * 10**8)
    maker, taker = (running_exchange.rest(other) for other in running_exchange.make_traders(2))
    rest = running_exchange.rest(trader)
    maker.order("SELL", "0.1", "0.05")
    taker.order("BUY", "0.1", "0.05")
    orders = [
        (rest, rest.order("BUY", "1", "0.04", newClientOrderId="resting")),
        (maker, maker.order("SELL", "1", "0.056")),
    ]
    with running_exchange.ws_api(trader) as ws:
        yield rest, ws
    for client, order in orders:
        client.delete("/api/v3/order", symbol="ETHBTC", orderId=order["orderId"])


def is_refused(scene: tuple[Rest, WsApi], path: str, method: str, params: Json, code: int, message: str) -> None:
    """Fail unless REST and websocket refuse alike, and nothing changes."""
    rest, ws = scene
    before = state(ws)
    over_rest, over_ws = rest.post(path, **params), ws.request(method, **params)
    assert (over_rest.status_code, over_rest.json()) == (400, {"code": code, "msg": message})
    assert (over_ws["status"], over_ws["error"]) == (400, {"code": code, "msg": message})
    assert state(ws) == before
    assert ws.request("openOrderLists.status")["result"] == []


@pytest.mark.parametrize(("label", "order", "changes", "code", "message"), ORDERS, ids=[row[0] for row in ORDERS])
def test_an_order_is_refused(
    scene: tuple[Rest, WsApi], label: str, order: Json, changes: Json, code: int, message: str
) -> None:
    is_refused(scene, "/api/v3/order", "order.place", changed(order, changes), code, message)


@pytest.mark.parametrize(("label", "changes", "code", "message"), LISTS, ids=[row[0] for row in LISTS])
def test_a_list_is_refused(scene: tuple[Rest, WsApi], label: str, changes: Json, code: int, message: str) -> None:
    is_refused(scene, "/api/v3/orderList/oco", "orderList.place.oco", changed(OCO, changes), code, message)


@pytest.mark.parametrize(("label", "changes", "code", "message"), OLD_LISTS, ids=[row[0] for row in OLD_LISTS])
def test_a_list_in_the_older_form_is_refused(
    scene: tuple[Rest, WsApi], label: str, changes: Json, code: int, message: str
) -> None:
    is_refused(scene, "/api/v3/order/oco", "orderList.place", changed(OLD, changes), code, message)


@pytest.mark.parametrize("reject", PRECEDENCE)
def test_every_refusal_of_an_order_has_a_code_that_is_documented(reject: Reject) -> None:
    error = refusal(reject)

    document = (Path(__file__).resolve().parents[2] / "docs" / "errors.md").read_text()
    rows = [line for line in document.splitlines() if line.startswith(f"| {error.code} |")]
    assert any(f"| {error.message} |" in line for line in rows)


def test_lists_that_cannot_be_asked_for(scene: tuple[Rest, WsApi]) -> None:
    rest, ws = scene
    cases: list[tuple[str, str, Json, int]] = [
        ("/api/v3/orderList", "orderList.status", {}, -1102),
        ("/api/v3/orderList", "orderList.status", {"orderListId": "x"}, -1100),
        ("/api/v3/orderList", "orderList.status", {"origClientOrderId": "a b"}, -1100),
        ("/api/v3/orderList", "orderList.status", {"orderListId": 0}, -2013),
        ("/api/v3/allOrderList", "allOrderLists", {"fromId": 1, "startTime": 1}, -1128),
        ("/api/v3/allOrderList", "allOrderLists", {"startTime": "1", "endTime": "86400002"}, -1127),
        ("/api/v3/allOrderList", "allOrderLists", {"limit": 0}, -1130),
        ("/api/v3/account/commission", "account.commission", {}, -1102),
        ("/api/v3/account/commission", "account.commission", {"symbol": "NO"}, -1121),
        ("/api/v3/myPreventedMatches", "myPreventedMatches", {"orderId": 1}, -1102),
    ]
    for path, method, params, code in cases:
        answer = rest.get(path, **params)
        assert (answer.status_code, answer.json()["code"]) == (400, code), (path, params)
        assert ws.request(method, **params)["error"] == answer.json()
    for params, code in (({}, -1102), ({"orderListId": 0}, -2011), ({"listClientOrderId": "a b"}, -1100)):
        gone = rest.delete("/api/v3/orderList", symbol="ETHBTC", **params)
        assert (gone.status_code, gone.json()["code"]) == (400, code)
        assert ws.request("orderList.cancel", symbol="ETHBTC", **params)["error"] == gone.json()
