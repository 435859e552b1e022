"""What answers look like: every endpoint and method against the examples of docs/api.md, with exact numbers."""

import json
from collections.abc import Iterator

import pytest

from tests.api.client import Json, Rest, WsApi
from tests.api.exchange import Exchange
from tests.api.shapes import EXAMPLES, check

FIELDS = {"ACK": 5, "RESULT": 16, "FULL": 17}


@pytest.fixture
def ws(exchange: Exchange) -> Iterator[WsApi]:
    """A connection without a trader."""
    with exchange.ws_api() as ws:
        yield ws


def both(rest: Rest, ws: WsApi, path: str, method: str, **params: object) -> Json:
    """Return what REST and the websocket answer alike."""
    answer = rest.get(path, **params)
    reply = ws.request(method, **params)
    assert (answer.status_code, reply["status"]) == (200, 200), answer.text
    assert {**answer.json(), **VARYING} == {**reply["result"], **VARYING} if isinstance(answer.json(), dict) else True
    return answer.json()


MARKETS = ["ETHBTC", "ETHUSDT", "BTCUSDT"]
VARYING = {"serverTime": 0, "updateTime": 0}


def test_public_answers(exchange: Exchange, ws: WsApi) -> None:
    maker, taker = exchange.traders(2)
    exchange.rest(maker).order("SELL", "2", "0.0523")
    exchange.rest(maker).order("BUY", "1.5", "0.05")
    exchange.rest(maker).order("BUY", "4", "0.0499")
    exchange.rest(maker).order("BUY", "0.5", "0.05")
    exchange.rest(taker).order("BUY", "1.25", "0.0523")
    rest = exchange.rest()

    assert both(rest, ws, "/api/v3/ping", "ping") == {}
    assert list(both(rest, ws, "/api/v3/time", "time")) == ["serverTime"]
    info = both(rest, ws, "/api/v3/exchangeInfo", "exchangeInfo")
    check(info, "exchangeInfo")
    assert [row["symbol"] for row in info["symbols"]] == MARKETS
    example = EXAMPLES["exchangeInfo"]["symbols"][0]
    rules = {row["filterType"]: row for row in info["symbols"][0]["filters"]}
    assert {**info["symbols"][0], "filters": 0} == {**example, "filters": 0}
    assert rules["MAX_NUM_ORDERS"] == {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 10_000}
    assert [row for row in example["filters"] if rules[row["filterType"]] != row] == [example["filters"][5]]
    depth = both(rest, ws, "/api/v3/depth", "depth", symbol="ETHBTC")
    check(depth, "depth")
    assert depth["bids"] == [["0.05000000", "2.00000000"], ["0.04990000", "4.00000000"]]
    assert depth["asks"] == [["0.05230000", "0.75000000"]]
    one = both(rest, ws, "/api/v3/depth", "depth", symbol="ETHBTC", limit=1)
    assert one["bids"] == [["0.05000000", "2.00000000"]]
    trades = rest.get("/api/v3/trades", symbol="ETHBTC", limit=1).json()
    check(trades, "trades")
    assert trades == ws.request("trades.recent", symbol="ETHBTC", limit="1")["result"]
    assert {**trades[0], "id": 0, "time": 0} == {
        "id": 0,
        "price": "0.05230000",
        "qty": "1.25000000",
        "quoteQty": "0.06537500",
        "time": 0,
        "isBuyerMaker": False,
        "isBestMatch": True,
    }
    ticker = both(rest, ws, "/api/v3/ticker/bookTicker", "ticker.book", symbol="ETHBTC")
    check(ticker, "bookTickerRest")
    assert list(ticker.values()) == ["ETHBTC", "0.05000000", "2.00000000", "0.05230000", "0.75000000"]
    assert rest.get("/api/v3/ticker/bookTicker").json()[0] == ticker


def test_best_prices_of_some_markets(exchange: Exchange, ws: WsApi) -> None:
    rest = exchange.rest()
    cases: list[tuple[list[str] | None, list[str]]] = [
        (None, MARKETS),
        (["ETHBTC"], ["ETHBTC"]),
        (["BTCUSDT", "ETHBTC", "BTCUSDT"], ["BTCUSDT", "ETHBTC"]),
    ]
    for asked, symbols in cases:
        rows = rest.get("/api/v3/ticker/bookTicker", **({"symbols": json.dumps(asked)} if asked else {})).json()
        assert [row["symbol"] for row in rows] == symbols, asked
        assert ws.request("ticker.book", **({"symbols": asked} if asked else {}))["result"] == rows
        check(rows[0], "bookTickerRest")


def test_exchange_info_of_some_markets(exchange: Exchange) -> None:
    rest = exchange.rest()
    cases = [
        ({"symbol": "ETHBTC"}, ["ETHBTC"]),
        ({"symbols": '["ETHBTC"]'}, ["ETHBTC"]),
        ({"permissions": "SPOT"}, MARKETS),
        ({"permissions": '["SPOT","MARGIN"]'}, MARKETS),
        ({"permissions": "MARGIN"}, []),
        ({"showPermissionSets": "true"}, MARKETS),
        ({"showPermissionSets": "false"}, MARKETS),
        ({"symbolStatus": "TRADING"}, MARKETS),
        ({"symbolStatus": "HALT"}, []),
        ({"symbolStatus": "BREAK", "permissions": "SPOT"}, []),
    ]
    for params, symbols in cases:
        answer = rest.get("/api/v3/exchangeInfo", **params)
        assert [row["symbol"] for row in answer.json()["symbols"]] == symbols, params
        shown = [] if params == {"showPermissionSets": "false"} else [["SPOT"]]
        assert [row["permissionSets"] for row in answer.json()["symbols"]] == [shown for _ in symbols], params


def test_every_answer_is_json_and_tells_the_weight(exchange: Exchange) -> None:
    rest = exchange.rest()
    first = int(rest.get("/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"])
    second = int(rest.get("/api/v3/depth", symbol="ETHBTC").headers["X-MBX-USED-WEIGHT-1M"])
    refused = rest.get("/api/v3/depth", symbol="NONE")

    assert second in (first + 5, 5)
    assert int(refused.headers["X-MBX-USED-WEIGHT-1M"]) in (second + 5, 5)
    assert refused.headers["Content-Type"] == "application/json"
    for method, path, status in (
        ("GET", "/api/v3/nothing", 404),
        ("GET", "/api/v3/ping/", 404),
        ("GET", "/sapi/v1/nothing", 404),
        ("POST", "/api/v3/ping", 405),
        ("PUT", "/api/v3/order", 405),
        ("PATCH", "/api/v3/order", 405),
    ):
        answer = rest.call(method, path)
        assert answer.status_code == status, path
        assert answer.json() == {"code": -1020, "msg": "This operation is not supported."}
        assert int(answer.headers["X-MBX-USED-WEIGHT-1M"]) > 0
    for path in ("margin/allPairs", "margin/isolated/allPairs", "spot/delist-schedule"):
        assert rest.get(f"/sapi/v1/{path}").json() == []
    for path in ("/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"):
        assert rest.get(path).json() == {"symbols": []}


def test_an_order_filled_by_two_makers_has_the_numbers_of_the_example(exchange: Exchange) -> None:
    first, second, taker = exchange.traders(3)
    exchange.rest(first).order("SELL", "0.6", "0.052")
    exchange.rest(second).order("SELL", "0.8", "0.0522")
    rest = exchange.rest(taker)

    answer = rest.order("BUY", "1.2", "0.0522", newClientOrderId="mex-abc-1", newOrderRespType="FULL")

    check(answer, "newOrder")
    number = answer["fills"][0]["tradeId"]
    told = {**answer, "orderId": 41, "transactTime": 1790000000130, "workingTime": 1790000000130}
    told["fills"] = [{**fill, "tradeId": 812 + fill["tradeId"] - number} for fill in answer["fills"]]
    assert told == EXAMPLES["newOrder"]
    assert rest.balances() == {"BTC": ("9999.93748000", "0.00000000"), "ETH": ("10001.19760000", "0.00000000")}
    # The makers got quote less 0.1 %, and what rests is locked.
    assert exchange.rest(first).balances() == {
        "BTC": ("10000.03116880", "0.00000000"),
        "ETH": ("9999.40000000", "0.00000000"),
    }
    assert exchange.rest(second).balances() == {
        "BTC": ("10000.03128868", "0.00000000"),
        "ETH": ("9999.20000000", "0.20000000"),
    }
    mine = rest.get("/api/v3/myTrades", symbol="ETHBTC").json()
    check(mine, "myTrades")
    assert {**mine[0], "id": 812, "orderId": 41, "time": 1790000000130} == EXAMPLES["myTrades"][0]
    theirs = exchange.rest(first).get("/api/v3/myTrades", symbol="ETHBTC").json()
    assert [(row["id"], row["commission"], row["commissionAsset"]) for row in theirs] == [(number, "0.00003120", "BTC")]
    assert (theirs[0]["isBuyer"], theirs[0]["isMaker"]) == (False, True)


def test_answer_types_and_order_headers(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    order = {"symbol": "ETHBTC", "side": "BUY", "quantity": "1", "price": "0.02"}
    limit = {**order, "type": "LIMIT", "timeInForce": "GTC"}

    for kind, expected in FIELDS.items():
        answer = rest.post("/api/v3/order", **limit, newOrderRespType=kind)
        assert len(answer.json()) == expected, kind
        assert int(answer.headers["X-MBX-ORDER-COUNT-10S"]) >= 1
        assert int(answer.headers["X-MBX-ORDER-COUNT-1D"]) >= 1
    assert len(rest.post("/api/v3/order", **limit).json()) == FIELDS["FULL"]
    assert rest.post("/api/v3/order", **limit).json()["fills"] == []
    ack = rest.post("/api/v3/order", **order, type="LIMIT_MAKER").json()
    assert list(ack) == ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
    market = {"symbol": "ETHBTC", "side": "SELL", "type": "MARKET", "quantity": "0.5"}
    assert len(rest.post("/api/v3/order", **market).json()) == FIELDS["FULL"]


def test_market_orders(exchange: Exchange) -> None:
    maker, taker = exchange.traders(2)
    exchange.rest(maker).order("SELL", "1", "0.05")
    rest = exchange.rest(taker)
    order = {"symbol": "ETHBTC", "side": "BUY", "type": "MARKET"}

    by_quote = rest.post("/api/v3/order", **order, quoteOrderQty="0.02004").json()
    rest_of_it = rest.post("/api/v3/order", **order, quantity="1").json()

    # 0.02004 BTC buy 0.4008 ETH: 0.4 in whole lots of 0.001.
    assert by_quote["origQuoteOrderQty"] == "0.02004000"
    assert (by_quote["origQty"], by_quote["executedQty"], by_quote["cummulativeQuoteQty"]) == (
        "0.40000000",
        "0.40000000",
        "0.02000000",
    )
    assert (by_quote["price"], by_quote["timeInForce"]) == ("0.00000000", "GTC")
    assert (rest_of_it["status"], rest_of_it["origQty"], rest_of_it["executedQty"]) == (
        "EXPIRED",
        "1.00000000",
        "0.60000000",
    )


def test_immediate_orders_expire(exchange: Exchange) -> None:
    maker, taker = exchange.traders(2)
    exchange.rest(maker).order("SELL", "1", "0.05")
    rest = exchange.rest(taker)

    ioc = rest.order("BUY", "0.4", "0.049", timeInForce="IOC")
    fok = rest.order("BUY", "1.1", "0.05", timeInForce="FOK")
    partly = rest.order("BUY", "1.1", "0.05", timeInForce="IOC")

    assert [(row["status"], row["executedQty"]) for row in (ioc, fok, partly)] == [
        ("EXPIRED", "0.00000000"),
        ("EXPIRED", "0.00000000"),
        ("EXPIRED", "1.00000000"),
    ]
    assert rest.get("/api/v3/openOrders").json() == []
    assert rest.balances()["BTC"] == ("9999.95000000", "0.00000000")


def test_an_order_and_its_cancel(exchange: Exchange) -> None:
    maker, taker = exchange.traders(2)
    rest = exchange.rest(maker)
    order = rest.order("BUY", "2", "0.05", newClientOrderId="mex-abc-2")
    exchange.rest(taker).order("SELL", "0.5", "0.05")

    row = rest.get("/api/v3/order", symbol="ETHBTC", origClientOrderId="mex-abc-2").json()
    canceled = rest.delete("/api/v3/order", symbol="ETHBTC", orderId=order["orderId"], newClientOrderId="c9f0e7d2")

    check(row, "getOrder")
    times = {"orderId": 42, "time": 1790000001000, "updateTime": 1790000002500, "workingTime": 1790000001000}
    assert {**row, **times} == EXAMPLES["getOrder"]
    assert row["updateTime"] >= row["time"] == row["workingTime"] == order["transactTime"]
    assert {**canceled.json(), "orderId": 42, "transactTime": 1790000003000} == EXAMPLES["cancelOrder"]
    after = rest.get("/api/v3/order", symbol="ETHBTC", origClientOrderId="mex-abc-2").json()
    assert (after["status"], after["executedQty"], after["orderId"]) == ("CANCELED", "0.50000000", order["orderId"])
    assert rest.balances() == {"BTC": ("9999.97500000", "0.00000000"), "ETH": ("10000.49950000", "0.00000000")}
    unnamed = rest.order("BUY", "2", "0.05")
    by_name = rest.delete("/api/v3/order", symbol="ETHBTC", origClientOrderId=unnamed["clientOrderId"]).json()
    assert by_name["origClientOrderId"] == unnamed["clientOrderId"] != by_name["clientOrderId"]


def test_the_account(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    rest.order("BUY", "2", "0.05")

    account = rest.get("/api/v3/account").json()

    check(account, "account")
    assert account["balances"] == [
        {"asset": "BTC", "free": "9999.90000000", "locked": "0.10000000"},
        {"asset": "ETH", "free": "10000.00000000", "locked": "0.00000000"},
        {"asset": "USDT", "free": "0.00000000", "locked": "0.00000000"},
    ]
    assert {**account, **dict.fromkeys(("updateTime", "uid", "balances"))} == {
        **EXAMPLES["account"],
        **dict.fromkeys(("updateTime", "uid", "balances")),
    }
    [poor] = exchange.make_traders(1, funds=0)
    assert exchange.rest(poor).get("/api/v3/account", omitZeroBalances="true").json()["balances"] == []
    assert len(exchange.rest(poor).get("/api/v3/account").json()["balances"]) == 3


def test_histories_are_paged(exchange: Exchange) -> None:
    maker, taker = exchange.traders(2)
    rest = exchange.rest(maker)
    orders = [rest.order("BUY", "0.1", "0.05") for _ in range(5)]
    exchange.rest(taker).order("SELL", "0.4", "0.05")
    ids = [order["orderId"] for order in orders]
    start, end = orders[1]["transactTime"], orders[3]["transactTime"]

    def found(**params: object) -> list[int]:
        return [row["orderId"] for row in rest.get("/api/v3/allOrders", symbol="ETHBTC", **params).json()]

    assert found() == ids
    assert found(limit=2) == ids[-2:]
    assert found(orderId=ids[1], limit=2) == ids[1:3]
    assert found(startTime=start, limit=2) == ids[1:3]
    assert found(endTime=end, limit=2) == ids[2:4]
    assert found(startTime=start, endTime=end) == ids[1:4]
    assert found(startTime=start + 86_400_000) == []
    trades = rest.get("/api/v3/myTrades", symbol="ETHBTC").json()
    numbers = [row["id"] for row in trades]
    assert [row["orderId"] for row in trades] == ids[:4]
    assert numbers == list(range(numbers[0], numbers[0] + 4))

    def own(**params: object) -> list[int]:
        return [row["id"] for row in rest.get("/api/v3/myTrades", symbol="ETHBTC", **params).json()]

    assert own(fromId=numbers[2]) == numbers[2:]
    assert own(limit=1) == numbers[-1:]
    assert own(orderId=ids[2]) == numbers[2:3]
    assert own(orderId=ids[4]) == []
    assert [row["orderId"] for row in rest.get("/api/v3/openOrders").json()] == [ids[4]]


def test_the_websocket_api_answers_like_rest(exchange: Exchange) -> None:
    maker, trader = exchange.traders(2)
    exchange.rest(maker).order("SELL", "1", "0.05")
    rest = exchange.rest(trader)
    with exchange.ws_api(trader) as ws:
        placed = ws.place("BUY", "0.5", "0.05", newOrderRespType="FULL")
        resting = ws.place("BUY", "0.5", "0.04", newOrderRespType="RESULT")
        acked = ws.place("BUY", "0.5", "0.041", newOrderRespType="ACK")

        check(placed, "newOrder")
        assert [len(answer) for answer in (placed, resting, acked)] == [17, 16, 5]
        open_orders = ws.request("openOrders.status", symbol="ETHBTC")["result"]
        assert open_orders == rest.get("/api/v3/openOrders").json()
        assert [row["orderId"] for row in open_orders] == [resting["orderId"], acked["orderId"]]
        status = ws.request("order.status", symbol="ETHBTC", orderId=str(placed["orderId"]))["result"]
        check(status, "getOrder")
        assert status == rest.get("/api/v3/order", symbol="ETHBTC", orderId=placed["orderId"]).json()
        history = ws.request("allOrders", symbol="ETHBTC")["result"]
        assert history == rest.get("/api/v3/allOrders", symbol="ETHBTC").json()
        assert ws.request("myTrades", symbol="ETHBTC")["result"] == rest.get("/api/v3/myTrades", symbol="ETHBTC").json()
        account = ws.request("v3/account.status")["result"]
        check(account, "account")
        assert {**account, **VARYING} == {**rest.get("/api/v3/account").json(), **VARYING}
        canceled = ws.request("order.cancel", symbol="ETHBTC", orderId=resting["orderId"])["result"]
        check(canceled, "cancelOrder")


def test_ids_come_back_with_their_type_and_limits_where_they_are_wanted(exchange: Exchange) -> None:
    limit = EXAMPLES["w_err"]["rateLimits"][0]
    with exchange.ws_api() as ws:
        for number in (1, "1", None, 0, -7, 2**63, "", "5c8a-ü", 'a"b\\'):
            ws.send({"id": number, "method": "ping"})
            reply = ws.receive()
            assert reply["id"] == number
            assert type(reply["id"]) is type(number)
            assert list(reply) == ["id", "status", "result", "rateLimits"]
            assert reply["rateLimits"][0].keys() == limit.keys()
        ws.send({"method": "ping"})
        assert ws.receive()["id"] is None
        assert list(ws.request("ping", returnRateLimits=False)) == ["id", "status", "result"]
        reply = ws.request("nothing")
        assert (reply["status"], reply["error"]) == (400, {"code": -1020, "msg": "This operation is not supported."})
        assert reply["rateLimits"][0]["count"] > 0
        assert "rateLimits" not in ws.request("depth", symbol="NO", returnRateLimits=False)
        assert "rateLimits" not in ws.request("nothing", returnRateLimits=False)
    with exchange.ws_api(query="?returnRateLimits=false&timeUnit=MILLISECOND") as ws:
        assert "rateLimits" not in ws.request("ping")
        assert "rateLimits" in ws.request("ping", returnRateLimits=True)
    [trader] = exchange.traders(1)
    with exchange.ws_api(trader) as ws:
        order = {"symbol": "ETHBTC", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "1", "price": "0.02"}
        rows = ws.request("order.place", **order)["rateLimits"]
        assert [(row["rateLimitType"], row["interval"]) for row in rows] == [
            ("REQUEST_WEIGHT", "MINUTE"),
            ("ORDERS", "SECOND"),
            ("ORDERS", "DAY"),
        ]
        unknown = ws.request("order.status", symbol="ETHBTC", orderId=10**12)
        assert unknown["error"] == EXAMPLES["w_err"]["error"]
