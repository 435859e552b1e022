"""The invariants find what is broken: each contradiction that somebody could bring about is named."""

from collections.abc import Callable

import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    CASH,
    COIN,
    LIMIT_MAKER,
    LOT,
    SELL,
    STOP_LOSS,
    TICK,
    after,
    exchange,
    oco,
    order,
    stop,
    traded_at,
)
from trading.engine import invariants
from trading.engine.core import Core
from trading.engine.enums import OrderState, StpMode
from trading.engine.events import Accepted
from trading.engine.invariants import InvariantBroken
from trading.engine.levels import Ladder
from trading.engine.orders import OrderList


def broken_core() -> Core:
    """Return a sound core with a resting order (3), an iceberg (4), a waiting (5), a trailing (6) and a list (7, 8)."""
    session = traded_at(exchange(funds=1_000), 10)
    after(
        session,
        order(ANN, SELL, 5, 20),
        order(ANN, SELL, 5, 20, "iceberg", iceberg_quantity=2 * LOT),
        stop(BOB, SELL, STOP_LOSS, 5, 5),
        stop(BOB, SELL, STOP_LOSS, 5, name="trails", trailing_delta=2_000),
        oco(order(CARL, SELL, 5, 30, "above", type=LIMIT_MAKER), stop(CARL, SELL, STOP_LOSS, 5, 6, name="below")),
    )
    invariants.check(session.core)
    return session.core


def order_in(core: Core, id: int) -> object:
    return {row.id: row for row in core.open_orders()}[id]


def level_in(core: Core) -> object:
    return core.book(1).asks.levels[-20 * TICK]


def priced(ticks: int) -> Accepted:
    """Return a card of the third order with another price."""
    return Accepted(3, 1, order(ANN, SELL, 5, ticks), StpMode.NONE)


def restore(core: Core, **changes: object) -> None:
    """Put an order back that does not belong there."""
    placed = order(CARL, BUY, 1, 20, "x")
    fields = {"executed": 0, "executed_quote": 0, "prevented": 0} | changes
    core.restore_order(Accepted(9, 1, placed, StpMode.NONE), **fields)


BREAKS: list[tuple[Callable[[Core], object], str]] = [
    (lambda core: core.restore_balance(ANN, COIN, 1_060), "asset 2 sums to 60"),
    (lambda core: core.restore_balance(-1, CASH, 1), "asset 1 sums to"),
    (lambda core: setattr(core.purses()[-1], "held", 5), "held 5, but orders and holds need 50"),
    (lambda core: core.restore_hold("w", BOB, COIN, 901), "held 1001 of 1000"),
    (lambda core: core.restore_hold("w", -2, COIN, 1), "a system owner holds 1"),
    (lambda core: setattr(order_in(core, 3), "rest", 49), "held 100, but orders and holds need 99"),
    (lambda core: setattr(order_in(core, 7).special, "group", None), "held 50, but orders and holds need 100"),
    (lambda core: setattr(core.book(1).bids, "best", 7), "7 as the best of"),
    (lambda core: setattr(core.open_lists()[0], "held", 49), "list 1 holds 49, but needs 50"),
    (lambda core: setattr(level_in(core), "quantity", 7), "quantity 7, but its orders show 70"),
    (lambda core: setattr(level_in(core), "hidden", 7), "hides 7, but its orders hide 30"),
    (lambda core: setattr(level_in(core), "tail", None), "its tail is not its last order"),
    (lambda core: setattr(level_in(core), "price", 7), "level 7 under"),
    (lambda core: setattr(order_in(core, 4), "previous", None), "order 4 is linked wrongly"),
    (lambda core: setattr(order_in(core, 3), "card", priced(7)), "order 3 does not belong here"),
    (lambda core: setattr(order_in(core, 4).special, "state", OrderState.WAITING), "order 4 waits for a price"),
    (lambda core: core.book(1).asks.keys.clear(), "keys"),
    (lambda core: core.book(1).asks.keys.reverse(), "keys"),
    (lambda core: restore(core), "crossed"),
    (lambda core: core.book(1).triggers.falling.keys.clear(), "stop prices are out of order"),
    (lambda core: setattr(core.book(1).triggers, "count", 9), "9 wait, but 3 are there"),
    (lambda core: setattr(order_in(core, 5).special, "state", OrderState.TRAILING), "order 5 waits in the wrong place"),
    (lambda core: setattr(order_in(core, 6).special, "bucket", None), "order 6 trails in the wrong place"),
    (lambda core: setattr(core.book(1), "last_price", 5 * TICK), "order 5 was not triggered"),
    (lambda core: setattr(order_in(core, 5).trader, "waiting", 7), "counts 7 waiting, has 2"),
    (
        lambda core: setattr(core.book(1), "asks", Ladder(-1, core.book(1).asks.tariff)),
        "differ from those in the books",
    ),
    (
        lambda core: core.restore_counters(sequence=9, last_order=6, last_list=1, time_ms=0),
        "order 7 is newer than the counter 6",
    ),
    (
        lambda core: core.restore_counters(sequence=9, last_order=8, last_list=0, time_ms=0),
        "list 1 is newer than the counter 0",
    ),
    (lambda core: setattr(order_in(core, 8).special, "group", OrderList(9, "x", 1)), "order 8"),
]


@pytest.mark.parametrize("row", range(len(BREAKS)))
def test_the_invariants_find_what_is_broken(row: int) -> None:
    break_it, message = BREAKS[row]
    core = broken_core()

    break_it(core)

    with pytest.raises(InvariantBroken, match=message):
        invariants.check(core)
