"""Icebergs: what the book shows of them, when they lose their place, and that slices are counted from the beginning."""

import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    IOC,
    LIMIT_MAKER,
    LOT,
    SELL,
    after,
    amend,
    book,
    exchange,
    funds_of,
    levels,
    market,
    order,
    reject_of,
    told,
    trades,
)
from trading.engine.enums import StpMode


def test_the_book_shows_one_slice_and_all_of_it_is_held() -> None:
    session = after(exchange(), order(ANN, SELL, 10, 20, iceberg_quantity=3 * LOT))

    assert book(session, SELL) == [(20, 3)]
    assert funds_of(session, ANN) == (10_000, 100, 10_000, 0)
    assert levels(session.close_batch()) == [(1, "SELL", 20, 3)]


def test_the_next_slice_goes_to_the_end_of_its_queue() -> None:
    session = exchange()
    after(session, order(ANN, SELL, 7, 20, iceberg_quantity=3 * LOT), order(BOB, SELL, 2, 20))

    events = session.step(order(CARL, BUY, 9, 20))

    assert told(events) == [
        ("accepted", 3),
        ("trade", 3, 1, 3, 20),
        ("trade", 3, 2, 2, 20),
        ("trade", 3, 1, 3, 20),
        ("trade", 3, 1, 1, 20),  # the last slice is what is left
    ]
    assert book(session, SELL) == []


def test_a_slice_that_is_partly_eaten_keeps_its_place() -> None:
    session = exchange()
    after(session, order(ANN, SELL, 7, 20, iceberg_quantity=3 * LOT), order(BOB, SELL, 2, 20))
    after(session, order(CARL, BUY, 1, 20, "a"))
    assert book(session, SELL) == [(20, 4)]

    assert trades(session.step(order(CARL, BUY, 3, 20, "b"))) == [(4, 1, 2, 20), (4, 2, 1, 20)]
    assert book(session, SELL) == [(20, 4)]  # one of Bob's, and a new slice


def test_two_icebergs_at_a_price_take_turns() -> None:
    session = exchange()
    after(session, order(ANN, BUY, 6, 20, iceberg_quantity=2 * LOT), order(BOB, BUY, 6, 20, iceberg_quantity=3 * LOT))

    events = session.step(order(CARL, SELL, 11, 20))

    assert trades(events) == [(3, 1, 2, 20), (3, 2, 3, 20), (3, 1, 2, 20), (3, 2, 3, 20), (3, 1, 1, 20)]
    assert book(session, BUY) == [(20, 1)]


def test_slices_are_counted_over_what_the_order_took() -> None:
    session = after(exchange(), order(BOB, SELL, 4, 20))

    after(session, order(ANN, BUY, 10, 20, iceberg_quantity=3 * LOT))  # took 4: a slice and one of the next

    assert book(session, BUY) == [(20, 2)]
    after(session, order(CARL, SELL, 2, 20))
    assert book(session, BUY) == [(20, 3)]


def test_an_iceberg_with_less_open_than_a_slice_shows_what_is_open() -> None:
    session = after(exchange(), order(ANN, SELL, 10, 20, iceberg_quantity=4 * LOT), order(CARL, BUY, 9, 20))

    assert book(session, SELL) == [(20, 1)]


def test_a_slice_of_the_whole_quantity_or_more_hides_nothing() -> None:
    session = exchange(market(iceberg_parts_max=1))
    after(session, order(ANN, SELL, 5, 20, "a", iceberg_quantity=5 * LOT))
    after(session, order(ANN, SELL, 5, 20, "b", iceberg_quantity=9 * LOT))
    assert book(session, SELL) == [(20, 10)]

    after(session, order(CARL, BUY, 2, 20))

    assert trades(session.step(order(CARL, BUY, 4, 20))) == [(4, 1, 3, 20), (4, 2, 1, 20)]


@pytest.mark.parametrize(
    ("lots", "shown"),
    [(9, 2), (6, 2), (5, 1)],
)
def test_amending_keeps_what_is_shown_as_far_as_it_is_open(lots: int, shown: int) -> None:
    session = after(exchange(), order(ANN, SELL, 10, 20, iceberg_quantity=3 * LOT), order(CARL, BUY, 4, 20))
    assert book(session, SELL) == [(20, 2)]

    after(session, amend(ANN, 1, lots))

    assert book(session, SELL) == [(20, shown)]


def test_a_decrement_takes_hidden_quantity_too_and_the_order_keeps_its_place() -> None:
    session = exchange()
    after(session, order(ANN, SELL, 10, 20, iceberg_quantity=3 * LOT), order(BOB, SELL, 2, 20))

    events = session.step(order(ANN, BUY, 8, 20, stp=StpMode.DECREMENT))

    assert told(events) == [("accepted", 3), ("prevented", 3, 1, 8, 8), ("closed", 3, "EXPIRED_IN_MATCH", 0)]
    assert book(session, SELL) == [(20, 4)]  # her last two, and Bob's
    assert trades(session.step(order(CARL, BUY, 3, 20))) == [(4, 1, 2, 20), (4, 2, 1, 20)]


@pytest.mark.parametrize(
    ("slice_lots", "changes", "expected"),
    [
        (3, {}, ""),
        (3, {"type": LIMIT_MAKER}, ""),
        (3, {"time_in_force": IOC}, "INVALID"),
        (20, {"time_in_force": IOC}, "INVALID"),
        (2, {}, ""),  # five slices
        (2, {"quantity": 11 * LOT}, "ICEBERG_PARTS"),  # the sixth would be half a one
        (1, {}, "ICEBERG_PARTS"),
        (0.5, {}, "LOT_SIZE"),
        (1.5, {}, "LOT_SIZE"),
        (-1, {}, "INVALID"),
        (12.5, {}, "LOT_SIZE"),
    ],
)
def test_slices_are_whole_lots_and_not_too_many(slice_lots: float, changes: dict[str, object], expected: str) -> None:
    session = exchange(market(iceberg_parts_max=5))

    command = order(ANN, SELL, 10, 20, iceberg_quantity=int(slice_lots * LOT), **changes)

    assert reject_of(session.step(command)) == expected
