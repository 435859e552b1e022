"""What becomes of the part of a limit order that finds nobody: GTC, IOC, FOK and LIMIT_MAKER."""

import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    FOK,
    GTC,
    IOC,
    LIMIT_MAKER,
    SELL,
    after,
    book,
    exchange,
    funds_of,
    order,
    reject_of,
    told,
)
from trading.engine.enums import StpMode, TimeInForce


@pytest.mark.parametrize(
    ("time_in_force", "lots", "ticks", "expected", "left"),
    [
        (GTC, 10, 10, [("accepted", 3), ("trade", 3, 1, 4, 10)], [(10, 6)]),
        (IOC, 10, 10, [("accepted", 3), ("trade", 3, 1, 4, 10), ("closed", 3, "EXPIRED", 4)], []),
        (FOK, 10, 10, [("accepted", 3), ("closed", 3, "EXPIRED", 0)], []),
        (FOK, 10, 11, [("accepted", 3), ("closed", 3, "EXPIRED", 0)], []),
        (FOK, 10, 12, [("accepted", 3), ("trade", 3, 1, 4, 10), ("trade", 3, 2, 6, 12)], []),
        (FOK, 4, 10, [("accepted", 3), ("trade", 3, 1, 4, 10)], []),
        (IOC, 4, 10, [("accepted", 3), ("trade", 3, 1, 4, 10)], []),
        (IOC, 4, 9, [("accepted", 3), ("closed", 3, "EXPIRED", 0)], []),
        (FOK, 4, 9, [("accepted", 3), ("closed", 3, "EXPIRED", 0)], []),
        (GTC, 4, 9, [("accepted", 3)], [(9, 4)]),
    ],
)
def test_the_rest_waits_or_expires(
    time_in_force: TimeInForce, lots: int, ticks: int, expected: list[object], left: list[object]
) -> None:
    session = after(exchange(), order(ANN, SELL, 4, 10), order(ANN, SELL, 6, 12))

    events = session.step(order(BOB, BUY, lots, ticks, time_in_force=time_in_force))

    assert told(events) == expected
    assert book(session, BUY) == left


def test_what_expired_holds_nothing() -> None:
    session = after(exchange(), order(ANN, SELL, 4, 10), order(BOB, BUY, 10, 10, time_in_force=IOC))

    assert funds_of(session, BOB) == (10_040, 0, 9_960, 0)
    assert session.core.open_orders() == []


def test_fok_needs_the_funds_for_all_of_it_though_it_would_expire() -> None:
    session = exchange(funds=99)

    assert reject_of(session.step(order(BOB, BUY, 10, 10, time_in_force=FOK))) == "INSUFFICIENT_FUNDS"


def test_fok_counts_what_icebergs_hide() -> None:
    session = after(exchange(), order(ANN, SELL, 10, 10, iceberg_quantity=20))

    events = session.step(order(BOB, BUY, 10, 10, time_in_force=FOK))

    assert told(events) == [("accepted", 2), *[("trade", 2, 1, 2, 10)] * 5]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        # Carl's queue at 10: Ann's iceberg shows 2 of 6, then his own 3, then Bob's 5; he wants 9.
        (StpMode.NONE, [("trade", 4, 1, 2, 10), ("trade", 4, 2, 3, 10), ("trade", 4, 3, 4, 10)]),
        (StpMode.EXPIRE_TAKER, [("closed", 4, "EXPIRED", 0)]),
        (StpMode.EXPIRE_BOTH, [("closed", 4, "EXPIRED", 0)]),
        (StpMode.DECREMENT, [("closed", 4, "EXPIRED", 0)]),
        (
            StpMode.EXPIRE_MAKER,
            [
                ("trade", 4, 1, 2, 10),
                ("prevented", 4, 2, 0, 3),
                ("closed", 2, "EXPIRED_IN_MATCH", 0),
                ("trade", 4, 3, 5, 10),
                ("trade", 4, 1, 2, 10),
            ],
        ),
    ],
)
def test_fok_looks_with_self_trade_prevention_in_mind(mode: StpMode, expected: list[object]) -> None:
    session = exchange()
    after(
        session,
        order(ANN, SELL, 6, 10, iceberg_quantity=20),  # 1
        order(CARL, SELL, 3, 10),  # 2
        order(BOB, SELL, 5, 10),  # 3
    )

    events = session.step(order(CARL, BUY, 9, 10, time_in_force=FOK, stp=mode))

    assert told(events) == [("accepted", 4), *expected]


def test_fok_that_is_filled_before_its_own_order_is_met_trades() -> None:
    session = after(exchange(), order(ANN, SELL, 6, 10), order(CARL, SELL, 3, 10))

    events = session.step(order(CARL, BUY, 6, 10, time_in_force=FOK, stp=StpMode.EXPIRE_TAKER))

    assert told(events) == [("accepted", 3), ("trade", 3, 1, 6, 10)]


def test_limit_maker_rests_or_is_refused_but_never_takes() -> None:
    session = after(exchange(), order(ANN, SELL, 4, 10))

    at_the_touch = session.step(order(BOB, BUY, 1, 10, type=LIMIT_MAKER))
    below_it = session.step(order(BOB, BUY, 1, 9, type=LIMIT_MAKER))

    assert reject_of(at_the_touch) == "WOULD_TAKE"
    assert told(below_it) == [("accepted", 2)]
    assert funds_of(session, BOB) == (10_000, 0, 10_000, 9)


@pytest.mark.parametrize("mode", list(StpMode))
def test_limit_maker_is_refused_before_its_own_order_too(mode: StpMode) -> None:
    session = after(exchange(), order(ANN, SELL, 4, 10))

    assert reject_of(session.step(order(ANN, BUY, 1, 10, type=LIMIT_MAKER, stp=mode))) == "WOULD_TAKE"
