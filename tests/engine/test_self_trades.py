"""Self-trade prevention: what each mode does to taker and maker, whose mode counts, and what is counted as lost."""

import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    LOT,
    SELL,
    STOP_LOSS,
    after,
    amend,
    book,
    exchange,
    funds_of,
    levels,
    market_order,
    order,
    set_terms,
    stop,
    told,
    traded_at,
)
from trading.engine.enums import StpMode
from trading.engine.events import Accepted, Prevented, Traded

NONE, TAKER, MAKER = StpMode.NONE, StpMode.EXPIRE_TAKER, StpMode.EXPIRE_MAKER
BOTH, DECREMENT = StpMode.EXPIRE_BOTH, StpMode.DECREMENT
GONE = "EXPIRED_IN_MATCH"


@pytest.mark.parametrize(
    ("mode", "wanted", "expected", "bids", "offers"),
    [
        # Offered: Bob's 2 at 10, Ann's own 5 at 11, Bob's 4 at 12. Ann buys at up to 12.
        (NONE, 9, [("trade", 4, 1, 2, 10), ("trade", 4, 2, 5, 11), ("trade", 4, 3, 2, 12)], [], [(12, 2)]),
        (
            TAKER,
            9,
            [("trade", 4, 1, 2, 10), ("prevented", 4, 2, 7, 0), ("closed", 4, GONE, 2)],
            [],
            [(11, 5), (12, 4)],
        ),
        (
            MAKER,
            9,
            [("trade", 4, 1, 2, 10), ("prevented", 4, 2, 0, 5), ("closed", 2, GONE, 0), ("trade", 4, 3, 4, 12)],
            [(12, 3)],
            [],
        ),
        (
            BOTH,
            9,
            [("trade", 4, 1, 2, 10), ("prevented", 4, 2, 7, 5), ("closed", 2, GONE, 0), ("closed", 4, GONE, 2)],
            [],
            [(12, 4)],
        ),
        (
            DECREMENT,  # 7 are open and 5 are lost
            9,
            [("trade", 4, 1, 2, 10), ("prevented", 4, 2, 5, 5), ("closed", 2, GONE, 0), ("trade", 4, 3, 2, 12)],
            [],
            [(12, 2)],
        ),
        (
            DECREMENT,  # 3 are open and lost: the maker keeps 2
            5,
            [("trade", 4, 1, 2, 10), ("prevented", 4, 2, 3, 3), ("closed", 4, GONE, 2)],
            [],
            [(11, 2), (12, 4)],
        ),
        (
            DECREMENT,  # both have 5
            7,
            [("trade", 4, 1, 2, 10), ("prevented", 4, 2, 5, 5), ("closed", 2, GONE, 0), ("closed", 4, GONE, 2)],
            [],
            [(12, 4)],
        ),
        # Who needs no own order meets none.
        *[(mode, 2, [("trade", 4, 1, 2, 10)], [], [(11, 5), (12, 4)]) for mode in (TAKER, MAKER, BOTH, DECREMENT)],
    ],
)
def test_what_each_mode_does(
    mode: StpMode, wanted: int, expected: list[object], bids: list[object], offers: list[object]
) -> None:
    session = exchange()
    after(session, order(BOB, SELL, 2, 10), order(ANN, SELL, 5, 11), order(BOB, SELL, 4, 12))

    events = session.step(order(ANN, BUY, wanted, 12, stp=mode))

    assert told(events) == [("accepted", 4), *expected]
    assert (book(session, BUY), book(session, SELL)) == (bids, offers)


@pytest.mark.parametrize("maker_mode", list(StpMode))
def test_the_mode_of_the_maker_does_not_count(maker_mode: StpMode) -> None:
    session = after(exchange(), order(ANN, SELL, 5, 11, stp=maker_mode))

    events = session.step(order(ANN, BUY, 5, 11, stp=TAKER))

    assert told(events) == [("accepted", 2), ("prevented", 2, 1, 5, 0), ("closed", 2, GONE, 0)]


def test_orders_of_other_accounts_trade_whatever_the_mode() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 11, stp=BOTH))

    assert told(session.step(order(BOB, BUY, 5, 11, stp=BOTH))) == [("accepted", 2), ("trade", 2, 1, 5, 11)]


@pytest.mark.parametrize(
    ("default", "own", "in_force"),
    [
        (None, StpMode.DEFAULT, NONE),
        (TAKER, StpMode.DEFAULT, TAKER),
        (TAKER, NONE, NONE),
        (TAKER, DECREMENT, DECREMENT),
        (None, MAKER, MAKER),
        (StpMode.DEFAULT, StpMode.DEFAULT, NONE),
    ],
)
def test_an_order_without_a_mode_has_that_of_its_account(
    default: StpMode | None, own: StpMode, in_force: StpMode
) -> None:
    session = exchange()
    if default is not None:
        after(session, set_terms(ANN, stp=default))

    card = session.step(order(ANN, SELL, 1, 10, stp=own))[0]

    assert isinstance(card, Accepted)
    assert (card.stp, card.order.stp) == (in_force, own)


def test_an_open_order_keeps_the_mode_that_it_was_accepted_with() -> None:
    session = traded_at(exchange(), 10)
    after(session, set_terms(ANN, stp=TAKER), stop(ANN, BUY, STOP_LOSS, 2, 11))  # 3
    after(session, set_terms(ANN, stp=NONE, reference="t2"), order(ANN, SELL, 5, 12), order(BOB, SELL, 1, 11))

    events = session.step(order(CARL, BUY, 1, 11))

    assert told(events)[2:] == [("triggered", 3), ("prevented", 3, 4, 2, 0), ("closed", 3, GONE, 0)]


def test_what_was_lost_is_counted_in_the_event() -> None:
    session = exchange()
    after(session, order(ANN, SELL, 9, 10), order(BOB, BUY, 2, 10))  # 1 has 7 left
    after(session, order(ANN, BUY, 3, 10, "first", stp=DECREMENT))  # 3

    event = session.step(order(ANN, BUY, 1, 10, "second", stp=DECREMENT))[1]

    assert isinstance(event, Prevented)
    assert (event.id, event.price, event.taker.id, event.maker.id) == (2, 100_000_000, 4, 1)
    assert (event.taker_quantity, event.maker_quantity) == (10, 10)
    assert (event.taker_prevented, event.maker_prevented) == (10, 40)
    assert (event.taker_executed, event.taker_executed_quote) == (0, 0)
    assert (event.maker_executed, event.maker_executed_quote) == (20, 20)
    assert book(session, SELL) == [(10, 3)]
    assert funds_of(session, ANN) == (9_980, 30, 10_020, 0)


def test_prevented_matches_are_numbered_in_each_market() -> None:
    session = exchange()
    numbers = []
    for name in ("a", "b"):
        after(session, order(ANN, SELL, 1, 10, f"{name}1"))
        numbers += [
            event.id
            for event in session.step(order(ANN, BUY, 1, 10, f"{name}2", stp=BOTH))
            if isinstance(event, Prevented)
        ]

    assert numbers == [1, 2]
    assert session.core.book(1).last_prevented == 2
    assert session.core.book(1).last_trade == 0


def test_a_maker_that_lost_some_is_done_when_the_rest_is_traded() -> None:
    session = exchange()
    after(session, order(ANN, SELL, 5, 10), order(ANN, BUY, 2, 10, stp=DECREMENT))

    trade = session.step(order(BOB, BUY, 3, 10))[1]

    assert isinstance(trade, Traded)
    assert (trade.maker_executed, trade.is_maker_done, trade.is_done) == (30, True, True)
    assert book(session, SELL) == []


def test_a_taker_that_lost_some_is_done_when_the_rest_is_traded() -> None:
    session = after(exchange(), order(ANN, SELL, 2, 10), order(BOB, SELL, 5, 10))

    events = session.step(order(ANN, BUY, 5, 10, stp=DECREMENT))

    trade = events[-1]
    assert told(events)[1:] == [("prevented", 3, 1, 2, 2), ("closed", 1, GONE, 0), ("trade", 3, 2, 3, 10)]
    assert isinstance(trade, Traded)
    assert (trade.is_done, trade.taker_executed) == (True, 30)


def test_a_taker_that_lost_some_rests_with_what_is_open() -> None:
    session = after(exchange(), order(ANN, SELL, 2, 10))

    after(session, order(ANN, BUY, 5, 10, stp=DECREMENT))

    assert book(session, BUY) == [(10, 3)]
    assert funds_of(session, ANN) == (10_000, 0, 10_000, 30)
    assert told(session.step(amend(ANN, 2, 3))) == [("amended", 2, 3)]
    assert book(session, BUY) == [(10, 1)]


def test_an_iceberg_loses_what_it_hides() -> None:
    session = after(exchange(), order(ANN, SELL, 9, 10, iceberg_quantity=2 * LOT))

    assert told(session.step(order(ANN, BUY, 1, 10, stp=MAKER)))[1:] == [
        ("prevented", 2, 1, 0, 9),
        ("closed", 1, GONE, 0),
    ]
    assert funds_of(session, ANN)[:2] == (10_000, 0)


def test_a_level_that_only_lost_quantity_is_told() -> None:
    session = after(exchange(), order(ANN, SELL, 9, 10))
    session.close_batch()

    after(session, order(ANN, BUY, 4, 10, stp=DECREMENT))

    assert levels(session.close_batch()) == [(2, "SELL", 10, 5)]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (TAKER, [("trade", 4, 1, 2, 10), ("prevented", 4, 2, 7, 0), ("closed", 4, GONE, 2)]),
        (
            MAKER,
            [
                ("trade", 4, 1, 2, 10),
                ("prevented", 4, 2, 0, 5),
                ("closed", 2, GONE, 0),
                ("trade", 4, 3, 4, 12),
                ("closed", 4, "EXPIRED", 6),
            ],
        ),
        (
            BOTH,
            [("trade", 4, 1, 2, 10), ("prevented", 4, 2, 7, 5), ("closed", 2, GONE, 0), ("closed", 4, GONE, 2)],
        ),
        (
            DECREMENT,
            [
                ("trade", 4, 1, 2, 10),
                ("prevented", 4, 2, 5, 5),
                ("closed", 2, GONE, 0),
                ("trade", 4, 3, 2, 12),
            ],
        ),
    ],
)
def test_market_orders_are_prevented_too(mode: StpMode, expected: list[object]) -> None:
    session = exchange()
    after(session, order(BOB, SELL, 2, 10), order(ANN, SELL, 5, 11), order(BOB, SELL, 4, 12))

    assert told(session.step(market_order(ANN, BUY, lots=9, stp=mode))) == [("accepted", 4), *expected]
