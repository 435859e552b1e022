"""Reads of the trading pages: markets with their last price, and histories in pages."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.http import Http404

from mex.money import DECIMALS, UNITS
from trading.engine.enums import MarketStatus
from trading.models import Market, Order, Trade
from trading.selectors import open_orders_of

PAGE_ROWS = 25
PAGE_NUMBER_MAX = 200
"""Who needs older rows than 200 pages asks the API, which pages by id."""

OPEN_ORDERS = 200
"""A bot may have thousands; the page shows the newest. The same number is in static/js/open_orders.js."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a history, newest first."""

    rows: list[Row]
    number: int
    has_next: bool


@dataclass(frozen=True, slots=True)
class Fill:
    """One side of a trade, as its owner sees it. `fee` is in `fee_asset`, the asset received."""

    trade: Trade
    is_buy: bool

    @property
    def fee(self) -> int:
        """Return the fee in units of the asset received."""
        return self.trade.buyer_fee if self.is_buy else self.trade.seller_fee

    @property
    def fee_asset(self) -> str:
        """Return the code of the asset received."""
        return self.trade.market.base.code if self.is_buy else self.trade.market.quote.code

    @property
    def is_maker(self) -> bool:
        """Return whether the owner's order was in the book first."""
        return self.trade.buyer_is_maker == self.is_buy


@dataclass(frozen=True, slots=True)
class Listing:
    """A market with its last trade, if there was one."""

    market: Market
    last: Trade | None


def market_of(symbol: str) -> Market:
    """Return a market by its symbol, in any case. Raises Http404."""
    market = Market.objects.select_related("base", "quote").filter(symbol=symbol.upper()).first()
    if market is None:
        raise Http404("no such market")
    return market


def listings() -> list[Listing]:
    """Return every market that is not delisted with its last trade."""
    markets = Market.objects.select_related("base", "quote").exclude(status=MarketStatus.DELISTED)
    return [Listing(market, last_trade(market)) for market in markets]


def last_trade(market: Market) -> Trade | None:
    """Return a market's last trade."""
    return Trade.objects.filter(market=market).order_by("-number").first()


def open_orders(user_id: int, market: Market) -> list[Order]:
    """Return a user's newest open orders in a market, newest first."""
    return open_orders_of(account=user_id, market=market.pk)[: -OPEN_ORDERS - 1 : -1]


def decimals_of(step: int) -> int:
    """Return how many decimals a price or quantity on this step can have."""
    decimals = DECIMALS
    while decimals and step % (UNITS // 10 ** (decimals - 1)) == 0:
        decimals -= 1
    return decimals


def page_of(rows: list[Row], number: int) -> Page[Row]:
    """Return a page from its own rows and at least one of the next, if there are any."""
    return Page(rows[:PAGE_ROWS], number, len(rows) > PAGE_ROWS and number < PAGE_NUMBER_MAX)


def bounds(number: int) -> tuple[int, int]:
    """Return the first and last row that `page_of` needs."""
    return (number - 1) * PAGE_ROWS, number * PAGE_ROWS + 1


def orders_page(user_id: int, number: int) -> Page[Order]:
    """Return a page of a user's orders of all markets."""
    start, end = bounds(number)
    ids: list[int] = []
    # One query per market, because the index leads there by (account, market, id) and not by (account, id). Only ids:
    # to make objects of all rows up to a late page takes ten times as long.
    for market in Market.objects.all():
        own = Order.objects.filter(account_id=user_id, market=market).order_by("-id")
        ids += own.values_list("pk", flat=True)[:end]
    orders = Order.objects.filter(pk__in=sorted(ids, reverse=True)[start:end])
    return page_of(list(orders.select_related("market__base", "market__quote", "condition").order_by("-id")), number)


def fills_page(user_id: int, number: int) -> Page[Fill]:
    """Return a page of a user's trades of all markets; a trade with oneself shows both sides."""
    start, end = bounds(number)
    found: list[tuple[int, int, int, bool]] = []
    for market in Market.objects.all():
        trades = Trade.objects.filter(market=market).order_by("-number").values_list("time_ms", "number", "pk")
        for is_buy, own in ((True, trades.filter(buyer_id=user_id)), (False, trades.filter(seller_id=user_id))):
            found += [(-time_ms, -number, pk, is_buy) for time_ms, number, pk in own[:end]]
    shown = sorted(found, key=lambda fill: fill[:2])[start:end]
    rows = Trade.objects.select_related("market__base", "market__quote").in_bulk([pk for _, _, pk, _ in shown])
    return page_of([Fill(rows[pk], is_buy) for _, _, pk, is_buy in shown], number)
