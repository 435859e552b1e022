"""Several markets quoted from one account: what one holds, another does not have."""

from collections.abc import Mapping
from typing import Any

import pytest

from mex.money import format_units, notional, parse_units
from trading.client.errors import ApiRefused
from trading.market_maker.ladder import LEVELS, PLANS, Plan, Quote
from trading.market_maker.maker import Account, MarketMaker
from trading.market_maker.stall import Stall

FILTERS = {
    "ETHBTC": ("0.00001", "0.001", "0.0001"),
    "ETHUSDT": ("0.01", "0.0001", "5"),
    "BTCUSDT": ("0.01", "0.00001", "5"),
}
RICH = {"BTC": 10**12, "ETH": 10**12, "USDT": 10**15}


def market(symbol: str, *, status: str = "TRADING") -> dict[str, Any]:
    """Return a market's row of exchangeInfo."""
    tick, lot, least = FILTERS[symbol]
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": tick},
        {"filterType": "LOT_SIZE", "stepSize": lot},
        {"filterType": "NOTIONAL", "minNotional": least},
    ]
    return {"symbol": symbol, "status": status, "filters": filters}


class Exchange:
    """Takes orders as long as there are funds, and knows nothing of matching."""

    def __init__(self, free: Mapping[str, int]) -> None:
        self.free = dict(free)
        self.orders: dict[str, tuple[str, Quote]] = {}
        self.refuse: dict[str, int] = {}
        self.asked = 0

    async def signed(self, method: str, **params: str) -> Any:
        if method == "order.cancel":
            if params["origClientOrderId"] not in self.orders:
                raise ApiRefused(-2011, "Unknown order sent.")
            symbol, quote = self.orders.pop(params["origClientOrderId"])
            self.free[held_by(symbol, quote)] += quote.cost
            return {}
        assert method == "order.place"
        assert params["type"] == "LIMIT_MAKER"
        self.asked += 1
        symbol = params["symbol"]
        if symbol in self.refuse:
            raise ApiRefused(self.refuse[symbol], "no")
        quote = Quote(params["side"], parse_units(params["price"]), parse_units(params["quantity"]))
        if self.free[held_by(symbol, quote)] < quote.cost:
            raise ApiRefused(-2010, "Account has insufficient balance for requested action.")
        self.free[held_by(symbol, quote)] -= quote.cost
        name = f"order-{self.asked}"
        self.orders[name] = (symbol, quote)
        return {"clientOrderId": name}

    def of(self, symbol: str) -> list[Quote]:
        return [quote for name, quote in self.orders.values() if name == symbol]


def held_by(symbol: str, quote: Quote) -> str:
    plan = next(plan for plan in PLANS if plan.symbol == symbol)
    return plan.quote if quote.side == "BUY" else plan.base


async def nothing(free: dict[str, int]) -> None:
    """Bring in no funds."""


def maker_of(free: Mapping[str, int], plans: tuple[Plan, ...] = PLANS) -> MarketMaker:
    maker = MarketMaker(Account("http://127.0.0.1:9", "k", "s"), nothing, plans)
    maker._free = dict(free)
    for symbol, stall in maker._stalls.items():
        stall.learn(market(symbol))
    return maker


async def place(maker: MarketMaker, exchange: Exchange) -> None:
    for stall in maker._stalls.values():
        await maker._place_ladder(exchange, stall)  # type: ignore[arg-type]  # it asks for no more than this


async def test_every_market_is_quoted_on_both_sides() -> None:
    maker, exchange = maker_of(RICH), Exchange(RICH)

    await place(maker, exchange)

    for symbol in FILTERS:
        quotes = exchange.of(symbol)
        assert len(quotes) == 2 * LEVELS
        bids = [quote.price for quote in quotes if quote.side == "BUY"]
        asks = [quote.price for quote in quotes if quote.side == "SELL"]
        assert max(bids) < min(asks)
    assert maker._free == exchange.free


async def test_markets_share_what_there_is_and_ask_for_no_more() -> None:
    """Enough ether for the asks of one market and a little: the second one gets what the first one left."""
    funds = {"BTC": 10**12, "ETH": 15 * 20_000_000 + 20_000_000, "USDT": 10**15}
    maker, exchange = maker_of(funds), Exchange(funds)

    await place(maker, exchange)

    assert [quote.side for quote in exchange.of("ETHBTC")].count("SELL") == LEVELS
    assert [quote for quote in exchange.of("ETHUSDT") if quote.side == "SELL"] == [
        Quote("SELL", 300_240_000_000, 20_000_000)
    ]
    assert exchange.free["ETH"] == 0
    assert exchange.asked == len(exchange.orders)  # nothing was refused


async def test_a_ladder_that_moves_frees_what_it_held_for_its_own_use() -> None:
    funds = {"BTC": 15_000_000, "ETH": 0, "USDT": 0}
    maker, exchange = maker_of(funds, PLANS[:1]), Exchange(funds)
    await place(maker, exchange)
    first = {quote.price for quote in exchange.of("ETHBTC")}
    stall = maker._stalls["ETHBTC"]
    assert stall._reference is not None

    stall._reference.price -= 20_000
    await place(maker, exchange)

    assert {quote.price for quote in exchange.of("ETHBTC")} == {price - 20_000 for price in first}
    assert maker._free == exchange.free


async def test_a_market_whose_rules_changed_rests_and_the_others_go_on() -> None:
    maker, exchange = maker_of(RICH), Exchange(RICH)
    exchange.refuse["ETHUSDT"] = -1013

    await place(maker, exchange)
    asked = exchange.asked
    await place(maker, exchange)

    assert (len(exchange.of("ETHBTC")), len(exchange.of("ETHUSDT")), len(exchange.of("BTCUSDT"))) == (10, 0, 10)
    assert exchange.asked == asked  # nothing more until it was looked at again
    del exchange.refuse["ETHUSDT"]
    maker._stalls["ETHUSDT"].learn(market("ETHUSDT"))
    await place(maker, exchange)
    assert len(exchange.of("ETHUSDT")) == 10


async def test_a_refusal_that_is_no_markets_ends_the_session() -> None:
    maker, exchange = maker_of(RICH), Exchange(RICH)
    exchange.refuse["ETHBTC"] = -1007

    with pytest.raises(ApiRefused):
        await place(maker, exchange)


@pytest.mark.parametrize("row", [None, market("ETHUSDT", status="HALTED")])
def test_a_market_that_is_closed_or_gone_is_not_quoted(row: dict[str, Any] | None) -> None:
    stall = Stall(PLANS[1])
    stall.learn(market("ETHUSDT"))
    assert stall.steps(RICH)[1] != []

    stall.learn(row)

    assert stall.steps(RICH) == ([], [])


def test_reports_of_fills_and_ends_are_noted() -> None:
    stall = Stall(PLANS[0])
    stall.orders = {"a": Quote("BUY", 4_996_000, 20_000_000), "b": Quote("SELL", 5_004_000, 20_000_000)}

    stall.note(report("a", "BUY", "PARTIALLY_FILLED", 4_996_000, filled=5_000_000))
    stall.note(report("b", "SELL", "FILLED", 5_004_000, filled=20_000_000))
    stall.note(report("c", "SELL", "NEW", 5_004_000, filled=0))

    assert stall.orders == {"a": Quote("BUY", 4_996_000, 15_000_000)}
    assert stall.orders["a"].cost == notional(4_996_000, 15_000_000)


def report(name: str, side: str, status: str, price: int, *, filled: int) -> dict[str, str]:
    amounts = {"p": format_units(price), "q": "0.20000000", "z": format_units(filled)}
    return {"e": "executionReport", "s": "ETHBTC", "c": name, "C": "", "S": side, "X": status} | amounts
