"""What operators change shows in the API at once: new, halted, limited and delisted markets, and terms of accounts."""

from collections.abc import Iterator

import pytest

from tests.api.client import Json
from tests.api.exchange import Exchange
from tests.api.shapes import check
from tests.api.test_order_types import place, trade_at
from trading.engine.enums import MarketStatus, StpMode

ORDER = {"symbol": "SMALLBTC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "0.05"}
CLOSED = {"code": -2010, "msg": "Market is closed."}


def symbols(exchange: Exchange) -> list[str]:
    """Return the symbols of the markets that are listed."""
    return [row["symbol"] for row in exchange.rest().get("/api/v3/exchangeInfo").json()["symbols"]]


def rules(exchange: Exchange) -> Json:
    """Return what is told of the small market."""
    return dict(exchange.rest().get("/api/v3/exchangeInfo", symbol="SMALLBTC").json()["symbols"][0])


@pytest.fixture(scope="module")
def market(running_exchange: Exchange) -> Iterator[None]:
    """A market with filters that others do not have, until it is delisted."""
    running_exchange.set_market("SMALLBTC", like="ETHBTC", position_max=20_000 * 10**8, bid_up_ppm=1_200_000)
    running_exchange.eventually(lambda: "SMALLBTC" in symbols(running_exchange), "the new market")
    yield
    running_exchange.set_market("SMALLBTC", status=MarketStatus.DELISTED)
    running_exchange.eventually(lambda: "SMALLBTC" not in symbols(running_exchange), "the end of the market")


def test_a_new_market_tells_its_filters_and_takes_orders(exchange: Exchange, market: None) -> None:
    maker, taker = (exchange.rest(trader) for trader in exchange.traders(2))

    filters = rules(exchange)["filters"]
    with exchange.market("/ws/smallbtc@trade") as ws:
        ws.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        ws.receive()
        place(maker, **ORDER)
        sold = place(taker, **{**ORDER, "side": "SELL"})
        trade = ws.receive()

    assert filters[-2:] == [
        {"filterType": "MAX_POSITION", "maxPosition": "20000.00000000"},
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "1.20000000",
            "bidMultiplierDown": "0.00000000",
            "askMultiplierUp": "92233720368.54775807",
            "askMultiplierDown": "0.00000000",
            "avgPriceMins": 0,
        },
    ]
    assert (sold["status"], sold["fills"][0]["tradeId"]) == ("FILLED", 1)
    check(trade, "s_trade")
    assert (trade["s"], trade["t"], trade["m"]) == ("SMALLBTC", 1, True)
    dear = maker.post("/api/v3/order", **{**ORDER, "price": "0.0601"})
    assert dear.json() == {"code": -1013, "msg": "Filter failure: PERCENT_PRICE_BY_SIDE"}
    much = maker.post("/api/v3/order", **{**ORDER, "quantity": "9999.9", "price": "0.05"})
    assert much.json() == {"code": -1013, "msg": "Filter failure: MAX_POSITION"}


def test_a_market_is_halted_and_goes_on(exchange: Exchange, market: None) -> None:
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    order = place(rest, **ORDER)

    exchange.set_market("SMALLBTC", status=MarketStatus.HALT)
    exchange.eventually(lambda: rules(exchange)["status"] == "HALT", "the halt")
    halted = exchange.rest().get("/api/v3/exchangeInfo", symbolStatus="HALT").json()["symbols"]

    assert rest.post("/api/v3/order", **ORDER).json() == CLOSED
    assert [row["symbol"] for row in halted] == ["SMALLBTC"]
    assert rest.post("/api/v3/order/test", **ORDER).json() == CLOSED
    canceled = rest.delete("/api/v3/order", symbol="SMALLBTC", orderId=order["orderId"])
    assert canceled.json()["status"] == "CANCELED"
    exchange.set_market("SMALLBTC", status=MarketStatus.TRADING, orders_max=1, algo_orders_max=0)
    exchange.eventually(lambda: rules(exchange)["status"] == "TRADING", "the end of the halt")
    numbers = {row["filterType"]: list(row.values())[1] for row in rules(exchange)["filters"]}
    assert (numbers["MAX_NUM_ORDERS"], numbers["MAX_NUM_ALGO_ORDERS"]) == (1, 0)
    stop = {**ORDER, "type": "STOP_LOSS_LIMIT", "stopPrice": "0.055"}
    assert rest.post("/api/v3/order", **stop).json()["msg"] == "Filter failure: MAX_NUM_ALGO_ORDERS"
    place(rest, **ORDER)
    assert rest.post("/api/v3/order", **ORDER).json()["msg"] == "Filter failure: MAX_NUM_ORDERS"


def test_a_delisted_market_is_gone_but_for_its_histories(exchange: Exchange) -> None:
    exchange.set_market("GONEBTC", like="ETHBTC")
    exchange.eventually(lambda: "GONEBTC" in symbols(exchange), "the new market")
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    order = {**ORDER, "symbol": "GONEBTC"}
    with exchange.ws_api(trader) as ws:
        ws.request("userDataStream.subscribe.signature")
        placed = place(rest, **order)
        ws.next_events(2)
        exchange.set_market("GONEBTC", status=MarketStatus.DELISTED)

        expired, position = ws.next_events(2)
        assert (expired["s"], expired["x"], expired["X"], expired["i"]) == (
            "GONEBTC",
            "EXPIRED",
            "EXPIRED",
            placed["orderId"],
        )
        assert position["B"] == [{"a": "BTC", "f": "10000.00000000", "l": "0.00000000"}]
    assert "GONEBTC" not in symbols(exchange)
    assert rest.get("/api/v3/exchangeInfo", symbol="GONEBTC").json() == {"code": -1121, "msg": "Invalid symbol."}
    assert rest.get("/api/v3/ticker/bookTicker", symbol="GONEBTC").json() == {"code": -1121, "msg": "Invalid symbol."}
    assert "GONEBTC" not in [row["symbol"] for row in rest.get("/api/v3/ticker/bookTicker").json()]
    assert [row["status"] for row in rest.get("/api/v3/allOrders", symbol="GONEBTC").json()] == ["EXPIRED"]
    assert rest.post("/api/v3/order", **order).json() == CLOSED


def test_an_account_has_terms_of_its_own(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)

    exchange.set_terms(trader, maker_ppm=0, taker_ppm=500, stp=StpMode.EXPIRE_MAKER)
    exchange.eventually(
        lambda: rest.get("/api/v3/account").json()["commissionRates"]["taker"] == "0.00050000", "the terms"
    )

    account = rest.get("/api/v3/account").json()
    check(account, "account")
    rates = {"maker": "0.00000000", "taker": "0.00050000", "buyer": "0.00000000", "seller": "0.00000000"}
    assert (account["commissionRates"], account["makerCommission"], account["takerCommission"]) == (rates, 0, 5)
    assert rest.get("/api/v3/account/commission", symbol="ETHBTC").json()["standardCommission"] == rates
    maker = rest.order("SELL", "1", "0.05")
    taker = rest.order("BUY", "1", "0.05")
    assert (taker["selfTradePreventionMode"], taker["status"]) == ("EXPIRE_MAKER", "NEW")
    assert taker["preventedMatches"][0]["makerOrderId"] == maker["orderId"]
    [buyer] = exchange.traders(1)
    exchange.rest(buyer).order("SELL", "1", "0.05")
    assert rest.get("/api/v3/myTrades", symbol="ETHBTC").json()[0]["commission"] == "0.00000000"
    both = rest.order("SELL", "1", "0.05", selfTradePreventionMode="NONE")
    assert both["selfTradePreventionMode"] == "NONE"
