"""Bad requests: each is refused with its code and text, changes nothing, and leaves the connection as it was."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.client import Json, Rest, WsApi
from tests.api.exchange import Exchange

LIMIT = {
    "symbol": "ETHBTC",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "0.05",
}
MARKET = {"symbol": "ETHBTC", "side": "BUY", "type": "MARKET", "quantity": "1"}
MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
DECIMAL = "Illegal characters found in parameter '{}'; legal range is '^([0-9]{{1,20}})(\\.[0-9]{{1,20}})?$'."
CLIENT_ID = "Illegal characters found in parameter '{}'; legal range is '^[a-zA-Z0-9-_]{{1,36}}$'."
PRICE, LOT, NOTIONAL = (f"Filter failure: {name}" for name in ("PRICE_FILTER", "LOT_SIZE", "NOTIONAL"))
FUNDS = "Account has insufficient balance for requested action."
PRECISION = "Parameter '{}' has too much precision."
SENT = "Parameter '{}' sent when not required."
INVALID = "Data sent for parameter '{}' is not valid."

ORDERS: list[tuple[str, dict[str, Any], dict[str, Any], int, str]] = [
    # what, order, changes (None: left out), code, message
    ("no symbol", LIMIT, {"symbol": None}, -1102, MISSING.format("symbol")),
    ("empty symbol", LIMIT, {"symbol": ""}, -1102, MISSING.format("symbol")),
    ("unknown symbol", LIMIT, {"symbol": "BTCETH"}, -1121, "Invalid symbol."),
    ("symbol in lower case", LIMIT, {"symbol": "ethbtc"}, -1121, "Invalid symbol."),
    ("no side", LIMIT, {"side": None}, -1102, MISSING.format("side")),
    ("wrong side", LIMIT, {"side": "HOLD"}, -1117, "Invalid side."),
    ("a number for a side", LIMIT, {"side": 1}, -1117, "Invalid side."),
    ("no type", LIMIT, {"type": None}, -1102, MISSING.format("type")),
    ("wrong type", LIMIT, {"type": "STOP"}, -1116, "Invalid orderType."),
    ("no timeInForce", LIMIT, {"timeInForce": None}, -1102, MISSING.format("timeInForce")),
    ("wrong timeInForce", LIMIT, {"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
    ("no price", LIMIT, {"price": None}, -1102, MISSING.format("price")),
    ("no quantity", LIMIT, {"quantity": None}, -1102, MISSING.format("quantity")),
    ("a word for a price", LIMIT, {"price": "cheap"}, -1100, DECIMAL.format("price")),
    ("negative price", LIMIT, {"price": "-0.05"}, -1100, DECIMAL.format("price")),
    ("negative quantity", LIMIT, {"quantity": "-1"}, -1100, DECIMAL.format("quantity")),
    ("plus sign", LIMIT, {"quantity": "+1"}, -1100, DECIMAL.format("quantity")),
    ("comma", LIMIT, {"quantity": "1,5"}, -1100, DECIMAL.format("quantity")),
    ("space", LIMIT, {"quantity": " 1"}, -1100, DECIMAL.format("quantity")),
    ("digits that are not ASCII", LIMIT, {"quantity": "١"}, -1100, DECIMAL.format("quantity")),
    ("hexadecimal", LIMIT, {"quantity": "0x1"}, -1100, DECIMAL.format("quantity")),
    ("infinity", LIMIT, {"quantity": "Infinity"}, -1100, DECIMAL.format("quantity")),
    ("not a number", LIMIT, {"price": "NaN"}, -1100, DECIMAL.format("price")),
    ("a flag for a quantity", LIMIT, {"quantity": True}, -1100, DECIMAL.format("quantity")),
    ("zero price", LIMIT, {"price": "0"}, -1013, PRICE),
    ("zero quantity", LIMIT, {"quantity": "0.00000000"}, -1013, LOT),
    ("nine decimals in the price", LIMIT, {"price": "0.050000001"}, -1111, PRECISION.format("price")),
    ("nine decimals in the quantity", LIMIT, {"quantity": "1.000000001"}, -1111, PRECISION.format("quantity")),
    ("small exponent", LIMIT, {"price": "5e-9"}, -1111, PRECISION.format("price")),
    ("off the tick", LIMIT, {"price": "0.050005"}, -1013, PRICE),
    ("off the lot", LIMIT, {"quantity": "1.0005"}, -1013, LOT),
    ("price above the filter", LIMIT, {"price": "1000.00001"}, -1013, PRICE),
    ("quantity below the filter", LIMIT, {"quantity": "0.0001"}, -1013, LOT),
    ("quantity above the filter", LIMIT, {"quantity": "10000.001", "price": "0.00001"}, -1013, LOT),
    ("notional below the filter", LIMIT, {"quantity": "0.001", "price": "0.09"}, -1013, NOTIONAL),
    ("notional above the filter", LIMIT, {"quantity": "10000", "price": "0.1"}, -1013, NOTIONAL),
    ("more than 64 bits", LIMIT, {"quantity": "99999999999999999999"}, -1130, INVALID.format("quantity")),
    ("a huge exponent", LIMIT, {"quantity": "1e99"}, -1130, INVALID.format("quantity")),
    ("too many digits", LIMIT, {"quantity": "1" * 5000}, -1100, DECIMAL.format("quantity")),
    ("quoteOrderQty of a limit order", LIMIT, {"quoteOrderQty": "1"}, -1106, SENT.format("quoteOrderQty")),
    ("wrong answer type", LIMIT, {"newOrderRespType": "SHORT"}, -1130, INVALID.format("newOrderRespType")),
    ("client id of 37", LIMIT, {"newClientOrderId": "a" * 37}, -1100, CLIENT_ID.format("newClientOrderId")),
    ("client id with a dot", LIMIT, {"newClientOrderId": "a.b"}, -1100, CLIENT_ID.format("newClientOrderId")),
    ("client id with a line", LIMIT, {"newClientOrderId": "ab\n"}, -1100, CLIENT_ID.format("newClientOrderId")),
    ("client id used before", LIMIT, {"newClientOrderId": "resting"}, -2010, "Duplicate order sent."),
    ("too little money", LIMIT, {"quantity": "1000", "price": "0.89"}, -2010, FUNDS),
    ("too little to sell", LIMIT, {"side": "SELL", "quantity": "1000"}, -2010, FUNDS),
    (
        "a maker that takes",
        LIMIT,
        {"type": "LIMIT_MAKER", "timeInForce": None, "price": "0.06"},
        -2010,
        "Order would immediately match and take.",
    ),
    ("a maker with timeInForce", LIMIT, {"type": "LIMIT_MAKER"}, -1106, SENT.format("timeInForce")),
    ("a market order with a price", MARKET, {"price": "0.05"}, -1106, SENT.format("price")),
    ("a market order with timeInForce", MARKET, {"timeInForce": "GTC"}, -1106, SENT.format("timeInForce")),
    ("both quantities", MARKET, {"quoteOrderQty": "1"}, -1106, SENT.format("quantity")),
    ("neither quantity", MARKET, {"quantity": None}, -1102, MISSING.format("quantity")),
    ("zero quote quantity", MARKET, {"quantity": None, "quoteOrderQty": "0"}, -1013, NOTIONAL),
    ("market quantity off the lot", MARKET, {"quantity": "1.0001"}, -1013, LOT),
    ("market sale without the coins", MARKET, {"side": "SELL", "quantity": "600"}, -2010, FUNDS),
    ("market purchase without the money", MARKET, {"quantity": None, "quoteOrderQty": "600"}, -2010, FUNDS),
]
UNKNOWN_CANCEL, UNKNOWN = (-2011, "Unknown order sent."), (-2013, "Order does not exist.")
NEITHER = (-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")


@pytest.fixture(scope="module")
def scene(running_exchange: Exchange) -> Iterator[tuple[Rest, WsApi, Json, Json]]:
    """A trader with 500 of each coin and a resting order, his connection, and someone else's order at 0.06."""
    [trader] = running_exchange.make_traders(1, funds=500 * 10**8)
    [other] = running_exchange.make_traders(1)
    rest, others = running_exchange.rest(trader), running_exchange.rest(other)
    mine = rest.order("BUY", "1", "0.04", newClientOrderId="resting")
    theirs = others.order("SELL", "1", "0.06", newClientOrderId="others")
    with running_exchange.ws_api(trader) as ws:
        yield rest, ws, mine, theirs
    for client, order in ((rest, mine), (others, theirs)):
        client.delete("/api/v3/order", symbol="ETHBTC", orderId=order["orderId"])


def state(ws: WsApi) -> Json:
    """Return all that a refusal must not change."""
    account = ws.request("account.status")["result"]
    depth = ws.request("depth", symbol="ETHBTC")["result"]
    return {"balances": account["balances"], "orders": ws.request("allOrders", symbol="ETHBTC")["result"], **depth}


def changed(order: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**order, **changes}.items() if value is not None}


@pytest.mark.parametrize(("label", "order", "changes", "code", "message"), ORDERS, ids=[row[0] for row in ORDERS])
def test_an_order_is_refused(
    scene: tuple[Rest, WsApi, Json, Json], label: str, order: Json, changes: Json, code: int, message: str
) -> None:
    rest, ws, _, _ = scene
    params = changed(order, changes)
    before = state(ws)

    over_rest = rest.post("/api/v3/order", **params)
    over_ws = ws.request("order.place", **params)

    assert (over_rest.status_code, over_rest.json()) == (400, {"code": code, "msg": message})
    assert (over_ws["status"], over_ws["error"]) == (400, {"code": code, "msg": message})
    assert state(ws) == before


def test_a_json_number_counts_as_the_text_that_was_written(scene: tuple[Rest, WsApi, Json, Json]) -> None:
    _, ws, _, _ = scene
    order = ws.request("order.place", **{**LIMIT, "price": 0.041, "quantity": 1.5})["result"]

    assert (order["price"], order["origQty"]) == ("0.04100000", "1.50000000")
    assert ws.request("order.cancel", symbol="ETHBTC", orderId=order["orderId"])["status"] == 200


def test_orders_that_are_not_there_and_orders_of_others(scene: tuple[Rest, WsApi, Json, Json]) -> None:
    rest, ws, mine, theirs = scene
    before = state(ws)
    cases: list[tuple[str, Json, tuple[int, str], tuple[int, str]]] = [
        ("unknown id", {"orderId": 10**15}, UNKNOWN, UNKNOWN_CANCEL),
        ("unknown client id", {"origClientOrderId": "nothing"}, UNKNOWN, UNKNOWN_CANCEL),
        ("someone else's id", {"orderId": theirs["orderId"]}, UNKNOWN, UNKNOWN_CANCEL),
        ("someone else's client id", {"origClientOrderId": "others"}, UNKNOWN, UNKNOWN_CANCEL),
        ("two that differ", {"orderId": mine["orderId"], "origClientOrderId": "nothing"}, UNKNOWN, UNKNOWN_CANCEL),
        ("zero", {"orderId": 0}, UNKNOWN, UNKNOWN_CANCEL),
        ("neither", {}, NEITHER, NEITHER),
        ("both empty", {"orderId": "", "origClientOrderId": ""}, NEITHER, NEITHER),
    ]
    for label, params, query, cancel in cases:
        sent = {"symbol": "ETHBTC", **params}
        for answer, (code, message) in (
            (rest.get("/api/v3/order", **sent).json(), query),
            (rest.delete("/api/v3/order", **sent).json(), cancel),
            (ws.request("order.status", **sent)["error"], query),
            (ws.request("order.cancel", **sent)["error"], cancel),
        ):
            assert answer == {"code": code, "msg": message}, label
    assert state(ws) == before


def test_a_closed_order_cannot_be_cancelled_and_its_client_id_not_used_again(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    order = rest.order("BUY", "1", "0.04", newClientOrderId="once")
    rest.delete("/api/v3/order", symbol="ETHBTC", orderId=order["orderId"])

    again = rest.delete("/api/v3/order", symbol="ETHBTC", orderId=order["orderId"])
    repeated = rest.post("/api/v3/order", **LIMIT, newClientOrderId="once")

    assert again.json() == {"code": -2011, "msg": "Unknown order sent."}
    assert repeated.json() == {"code": -2010, "msg": "Duplicate order sent."}
    assert len(rest.get("/api/v3/allOrders", symbol="ETHBTC").json()) == 1


READS: list[tuple[str, str, Json, int]] = [
    ("depth", "/api/v3/depth", {}, -1102),
    ("depth", "/api/v3/depth", {"symbol": "NO"}, -1121),
    ("depth", "/api/v3/depth", {"symbol": "ETHBTC", "limit": 0}, -1130),
    ("depth", "/api/v3/depth", {"symbol": "ETHBTC", "limit": 5001}, -1130),
    ("depth", "/api/v3/depth", {"symbol": "ETHBTC", "limit": "ten"}, -1100),
    ("depth", "/api/v3/depth", {"symbol": "ETHBTC", "limit": "-1"}, -1100),
    ("depth", "/api/v3/depth", {"symbol": "ETHBTC", "limit": "1.5"}, -1100),
    ("trades.recent", "/api/v3/trades", {"symbol": "NO"}, -1121),
    ("trades.recent", "/api/v3/trades", {"symbol": "ETHBTC", "limit": 0}, -1130),
    ("exchangeInfo", "/api/v3/exchangeInfo", {"symbol": "NO"}, -1121),
    ("exchangeInfo", "/api/v3/exchangeInfo", {"symbols": '["NO"]'}, -1121),
    ("exchangeInfo", "/api/v3/exchangeInfo", {"symbols": "ETHBTC"}, -1130),
    ("exchangeInfo", "/api/v3/exchangeInfo", {"symbols": "[1]"}, -1130),
    ("exchangeInfo", "/api/v3/exchangeInfo", {"symbols": "[" * 3000}, -1130),
    ("exchangeInfo", "/api/v3/exchangeInfo", {"symbols": "[" + "1" * 5000 + "]"}, -1130),
    ("exchangeInfo", "/api/v3/exchangeInfo", {"symbol": "ETHBTC", "symbols": '["ETHBTC"]'}, -1128),
    ("exchangeInfo", "/api/v3/exchangeInfo", {"symbol": "ETHBTC", "symbolStatus": "TRADING"}, -1128),
    ("exchangeInfo", "/api/v3/exchangeInfo", {"symbolStatus": "ASLEEP"}, -1130),
    ("exchangeInfo", "/api/v3/exchangeInfo", {"showPermissionSets": "maybe"}, -1130),
    ("ticker.book", "/api/v3/ticker/bookTicker", {"symbol": "NO"}, -1121),
    ("ticker.book", "/api/v3/ticker/bookTicker", {"symbols": '["ETHBTC","NO"]'}, -1121),
    ("ticker.book", "/api/v3/ticker/bookTicker", {"symbols": "ETHBTC"}, -1130),
    ("ticker.book", "/api/v3/ticker/bookTicker", {"symbol": "ETHBTC", "symbols": '["ETHBTC"]'}, -1128),
    ("account.status", "/api/v3/account", {"omitZeroBalances": "maybe"}, -1130),
    ("openOrders.status", "/api/v3/openOrders", {"symbol": "NO"}, -1121),
    ("allOrders", "/api/v3/allOrders", {}, -1102),
    ("allOrders", "/api/v3/allOrders", {"symbol": "ETHBTC", "startTime": "1", "endTime": "86400002"}, -1127),
    ("allOrders", "/api/v3/allOrders", {"symbol": "ETHBTC", "startTime": "2", "endTime": "1"}, -1130),
    ("allOrders", "/api/v3/allOrders", {"symbol": "ETHBTC", "orderId": "9" * 19}, -1130),
    ("allOrders", "/api/v3/allOrders", {"symbol": "ETHBTC", "orderId": "9" * 20}, -1100),
    ("myTrades", "/api/v3/myTrades", {"symbol": "ETHBTC", "fromId": "x"}, -1100),
    ("order.status", "/api/v3/order", {"symbol": "ETHBTC", "orderId": "x"}, -1100),
    ("order.status", "/api/v3/order", {"symbol": "ETHBTC", "origClientOrderId": "a b"}, -1100),
]


@pytest.mark.parametrize(("method", "path", "params", "code"), READS)
def test_a_read_is_refused(
    scene: tuple[Rest, WsApi, Json, Json], method: str, path: str, params: Json, code: int
) -> None:
    rest, ws, _, _ = scene

    answer = rest.get(path, **params)
    reply = ws.request(method, **params)

    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text
    assert reply["error"] == answer.json()
    assert ws.request("ping")["status"] == 200


def test_bodies_that_cannot_be_read(exchange: Exchange) -> None:
    rest = exchange.rest()
    big = rest.call("POST", "/api/v3/order", body=b"a" * 70_000)
    bigger = rest.call("POST", "/api/v3/order", body=b"a" * 5_000_000)
    binary = rest.call("POST", "/api/v3/order", body=b"\xff\xfe=1", headers={"X-MBX-APIKEY": "a"})
    large_page = rest.call("POST", "/accounts/login", body=b"a" * 5_000_000)

    for answer in (big, bigger):
        assert answer.status_code == 413
        assert answer.json() == {"code": -1100, "msg": "A request's body must not be longer than 65536 bytes."}
    assert binary.json()["code"] == -1130
    assert large_page.status_code >= 400
    assert rest.get("/api/v3/ping").json() == {}
