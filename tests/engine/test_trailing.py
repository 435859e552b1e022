"""Trailing stop orders: when they start to follow, what they follow, and at which price they are triggered.

The scenarios are those of the Binance trailing stop FAQ, in numbers of our own: prices of 80 to 150 ticks, a distance
of 1,000 basis points, so that a tenth is easily seen.
"""

import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    SELL,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    TICK,
    after,
    book,
    exchange,
    market,
    order,
    reject_of,
    stop,
    told,
    traded_at,
    trades,
)
from trading.engine.enums import OrderState, OrderType, Side
from trading.engine.events import TrailStarted, Triggered

WAITING, TRAILING, WORKING = OrderState.WAITING, OrderState.TRAILING, OrderState.WORKING


@pytest.mark.parametrize(
    ("type", "side", "at", "steps"),
    [
        # (price of a trade, what the order does after it); the market stood at 100 when the order came.
        # A seller without a stop price follows the highest price from the last one on.
        (STOP_LOSS_LIMIT, SELL, 0, [(95, TRAILING), (91, TRAILING), (90, WORKING)]),
        (STOP_LOSS_LIMIT, SELL, 0, [(120, TRAILING), (109, TRAILING), (108, WORKING)]),
        (STOP_LOSS_LIMIT, SELL, 0, [(110, TRAILING), (100, TRAILING), (120, TRAILING), (108, WORKING)]),
        (STOP_LOSS_LIMIT, SELL, 0, [(80, WORKING)]),
        (TAKE_PROFIT_LIMIT, SELL, 0, [(120, TRAILING), (109, TRAILING), (108, WORKING)]),
        # A stop loss to sell starts when the price has fallen to its stop price.
        (STOP_LOSS_LIMIT, SELL, 95, [(150, WAITING), (96, WAITING), (95, TRAILING), (86, TRAILING), (85, WORKING)]),
        (STOP_LOSS_LIMIT, SELL, 95, [(94, TRAILING), (110, TRAILING), (100, TRAILING), (99, WORKING)]),
        (STOP_LOSS_LIMIT, SELL, 95, [(80, TRAILING), (73, TRAILING), (72, WORKING)]),
        # A take profit to sell starts when the price has risen to its stop price.
        (
            TAKE_PROFIT_LIMIT,
            SELL,
            110,
            [(80, WAITING), (109, WAITING), (110, TRAILING), (100, TRAILING), (99, WORKING)],
        ),
        (TAKE_PROFIT_LIMIT, SELL, 110, [(120, TRAILING), (130, TRAILING), (118, TRAILING), (117, WORKING)]),
        # A buyer follows the lowest price.
        (STOP_LOSS_LIMIT, BUY, 0, [(109, TRAILING), (110, WORKING)]),
        (STOP_LOSS_LIMIT, BUY, 0, [(80, TRAILING), (87, TRAILING), (88, WORKING)]),
        (TAKE_PROFIT_LIMIT, BUY, 0, [(90, TRAILING), (98, TRAILING), (99, WORKING)]),
        # A stop loss to buy starts when the price has risen to its stop price.
        (STOP_LOSS_LIMIT, BUY, 110, [(80, WAITING), (109, WAITING), (110, TRAILING), (120, TRAILING), (121, WORKING)]),
        (STOP_LOSS_LIMIT, BUY, 110, [(111, TRAILING), (100, TRAILING), (109, TRAILING), (110, WORKING)]),
        # A take profit to buy starts when the price has fallen to its stop price.
        (TAKE_PROFIT_LIMIT, BUY, 90, [(130, WAITING), (91, WAITING), (90, TRAILING), (98, TRAILING), (99, WORKING)]),
        (TAKE_PROFIT_LIMIT, BUY, 90, [(90, TRAILING), (80, TRAILING), (87, TRAILING), (88, WORKING)]),
    ],
)
def test_an_order_starts_follows_and_is_triggered(
    type: OrderType, side: Side, at: int, steps: list[tuple[int, OrderState]]
) -> None:
    session = traded_at(exchange(), 100)
    far_off = 200 if side is SELL else 1
    after(session, stop(ANN, side, type, 1, at, far_off, trailing_delta=1_000))

    for ticks, state in steps:
        traded_at(session, ticks)
        assert session.core.open_orders()[0].state is state, ticks


@pytest.mark.parametrize(
    ("delta", "highest", "misses", "meets"),
    [
        (10, 2_000, 1_999, 1_998),
        (15, 1_000, 999, 998),  # 998.5: neither rounded up
        (333, 100, 97, 96),  # 96.67
        (2_000, 100, 81, 80),
    ],
)
def test_the_trigger_price_is_not_rounded(delta: int, highest: int, misses: int, meets: int) -> None:
    session = exchange(market(price_max=20_000 * TICK), funds=100_000_000)
    traded_at(session, highest)
    after(session, stop(ANN, SELL, STOP_LOSS_LIMIT, 1, 0, 20_000, trailing_delta=delta))

    traded_at(session, misses)
    assert session.core.open_orders()[0].state is TRAILING
    traded_at(session, meets)
    assert session.core.open_orders()[0].state is WORKING


def test_an_order_without_a_stop_price_follows_from_the_last_trade() -> None:
    session = traded_at(exchange(), 90, 100)  # trades 1 and 2

    events = session.step(stop(ANN, SELL, STOP_LOSS, 1, trailing_delta=1_000))

    assert told(events) == [("accepted", 5), ("following", 5, 2)]
    started = events[1]
    assert isinstance(started, TrailStarted)
    assert (started.order.trail_ms, started.order.working_ms) == (session.now_ms, 0)


def test_in_a_market_without_a_trade_the_first_one_is_followed() -> None:
    session = exchange()
    assert told(session.step(stop(ANN, SELL, STOP_LOSS_LIMIT, 1, 0, 200, trailing_delta=1_000))) == [
        ("accepted", 1),
        ("following", 1, 1),
    ]

    traded_at(session, 50)
    assert session.core.open_orders()[0].state is TRAILING
    traded_at(session, 46, 45)
    assert session.core.open_orders()[0].state is WORKING


def test_starting_is_told_with_the_first_trade_at_the_price_that_it_starts_at() -> None:
    session = traded_at(exchange(), 100)  # trade 1
    after(
        session,
        stop(ANN, BUY, STOP_LOSS_LIMIT, 1, 104, 1, trailing_delta=1_000),  # 3
        order(BOB, SELL, 1, 103, "a"),
        order(BOB, SELL, 1, 104, "b"),
        order(BOB, SELL, 1, 104, "c"),
        order(BOB, SELL, 1, 105, "d"),
    )

    events = session.step(order(CARL, BUY, 4, 110))  # trades 2 to 5

    assert told(events)[5:] == [("following", 3, 3)]


def test_the_price_that_an_order_starts_at_does_not_trigger_it_but_the_next_one_may() -> None:
    session = traded_at(exchange(), 100)
    after(
        session,
        stop(ANN, SELL, TAKE_PROFIT, 1, 110, trailing_delta=1_000),  # 3
        order(BOB, BUY, 1, 120),
        order(BOB, BUY, 9, 108),
    )

    events = session.step(order(CARL, SELL, 2, 100))  # 120, then 108 = 120 - a tenth

    assert told(events)[1:] == [
        ("trade", 6, 4, 1, 120),
        ("trade", 6, 5, 1, 108),
        ("following", 3, 2),
        ("triggered", 3),
        ("trade", 3, 5, 1, 108),
    ]
    triggered = events[4]
    assert isinstance(triggered, Triggered)
    assert triggered.order.working_ms == triggered.order.trail_ms == session.now_ms


def test_what_one_price_starts_and_triggers_happens_oldest_first() -> None:
    session = traded_at(exchange(), 100)
    after(
        session,
        stop(ANN, BUY, STOP_LOSS_LIMIT, 1, 110, 1, "a", trailing_delta=1_000),  # 3 starts
        stop(ANN, BUY, STOP_LOSS_LIMIT, 1, 110, 1, "b"),  # 4 is triggered
        stop(ANN, BUY, STOP_LOSS_LIMIT, 1, 0, 1, "c", trailing_delta=1_000),  # 5 is triggered: 100 + a tenth
        stop(ANN, SELL, TAKE_PROFIT_LIMIT, 1, 110, 200, "d", trailing_delta=1_000),  # 6 starts
    )
    traded_at(session, 109)
    after(session, order(BOB, SELL, 1, 110))

    events = session.step(order(CARL, BUY, 1, 110))

    assert told(events)[2:] == [("following", 3, 3), ("following", 6, 3), ("triggered", 4), ("triggered", 5)]


def test_an_order_with_a_trailing_delta_may_meet_its_condition_already_and_starts_with_the_next_trade() -> None:
    session = traded_at(exchange(), 100)
    assert reject_of(session.step(stop(ANN, SELL, STOP_LOSS_LIMIT, 1, 105, 200))) == "WOULD_TRIGGER"

    after(session, stop(ANN, SELL, STOP_LOSS_LIMIT, 1, 105, 200, trailing_delta=1_000))
    assert session.core.open_orders()[0].state is WAITING
    traded_at(session, 98)

    assert session.core.open_orders()[0].state is TRAILING


def test_a_trailing_limit_order_keeps_the_price_that_it_was_given() -> None:
    session = traded_at(exchange(), 100)
    after(session, stop(ANN, SELL, STOP_LOSS_LIMIT, 3, 0, 95, trailing_delta=1_000))

    traded_at(session, 120, 108)

    assert book(session, SELL) == [(95, 3)]
    assert trades(session.step(order(BOB, BUY, 1, 95)))[0][1:] == (3, 1, 95)


@pytest.mark.parametrize(
    ("delta", "expected"),
    [(9, "TRAILING_DELTA"), (10, ""), (2_000, ""), (2_001, "TRAILING_DELTA"), (-1, "INVALID")],
)
def test_the_bounds_of_the_delta(delta: int, expected: str) -> None:
    session = traded_at(exchange(), 100)

    assert reject_of(session.step(stop(ANN, SELL, STOP_LOSS, 1, 90, trailing_delta=delta))) == expected
