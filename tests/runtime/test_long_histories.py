"""What is read of a history does not grow with it, and is what was asked for."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection

from accounts.models import User
from trading import selectors
from trading.engine.enums import OrderStatus, OrderType, Side, TimeInForce
from trading.models import Market, Order, Trade
from trading.selectors import Range

SHORT, LONG = 100, 2_000
ROWS = 10
TIME_MS = 1_790_000_000_000
PAIR = (1, 2)
"""Two accounts: of the odd orders the first buys from the second, of the even ones the other way round."""


def _time(order: int) -> int:
    """Return when an order came: three of them in each millisecond."""
    return TIME_MS + order // 3


def _fill(market: Market, first: int, last: int) -> None:
    """Write orders with every second id, each with a trade; every tenth trade is of the first account with itself."""
    numbers = range(first, last + 1)
    Order.objects.bulk_create(
        Order(
            id=2 * number, account_id=PAIR[number % 2 - 1], market=market, client_order_id=f"order-{number}",
            side=Side.BUY if number % 3 else Side.SELL, type=OrderType.LIMIT, time_in_force=TimeInForce.GTC,
            status=OrderStatus.FILLED, price=1, quantity=1, quote_quantity=0, executed=1, executed_quote=1,
            created_ms=_time(number), updated_ms=_time(number),
        )
        for number in numbers
    )  # fmt: skip
    Trade.objects.bulk_create(_trade(market, number) for number in numbers)


def _trade(market: Market, number: int) -> Trade:
    taker = PAIR[number % 2 - 1]
    maker = taker if number % 10 == 1 else 3 - taker
    buys = number % 3 != 0
    return Trade(
        market=market, number=number, price=1, quantity=1, quote=1, buyer_is_maker=not buys,
        buyer_id=taker if buys else maker, seller_id=maker if buys else taker,
        buyer_order=2 * number if buys else 1, seller_order=1 if buys else 2 * number,
        buyer_fee=0, seller_fee=0, time_ms=_time(number),
    )  # fmt: skip


@pytest.fixture
def market(db: None) -> Market:
    """Return a market with two who trade there."""
    User.objects.bulk_create(User(pk=pk, email=f"trader{pk}@example.org") for pk in PAIR)
    return Market.objects.get(symbol="ETHBTC")


def _ranges(last: int) -> dict[str, Range]:
    middle = last // 2
    return {
        "newest": Range(limit=ROWS),
        "from an id on": Range(limit=ROWS, from_id=middle),
        "from a time on": Range(limit=ROWS, start_ms=_time(middle)),
        "up to a time": Range(limit=ROWS, end_ms=_time(middle)),
        "between two times": Range(limit=ROWS, start_ms=_time(middle), end_ms=_time(middle + 9)),
        "from an id and a time on": Range(limit=ROWS, from_id=middle, start_ms=_time(middle + 5)),
        "before all": Range(limit=ROWS, end_ms=TIME_MS - 1),
        "after all": Range(limit=ROWS, start_ms=_time(last) + 1),
    }


def _reads(market: Market, last: int) -> dict[str, Callable[[], list[Order] | list[Trade]]]:
    """Return every read of a history by name."""
    reads: dict[str, Callable[[], list[Order] | list[Trade]]] = {}
    for name, wanted in _ranges(last).items():
        reads[f"orders, {name}"] = partial(selectors.orders_of, account=1, market=market.pk, wanted=wanted)
        trades = partial(selectors.trades_of, account=1, market=market.pk, wanted=wanted)
        reads[f"trades, {name}"] = partial(trades, order_id=None)
        # The orders of account 1 have odd halves.
        reads[f"trades of an order, {name}"] = partial(trades, order_id=2 * (last // 2 + 1 - last // 2 % 2))
    return reads


@pytest.mark.parametrize("name", _ranges(SHORT))
def test_a_range_of_a_history_is_what_was_asked_for(name: str, market: Market) -> None:
    _fill(market, 1, SHORT)
    wanted = _ranges(SHORT)[name]

    def expected(rows: list[tuple[int, int]]) -> list[int]:
        inside = [
            number
            for number, time_ms in rows
            if (wanted.from_id is None or number >= wanted.from_id)
            and (wanted.start_ms is None or time_ms >= wanted.start_ms)
            and (wanted.end_ms is None or time_ms <= wanted.end_ms)
        ]
        is_from = wanted.from_id is not None or wanted.start_ms is not None
        return inside[:ROWS] if is_from else inside[-ROWS:]

    orders = Order.objects.filter(account_id=1).order_by("id")
    found = selectors.orders_of(account=1, market=market.pk, wanted=wanted)
    assert [order.pk for order in found] == expected([(order.pk, order.created_ms) for order in orders])
    trades = [
        trade
        for trade in Trade.objects.filter(market=market).order_by("number")
        if 1 in (trade.buyer_id, trade.seller_id)
    ]
    found_trades = selectors.trades_of(account=1, market=market.pk, order_id=None, wanted=wanted)
    assert [trade.number for trade in found_trades] == expected([(trade.number, trade.time_ms) for trade in trades])
    for trade in trades[::5]:
        order = trade.number * 2
        is_own = order in (row.pk for row in orders)
        of_order = selectors.trades_of(account=1, market=market.pk, order_id=order, wanted=wanted)
        assert [row.number for row in of_order] == (expected([(trade.number, trade.time_ms)]) if is_own else [])


def test_trades_of_an_order_are_the_owners_alone(market: Market) -> None:
    _fill(market, 1, 10)

    assert selectors.trades_of(account=1, market=market.pk, order_id=4, wanted=Range(limit=5)) == []
    assert selectors.trades_of(account=1, market=market.pk, order_id=999, wanted=Range(limit=5)) == []
    assert len(selectors.trades_of(account=2, market=market.pk, order_id=4, wanted=Range(limit=5))) == 1


def test_who_never_traded_has_no_trades_at_any_time(market: Market) -> None:
    """Each side is looked up alone, so whoever has only bought has nothing among the sellers."""
    for wanted in _ranges(SHORT).values():
        assert selectors.trades_of(account=1, market=market.pk, order_id=None, wanted=wanted) == []
        assert selectors.orders_of(account=1, market=market.pk, wanted=wanted) == []


def _steps(read: Callable[[], object]) -> int:
    """Return how many steps SQLite's machine takes for a read."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.ensure_connection()
    raw = connection.connection
    raw.set_progress_handler(step, 1)
    try:
        read()
    finally:
        raw.set_progress_handler(None, 1)
    return count


def test_a_read_does_not_grow_with_the_history(market: Market) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("counts the steps of SQLite")
    _fill(market, 1, SHORT)
    few = {name: _steps(read) for name, read in _reads(market, SHORT).items()}
    _fill(market, SHORT + 1, LONG)
    many = {name: _steps(read) for name, read in _reads(market, LONG).items()}

    # A search by halves takes some steps more; what reads all would take twenty times as many.
    assert {name: (few[name], steps) for name, steps in many.items() if steps > 2 * few[name]} == {}
