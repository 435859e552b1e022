"""Every read about what someone does: markets, orders, trades, balances for trading.

Rows are returned as models; trading/gateway/shapes.py turns them into the API's words. Paging is that of the API: rows
ascend; without an anchor the newest `limit` rows, with one the oldest `limit` rows from there on.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Case, F, Model, Q, QuerySet, Sum, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Least
from django.utils import timezone

from mex.clock import now_ms
from mex.database import read_snapshot
from mex.errors import OrderNotFound
from trading.engine.enums import ListStatus, MarketStatus, OrderState, OrderStatus, Side
from trading.engine.markets import MarketSpec
from trading.models import EngineState, Market, Order, OrderCondition, OrderList, PreventedMatch, Terms, Trade
from wallets.models import Balance, ChainCursor


def market_spec(market: Market) -> MarketSpec:
    """Return a market's rules as the engine needs them."""
    return MarketSpec(
        id=market.pk,
        symbol=market.symbol,
        base=market.base_id,
        quote=market.quote_id,
        tick=market.tick,
        lot=market.lot,
        price_min=market.price_min,
        price_max=market.price_max,
        quantity_min=market.quantity_min,
        quantity_max=market.quantity_max,
        notional_min=market.notional_min,
        notional_max=market.notional_max,
        maker_fee_ppm=market.maker_fee_ppm,
        taker_fee_ppm=market.taker_fee_ppm,
        orders_max=market.orders_max,
        status=MarketStatus(market.status),
        algo_orders_max=market.algo_orders_max,
        iceberg_parts_max=market.iceberg_parts_max,
        position_max=market.position_max,
        bid_up_ppm=market.bid_up_ppm,
        bid_down_ppm=market.bid_down_ppm,
        ask_up_ppm=market.ask_up_ppm,
        ask_down_ppm=market.ask_down_ppm,
        trailing_min=market.trailing_min,
        trailing_max=market.trailing_max,
    )


Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Range:
    """Which rows of a history are wanted: from an id on, between two times (ms), at most `limit`."""

    limit: int
    from_id: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None

    @property
    def is_oldest_first(self) -> bool:
        """Return whether the oldest rows are wanted if there are more than `limit`, else it is the newest."""
        return self.from_id is not None or self.start_ms is not None


def order_of(*, account: int, market: int, order_id: int | None, client_order_id: str | None) -> Order:
    """Return an order of the account by engine id, client id, or both when both must match. Raises OrderNotFound."""
    orders = _orders(account).filter(market_id=market)
    if order_id is not None:
        orders = orders.filter(id=order_id)
    if client_order_id is not None:
        orders = orders.filter(client_order_id=client_order_id)
    order = orders.first()
    if order is None:
        raise OrderNotFound()
    return order


def open_orders_of(*, account: int, market: int | None) -> list[Order]:
    """Return the account's open orders, oldest first, waiting ones too."""
    orders = _orders(account).filter(status__lte=OrderStatus.PARTIALLY_FILLED)
    if market is not None:
        orders = orders.filter(market_id=market)
    return list(orders.order_by("id"))


def has_open_orders(market: Market) -> bool:
    """Return whether any order rests in a market."""
    return Order.objects.filter(market=market, status__lte=OrderStatus.PARTIALLY_FILLED).exists()


def orders_of(*, account: int, market: int, wanted: Range) -> list[Order]:
    """Return orders of the account in a market, open and closed."""
    return _page(_orders(account).filter(market_id=market), wanted, number="id", time="created_ms")


def _orders(account: int) -> QuerySet[Order]:
    """Return an account's orders with their conditions, which most do not have."""
    return Order.objects.filter(account_id=account).select_related("condition")


def last_prevented_matches(orders: Sequence[Order]) -> dict[int, int]:
    """Return the last prevented match that took something from each of one account's orders, where there was one."""
    found: dict[int, int] = {}
    lessened = {order.pk: order for order in orders if order.prevented}
    if lessened:
        some = next(iter(lessened.values()))
        matches = PreventedMatch.objects.filter(
            Q(taker_order__in=lessened, taker_quantity__gt=0) | Q(maker_order__in=lessened, maker_quantity__gt=0),
            account_id=some.account_id,
        )
        for match in matches.order_by("number"):
            if match.taker_quantity:
                found[match.taker_order] = match.number
            if match.maker_quantity:
                found[match.maker_order] = match.number
    return found


def prevented_matches_of(
    *, account: int, market: int, number: int | None, order_id: int | None, wanted: Range
) -> list[PreventedMatch]:
    """Return prevented matches of an account in a market: the one of a number, or those of an order."""
    matches = PreventedMatch.objects.filter(account_id=account, market_id=market)
    if number is not None:
        return list(matches.filter(number=number))
    matches = matches.filter(Q(taker_order=order_id) | Q(maker_order=order_id), number__gte=wanted.from_id or 0)
    return list(matches.order_by("number")[: wanted.limit])


def list_of(*, account: int, list_id: int, client_list_id: str) -> OrderList | None:
    """Return an order list of the account by its id (0: not given), its client id ("": not given), or both.

    A client id may be used again when its list is done: the newest list of that id is meant.
    """
    lists = OrderList.objects.filter(account_id=account)
    if list_id:
        lists = lists.filter(id=list_id)
    if client_list_id:
        lists = lists.filter(client_list_id=client_list_id)
    return lists.order_by("-id").first()


def open_lists_of(*, account: int) -> list[OrderList]:
    """Return the account's open order lists, oldest first."""
    return list(OrderList.objects.filter(account_id=account, status=ListStatus.EXECUTING).order_by("id"))


def lists_of(*, account: int, wanted: Range) -> list[OrderList]:
    """Return order lists of the account, open and done."""
    return _page(OrderList.objects.filter(account_id=account), wanted, number="id", time="created_ms")


def names_in(groups: Sequence[OrderList]) -> dict[int, str]:
    """Return the client order ids of the orders of some lists."""
    ids = [order for group in groups for order in (group.above, group.below)]
    return dict(Order.objects.filter(id__in=ids).values_list("id", "client_order_id")) if ids else {}


def list_ids_of(orders: Collection[int]) -> dict[int, int]:
    """Return the list ids of those of some orders that are in a list."""
    conditions = OrderCondition.objects.filter(order_id__in=orders, list_id__gt=0)
    return dict(conditions.values_list("order_id", "list_id")) if orders else {}


def fee_rates_of(*, account: int, market: MarketSpec | None) -> tuple[int, int]:
    """Return (maker, taker) rates in ppm of an account in a market: its own, else the market's."""
    terms = Terms.objects.filter(account_id=account).first() or Terms()
    maker, taker = (market.maker_fee_ppm, market.taker_fee_ppm) if market is not None else (0, 0)
    return (
        terms.maker_fee_ppm if terms.maker_fee_ppm >= 0 else maker,
        terms.taker_fee_ppm if terms.taker_fee_ppm >= 0 else taker,
    )


def trades_of(*, account: int, market: int, order_id: int | None, wanted: Range) -> list[Trade]:
    """Return trades in which the account bought or sold; of an order of its own, if one is given."""
    start_ms, end_ms, order = wanted.start_ms, wanted.end_ms, None
    if order_id is not None:
        order = Order.objects.filter(id=order_id, account_id=account, market_id=market).first()
        if order is None:
            return []
        # No index knows the order. Its trades are among those that the account made in the order's life.
        start_ms = max(start_ms or 0, order.created_ms)
        end_ms = order.updated_ms if end_ms is None else min(end_ms, order.updated_ms)
    found: dict[int, Trade] = {}
    # A query per side, because each has an index that gives its trades in order. Of both sides joined by OR the
    # database would read all that the account ever traded, or look for them among all trades of the market.
    for side, choice in (("buyer", Side.BUY), ("seller", Side.SELL)):
        if order is None or order.side == choice:
            rows = Trade.objects.filter(market_id=market, **{f"{side}_id": account})
            rows = _between(rows, start_ms, end_ms, number="number", time="time_ms")
            if order is not None:
                rows = rows.filter(**{f"{side}_order": order.pk})
            found |= {trade.number: trade for trade in _some(rows, wanted, number="number")}
    trades = [found[number] for number in sorted(found)]
    return trades[: wanted.limit] if wanted.is_oldest_first else trades[-wanted.limit :]


def trades_in(*, market: int, wanted: Range) -> list[Trade]:
    """Return trades of a market."""
    return _page(Trade.objects.filter(market_id=market), wanted, number="number", time="time_ms")


def balances_of(account: int) -> list[Balance]:
    """Return what an account has."""
    return list(Balance.objects.filter(owner=account))


@dataclass(frozen=True, slots=True)
class ChainStanding:
    """How far a chain was looked at, and how long ago its node last answered, in seconds."""

    chain: str
    height: int
    tip_height: int
    silent_s: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Where engine and chains stand."""

    epoch: int
    batch: int
    sequence: int
    last_order: int
    lease_until_ms: int
    lease_rest_s: float
    chains: list[ChainStanding]


def standing() -> Standing:
    """Return where engine and chains stand."""
    state = EngineState.objects.order_by("shard").first() or EngineState()
    now = timezone.now()
    return Standing(
        epoch=state.epoch,
        batch=state.batch,
        sequence=state.sequence,
        last_order=state.last_order,
        lease_until_ms=state.lease_until_ms,
        lease_rest_s=(state.lease_until_ms - now_ms()) / 1000,
        chains=[
            ChainStanding(row.chain, row.height, row.tip_height, (now - row.seen_at).total_seconds())
            for row in ChainCursor.objects.order_by("chain")
        ],
    )


Level = tuple[int, Side, int, int]  # market, side, price, quantity


def book_levels() -> tuple[int, dict[int, int], list[Level]]:
    """Return (batch number, last update number by market, visible price levels), all as of one commit."""
    rest: Combinable = F("quantity") - F("executed") - F("prevented")
    iceberg = F("condition__iceberg_quantity")
    shown = Case(
        When(condition__iceberg_quantity__gt=0, then=Least(iceberg - F("executed") % iceberg, rest)), default=rest
    )
    in_book = Q(condition__isnull=True) | Q(condition__state=OrderState.WORKING)
    with read_snapshot():
        batch = EngineState.objects.values_list("batch", flat=True).first() or 0
        updates = dict(Market.objects.filter(state__isnull=False).values_list("id", "state__last_update"))
        rows = (
            Order.objects.filter(in_book, status__lte=OrderStatus.PARTIALLY_FILLED)
            .values("market_id", "side", "price")
            .annotate(shown=Sum(shown))
        )
        levels = [(row["market_id"], Side(row["side"]), row["price"], int(row["shown"])) for row in rows]
    return batch, updates, levels


def _page(rows: QuerySet[Row], wanted: Range, *, number: str, time: str) -> list[Row]:
    return _some(_between(rows, wanted.start_ms, wanted.end_ms, number=number, time=time), wanted, number=number)


def _some(rows: QuerySet[Row], wanted: Range, *, number: str) -> list[Row]:
    """Return the rows from the wanted id on, if there is one, and not more than are wanted."""
    if wanted.from_id is not None:
        rows = rows.filter(**{f"{number}__gte": wanted.from_id})
    if wanted.is_oldest_first:
        return list(rows.order_by(number)[: wanted.limit])
    newest = rows.order_by(f"-{number}")[: wanted.limit]
    return list(newest)[::-1]


def _between(rows: QuerySet[Row], start_ms: int | None, end_ms: int | None, *, number: str, time: str) -> QuerySet[Row]:
    """Return the rows between two times, of which either may be missing.

    The times are looked up as numbers, with which they rise: the indexes are by number, and by time the database would
    read all rows from one end of the history to the time asked for.
    """
    bounded = rows
    if start_ms is not None:
        bounded = bounded.filter(**{f"{number}__gte": _first_at(rows, start_ms, number=number, time=time)})
    if end_ms is not None:
        bounded = bounded.filter(**{f"{number}__lt": _first_at(rows, end_ms + 1, number=number, time=time)})
    return bounded


def _first_at(rows: QuerySet[Row], time_ms: int, *, number: str, time: str) -> int:
    """Return the number of the first row of this time or later; else one more than the last row's, or 0."""
    last = rows.order_by(f"-{number}").values_list(number, flat=True).first()
    low, high = 0, 0 if last is None else last + 1
    while low < high:
        middle = (low + high) // 2
        found = rows.filter(**{f"{number}__gte": middle}).order_by(number).values_list(number, time)[0]
        if found[1] < time_ms:
            low = found[0] + 1
        else:
            high = middle
    return low
