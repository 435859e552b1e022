"""Order lists (OCO): two orders of which one can trade, whose funds are held once."""

import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    LIMIT_MAKER,
    SELL,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT,
    after,
    amend,
    book,
    cancel,
    exchange,
    funds_of,
    market,
    oco,
    order,
    reject_of,
    stop,
    told,
    traded_at,
)
from trading.engine.commands import CancelAll, CancelList, PlaceList, PlaceOrder
from trading.engine.enums import ListStatus, Side, StpMode
from trading.engine.events import Accepted, ListChanged


def maker(account: int, side: Side, lots: int, ticks: int, name: str = "maker", **changes: object) -> PlaceOrder:
    """Return the order of a list that waits in the book."""
    return order(account, side, lots, ticks, name, **({"type": LIMIT_MAKER} | changes))


SELLING = oco(maker(ANN, SELL, 5, 12), stop(ANN, SELL, STOP_LOSS_LIMIT, 5, 8, 7, "stop"))
"""Profit at 12, loss at 8."""
BUYING = oco(stop(ANN, BUY, STOP_LOSS, 5, 12, name="stop"), maker(ANN, BUY, 5, 8))
"""Buys cheap at 8, or before it gets dearer than 12."""


def test_a_list_is_told_before_its_orders_and_its_orders_name_it() -> None:
    session = traded_at(exchange(), 10)

    events = session.step(SELLING)

    assert told(events) == [("list", 1, "EXECUTING"), ("accepted", 3), ("accepted", 4)]
    assert events[0] == ListChanged(
        id=1,
        account=ANN,
        market=1,
        client_list_id="list",
        status=ListStatus.EXECUTING,
        above=3,
        below=4,
        created_ms=session.now_ms,
    )
    assert [event.list for event in events if isinstance(event, Accepted)] == [1, 1]
    assert book(session, SELL) == [(12, 5)]


@pytest.mark.parametrize(
    ("command", "held"),
    [
        (SELLING, (50, 0)),
        (BUYING, (0, 60)),  # of 60 and 40
        (oco(stop(ANN, BUY, STOP_LOSS_LIMIT, 5, 12, 15, "stop"), maker(ANN, BUY, 5, 8)), (0, 75)),
        (oco(stop(ANN, BUY, STOP_LOSS_LIMIT, 5, 12, 3, "stop"), maker(ANN, BUY, 5, 8)), (0, 40)),
        (oco(stop(ANN, BUY, STOP_LOSS, 5, name="stop", trailing_delta=1_000), maker(ANN, BUY, 5, 8)), (0, 55)),
    ],
)
def test_funds_are_held_once_and_the_dearer_order_counts(command: PlaceList, held: tuple[int, int]) -> None:
    session = after(traded_at(exchange(), 10), command)

    assert (funds_of(session, ANN)[1], funds_of(session, ANN)[3]) == held


def test_a_list_needs_what_the_dearer_order_needs_and_no_more() -> None:
    session = traded_at(exchange(funds=60), 10)
    after(session, BUYING)

    short = traded_at(exchange(funds=59), 10)

    assert reject_of(short.step(BUYING)) == "INSUFFICIENT_FUNDS"


# --- one trades -------------------------------------------------------------------------------------


def test_when_one_trades_the_other_expires_first_and_the_rest_is_an_order_like_any_other() -> None:
    session = after(traded_at(exchange(), 10), BUYING)

    events = session.step(order(BOB, SELL, 2, 8))

    assert told(events) == [
        ("accepted", 5),
        ("closed", 3, "EXPIRED", 0),
        ("list", 1, "ALL_DONE"),
        ("trade", 5, 4, 2, 8),
    ]
    assert funds_of(session, ANN) == (10_020, 0, 9_984, 24)  # what the other three need alone
    assert told(session.step(cancel(ANN, 4))) == [("closed", 4, "CANCELED", 2)]


def test_when_one_is_triggered_the_other_expires_at_the_look_and_the_triggered_is_told_in_its_turn() -> None:
    session = traded_at(exchange(), 10)
    after(
        session,
        stop(BOB, SELL, STOP_LOSS, 1, 8),  # 3: has the first turn
        SELLING,  # 4 and 5
        order(CARL, BUY, 1, 8),  # 6
        order(CARL, BUY, 1, 7),  # 7
    )

    events = session.step(order(BOB, SELL, 1, 8))

    assert told(events) == [
        ("accepted", 8),
        ("trade", 8, 6, 1, 8),
        ("closed", 4, "EXPIRED", 0),
        ("list", 1, "ALL_DONE"),
        ("triggered", 3),
        ("trade", 3, 7, 1, 7),
        ("triggered", 5),
    ]
    assert book(session, SELL) == [(7, 5)]
    assert funds_of(session, ANN)[:2] == (10_000, 50)


def test_both_may_meet_one_price_and_then_the_older_is_triggered() -> None:
    session = traded_at(exchange(), 10)
    after(
        session,
        oco(
            stop(ANN, SELL, TAKE_PROFIT, 5, name="above", trailing_delta=1_200),
            stop(ANN, SELL, STOP_LOSS_LIMIT, 5, 0, 14, "below", trailing_delta=2_000),
        ),
        order(CARL, BUY, 9, 7),
    )

    events = session.step(order(BOB, SELL, 1, 7))

    assert told(events)[2:] == [
        ("closed", 4, "EXPIRED", 0),
        ("list", 1, "ALL_DONE"),
        ("triggered", 3),
        ("trade", 3, 5, 5, 7),
    ]


def test_two_orders_of_a_list_may_start_to_follow_at_one_price() -> None:
    session = traded_at(exchange(), 10)
    after(
        session,
        oco(
            stop(ANN, SELL, TAKE_PROFIT, 5, 11, name="above", trailing_delta=1_200),
            stop(ANN, SELL, STOP_LOSS_LIMIT, 5, 0, 14, "below", trailing_delta=2_000),
        ),
    )
    assert [row.state.name for row in session.core.open_orders()] == ["WAITING", "TRAILING"]

    traded_at(session, 11)

    assert [row.state.name for row in session.core.open_orders()] == ["TRAILING", "TRAILING"]


def test_a_trailing_order_that_follows_at_once_is_told_right_after_it_was_accepted() -> None:
    session = traded_at(exchange(), 10)

    events = session.step(
        oco(
            stop(ANN, SELL, TAKE_PROFIT, 5, name="above", trailing_delta=1_200),
            stop(ANN, SELL, STOP_LOSS, 5, name="below", trailing_delta=2_000),
        )
    )

    assert told(events) == [
        ("list", 1, "EXECUTING"),
        ("accepted", 3),
        ("following", 3, 1),
        ("accepted", 4),
        ("following", 4, 1),
    ]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (StpMode.NONE, [("closed", 4, "EXPIRED", 0), ("list", 1, "ALL_DONE"), ("trade", 5, 3, 2, 12)]),
        (StpMode.EXPIRE_TAKER, [("prevented", 5, 3, 2, 0), ("closed", 5, "EXPIRED_IN_MATCH", 0)]),
        (
            StpMode.EXPIRE_MAKER,
            [
                ("closed", 4, "EXPIRED", 0),
                ("list", 1, "ALL_DONE"),
                ("prevented", 5, 3, 0, 5),
                ("closed", 3, "EXPIRED_IN_MATCH", 0),
            ],
        ),
        (
            StpMode.EXPIRE_BOTH,
            [
                ("closed", 4, "EXPIRED", 0),
                ("list", 1, "ALL_DONE"),
                ("prevented", 5, 3, 2, 5),
                ("closed", 3, "EXPIRED_IN_MATCH", 0),
                ("closed", 5, "EXPIRED_IN_MATCH", 0),
            ],
        ),
        (
            StpMode.DECREMENT,
            [
                ("closed", 4, "EXPIRED", 0),
                ("list", 1, "ALL_DONE"),
                ("prevented", 5, 3, 2, 2),
                ("closed", 5, "EXPIRED_IN_MATCH", 0),
            ],
        ),
    ],
)
def test_a_list_that_meets_an_order_of_its_account(mode: StpMode, expected: list[object]) -> None:
    session = after(traded_at(exchange(), 10), SELLING)

    events = session.step(order(ANN, BUY, 2, 12, stp=mode))

    assert told(events) == [("accepted", 5), *expected]
    assert len(session.core.open_lists()) == (1 if mode is StpMode.EXPIRE_TAKER else 0)


# --- cancelling and amending ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "first", "second"),
    [
        (cancel(ANN, 3), 3, 4),
        (cancel(ANN, 4), 4, 3),
        (cancel(ANN, name="stop"), 4, 3),
        (CancelList(ANN, 1, 1, "", "cancel-1"), 3, 4),
        (CancelList(ANN, 1, 0, "list", "cancel-1"), 3, 4),
        (CancelList(ANN, 1, 1, "list", "cancel-1"), 3, 4),
        (CancelAll(ANN, 1, "cancel-1"), 3, 4),
    ],
)
def test_cancelling_one_cancels_both_the_named_one_first(command: object, first: int, second: int) -> None:
    session = after(traded_at(exchange(), 10), SELLING)

    events = session.step(command)

    assert told(events) == [
        ("closed", first, "CANCELED", 0),
        ("closed", second, "CANCELED", 0),
        ("list", 1, "ALL_DONE"),
    ]
    assert [event.cancel_id for event in events[:2]] == ["cancel-1", "cancel-1"]
    assert funds_of(session, ANN) == (10_000, 0, 10_000, 0)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (CancelList(ANN, 1, 2, "", "x"), "UNKNOWN_ORDER"),
        (CancelList(ANN, 1, 0, "", "x"), "UNKNOWN_ORDER"),
        (CancelList(ANN, 1, 0, "other", "x"), "UNKNOWN_ORDER"),
        (CancelList(ANN, 1, 1, "other", "x"), "UNKNOWN_ORDER"),
        (CancelList(BOB, 1, 1, "", "x"), "UNKNOWN_ORDER"),
        (CancelList(BOB, 1, 0, "list", "x"), "UNKNOWN_ORDER"),
        (CancelList(ANN, 2, 1, "", "x"), "UNKNOWN_ORDER"),
        (CancelList(ANN, 9, 1, "", "x"), "MARKET_UNKNOWN"),
    ],
)
def test_lists_that_are_not_there(command: CancelList, expected: str) -> None:
    session = after(traded_at(exchange([market(), market(id=2, symbol="OTHER")]), 10), SELLING)

    assert reject_of(session.step(command)) == expected


def test_a_list_that_is_done_is_unknown_and_its_name_is_free() -> None:
    session = after(traded_at(exchange(), 10), SELLING, cancel(ANN, 3))
    assert reject_of(session.step(CancelList(ANN, 1, 1, "", "x"))) == "UNKNOWN_ORDER"

    again = oco(maker(ANN, SELL, 5, 12, "a"), stop(ANN, SELL, STOP_LOSS, 5, 8, name="b"))

    assert told(session.step(again))[0] == ("list", 2, "EXECUTING")


def test_amending_one_amends_both_the_named_one_first() -> None:
    session = after(traded_at(exchange(), 10), BUYING)

    assert told(session.step(amend(ANN, 4, 3))) == [("amended", 4, 3), ("amended", 3, 3)]
    assert funds_of(session, ANN)[3] == 36
    assert told(session.step(amend(ANN, 3, 2))) == [("amended", 3, 2), ("amended", 4, 2)]


def test_a_list_is_not_amended_when_one_of_its_orders_may_not_be() -> None:
    session = exchange(market(notional_min=20))
    after(session, oco(stop(ANN, BUY, STOP_LOSS_LIMIT, 5, 12, 12, "stop"), maker(ANN, BUY, 5, 5)))

    assert reject_of(session.step(amend(ANN, 1, 3))) == "NOTIONAL"  # 3 at 5
    assert told(session.step(amend(ANN, 1, 4))) == [("amended", 1, 4), ("amended", 2, 4)]
