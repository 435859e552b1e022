"""Cancelling with and without conditions, cancelling all, replacing, amending."""

import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    LOT,
    MARKET,
    SELL,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    after,
    amend,
    book,
    cancel,
    exchange,
    funds_of,
    levels,
    market,
    market_order,
    order,
    reject_of,
    replacing,
    set_market,
    stop,
    told,
)
from trading.engine.commands import AmendOrder, CancelAll, CancelOrder
from trading.engine.enums import CancelRestriction, MarketStatus, StpMode
from trading.engine.events import Amended, Closed

ONLY_NEW, ONLY_PART = CancelRestriction.ONLY_NEW, CancelRestriction.ONLY_PARTIALLY_FILLED
HALT = MarketStatus.HALT


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        ("", cancel(ANN, 1)),
        ("", cancel(ANN, name="one")),
        ("", cancel(ANN, 1, "one")),
        ("UNKNOWN_ORDER", cancel(ANN, 1, "two")),
        ("UNKNOWN_ORDER", cancel(ANN)),
        ("UNKNOWN_ORDER", cancel(ANN, 7)),
        ("UNKNOWN_ORDER", cancel(ANN, -1)),
        ("UNKNOWN_ORDER", cancel(BOB, 1)),
        ("UNKNOWN_ORDER", cancel(BOB, name="one")),
        ("UNKNOWN_ORDER", cancel(ANN, 3)),  # filled
        ("UNKNOWN_ORDER", cancel(ANN, 1, market=2)),
        ("MARKET_UNKNOWN", cancel(ANN, 1, market=9)),
        ("", cancel(ANN, 1, restriction=ONLY_PART)),
        ("CANCEL_RESTRICTED", cancel(ANN, 1, restriction=ONLY_NEW)),
        ("", cancel(ANN, 2, restriction=ONLY_NEW)),
        ("CANCEL_RESTRICTED", cancel(ANN, 2, restriction=ONLY_PART)),
        ("UNKNOWN_ORDER", cancel(ANN, 3, restriction=ONLY_NEW)),
        ("", cancel(ANN, 4)),  # waits
        ("", cancel(ANN, 4, restriction=ONLY_NEW)),
        ("CANCEL_RESTRICTED", cancel(ANN, 4, restriction=ONLY_PART)),
    ],
)
def test_cancels(expected: str, command: CancelOrder) -> None:
    session = exchange([market(), market(id=2, symbol="OTHER")])
    after(
        session,
        order(ANN, BUY, 5, 5, "one"),  # partly filled by the third
        order(ANN, BUY, 5, 5, "two"),
        order(ANN, SELL, 1, 5, "three"),
        stop(ANN, SELL, STOP_LOSS, 5, 3, name="four"),
    )

    assert reject_of(session.step(command)) == expected


def test_an_order_that_only_lost_quantity_counts_as_new() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 10), order(ANN, BUY, 2, 10, stp=StpMode.DECREMENT))

    assert reject_of(session.step(cancel(ANN, 1, restriction=ONLY_PART))) == "CANCEL_RESTRICTED"
    assert told(session.step(cancel(ANN, 1, restriction=ONLY_NEW))) == [("closed", 1, "CANCELED", 0)]


def test_a_cancel_is_told_with_its_own_id() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 10))

    closed = session.step(cancel(ANN, 1))[0]

    assert isinstance(closed, Closed)
    assert closed.cancel_id == "cancel-1"


# --- cancel all -------------------------------------------------------------------------------------


def test_cancelling_all_ends_the_orders_of_one_account_in_one_market_oldest_first() -> None:
    session = exchange([market(), market(id=2, symbol="OTHER")])
    after(
        session,
        order(ANN, BUY, 5, 5, "a"),  # 1
        order(BOB, BUY, 5, 6, "a"),  # 2
        stop(ANN, SELL, STOP_LOSS, 5, 3, name="b"),  # 3
        order(ANN, BUY, 5, 7, "c", market=2),  # 4
        order(ANN, SELL, 5, 9, "d"),  # 5
        order(ANN, BUY, 5, 5, "e"),  # 6
    )

    events = session.step(CancelAll(ANN, 1, "all"))

    assert told(events) == [("closed", id, "CANCELED", 0) for id in (1, 3, 5, 6)]
    assert {event.cancel_id for event in events if isinstance(event, Closed)} == {"all"}
    assert [row.id for row in session.core.open_orders()] == [2, 4]
    assert reject_of(session.step(CancelAll(ANN, 1, "all"))) == "UNKNOWN_ORDER"
    assert reject_of(session.step(CancelAll(ANN, 9, "all"))) == "MARKET_UNKNOWN"


# --- replace ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "in_any_case", "expected"),
    [
        (cancel(ANN, 1), order(ANN, BUY, 3, 6, "new"), False, [("closed", 1, "CANCELED", 0), ("accepted", 3)]),
        (cancel(ANN, 1), order(ANN, BUY, 3, 6, "new"), True, [("closed", 1, "CANCELED", 0), ("accepted", 3)]),
        (
            cancel(ANN, 1),
            order(ANN, BUY, 3, 9, "new"),
            False,
            [("closed", 1, "CANCELED", 0), ("accepted", 3), ("trade", 3, 2, 3, 9)],
        ),
        (
            cancel(ANN, 1),
            order(ANN, BUY, 0, 6, "new"),
            False,
            [("closed", 1, "CANCELED", 0), ("refused", "LOT_SIZE")],
        ),
        (
            cancel(ANN, 1),
            order(ANN, BUY, 3, 6, "one"),  # the cancelled order's name
            True,
            [("closed", 1, "CANCELED", 0), ("refused", "DUPLICATE_ORDER")],
        ),
        (cancel(ANN, 7), order(ANN, BUY, 3, 6, "new"), False, [("cancel refused", "UNKNOWN_ORDER")]),
        (cancel(ANN, 7), order(ANN, BUY, 3, 6, "new"), True, [("cancel refused", "UNKNOWN_ORDER"), ("accepted", 3)]),
        (
            cancel(ANN, 7),
            order(ANN, BUY, 0, 6, "new"),
            True,
            [("cancel refused", "UNKNOWN_ORDER"), ("refused", "LOT_SIZE")],
        ),
        (
            cancel(ANN, 1, restriction=ONLY_PART),
            order(ANN, BUY, 3, 6, "new"),
            True,
            [("cancel refused", "CANCEL_RESTRICTED"), ("accepted", 3)],
        ),
        (cancel(ANN, 1), market_order(ANN, BUY, lots=1), False, [("closed", 1, "CANCELED", 0), ("accepted", 3),
                                                                ("trade", 3, 2, 1, 9)]),
        (
            cancel(ANN, 1),
            stop(ANN, BUY, STOP_LOSS, 1, 12),
            False,
            [("closed", 1, "CANCELED", 0), ("accepted", 3)],
        ),
        (cancel(ANN, 1), order(BOB, BUY, 3, 6, "new"), True, [("refused", "INVALID")]),
        (cancel(ANN, 1), order(ANN, BUY, 3, 6, "new", market=2), True, [("refused", "INVALID")]),
        (
            cancel(ANN, 1, market=9),
            order(ANN, BUY, 3, 6, "new", market=9),
            True,
            [("cancel refused", "MARKET_UNKNOWN"), ("refused", "MARKET_UNKNOWN")],
        ),
    ],
)  # fmt: skip
def test_the_cancel_comes_first_and_stands(
    old: CancelOrder, new: object, in_any_case: bool, expected: list[object]
) -> None:
    session = after(exchange(), order(ANN, BUY, 5, 5, "one"), order(BOB, SELL, 5, 9))

    assert told(session.step(replacing(old, new, in_any_case=in_any_case))) == expected


def test_what_the_cancelled_order_held_pays_for_the_new_one() -> None:
    session = after(exchange(funds=100), order(ANN, BUY, 10, 10, "one"))

    after(session, replacing(cancel(ANN, 1), order(ANN, BUY, 20, 5, "two")))

    assert funds_of(session, ANN) == (100, 0, 100, 100)


def test_in_a_halted_market_the_cancel_is_done_and_the_new_order_refused() -> None:
    session = after(exchange(), order(ANN, BUY, 10, 10, "one"), set_market(status=HALT))

    events = session.step(replacing(cancel(ANN, 1), order(ANN, BUY, 20, 5, "two")))

    assert told(events) == [("closed", 1, "CANCELED", 0), ("refused", "MARKET_CLOSED")]


# --- amend ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (amend(ANN, 1, 9), ""),
        (amend(ANN, 1, 6), ""),
        (amend(ANN, 1, 0, quantity=85), "LOT_SIZE"),
        (amend(ANN, 1, 1), "LOT_SIZE"),  # two lots at least; it would be AMEND_QUANTITY too
        (amend(ANN, 1, 0), "LOT_SIZE"),
        (amend(ANN, 1, -5), "LOT_SIZE"),
        (amend(ANN, 1, 10), "AMEND_QUANTITY"),  # as now
        (amend(ANN, 1, 11), "AMEND_QUANTITY"),
        (amend(ANN, 1, 5), "AMEND_QUANTITY"),  # 3 are executed and 2 prevented
        (amend(ANN, 1, 4), "AMEND_QUANTITY"),
        (amend(ANN, 4, 4), "NOTIONAL"),  # 4 at 4
        (amend(ANN, 4, 5), ""),
        (amend(ANN, 5, 2), ""),  # a stop loss has no price to count with
        (amend(ANN, 6, 4), "NOTIONAL"),
        (amend(ANN, 6, 5), ""),
        (amend(ANN, 2, 2), "UNKNOWN_ORDER"),
        (amend(ANN, 9, 2), "UNKNOWN_ORDER"),
        (amend(ANN, 0, 2), "UNKNOWN_ORDER"),
        (amend(BOB, 1, 9), "UNKNOWN_ORDER"),
        (amend(ANN, 1, 9, client_order_id="one"), ""),
        (amend(ANN, 0, 9, client_order_id="one"), ""),
        (amend(ANN, 1, 9, client_order_id="other"), "UNKNOWN_ORDER"),
        (amend(ANN, 1, 9, market=9), "MARKET_UNKNOWN"),
    ],
)
def test_amendments(command: AmendOrder, expected: str) -> None:
    session = exchange(market(notional_min=20, quantity_min=2 * LOT))
    after(
        session,
        order(ANN, SELL, 10, 10, "one"),
        order(BOB, BUY, 3, 10),  # 2: takes 3 of it
        order(ANN, BUY, 2, 10, "decrements", stp=StpMode.DECREMENT),  # 3: takes 2 of it
        order(ANN, BUY, 9, 4, "four"),
        stop(ANN, SELL, STOP_LOSS, 9, 3, name="five"),
        stop(ANN, SELL, STOP_LOSS_LIMIT, 9, 3, 4, "six"),
    )

    assert reject_of(session.step(command)) == expected


def test_an_amended_order_is_told_with_its_new_card_and_holds_less() -> None:
    session = exchange()
    after(session, order(ANN, BUY, 10, 10), order(BOB, SELL, 3, 10), order(ANN, SELL, 1, 10, stp=StpMode.DECREMENT))
    session.close_batch()

    event = session.step(amend(ANN, 1, 6))[0]

    assert event == Amended(event.order, executed=30, executed_quote=30, prevented=10)
    assert (event.order.id, event.order.order) == (1, order(ANN, BUY, 6, 10, "1-1-10-10"))
    assert levels(session.close_batch()) == [(2, "BUY", 10, 2)]
    assert funds_of(session, ANN) == (10_030, 0, 9_970, 20)
    assert told(session.step(order(BOB, SELL, 5, 10, "more")))[1:] == [("trade", 4, 1, 2, 10)]


def test_a_waiting_order_can_be_amended_and_keeps_waiting() -> None:
    session = after(exchange(), stop(ANN, BUY, STOP_LOSS, 5, 12))

    assert told(session.step(amend(ANN, 1, 2))) == [("amended", 1, 2)]
    assert funds_of(session, ANN)[3] == 24
    assert session.core.open_orders()[0].state.name == "WAITING"


def test_an_order_can_be_amended_in_a_halted_market() -> None:
    session = after(exchange(), order(ANN, BUY, 10, 10), set_market(status=HALT))

    assert told(session.step(amend(ANN, 1, 2))) == [("amended", 1, 2)]
    assert book(session, BUY) == [(10, 2)]


def test_a_market_order_is_never_there_to_be_changed() -> None:
    session = after(exchange(), order(BOB, SELL, 1, 10), order(ANN, BUY, 5, 0, "m", type=MARKET))

    assert reject_of(session.step(amend(ANN, 2, 4))) == "UNKNOWN_ORDER"
    assert reject_of(session.step(cancel(ANN, 2))) == "UNKNOWN_ORDER"


@pytest.mark.parametrize("market", [65_536 + 1, -65_536 + 1])
def test_a_market_that_cannot_be_never_leads_to_another_account(market: int) -> None:
    """The core joins account and market to one number: a market beyond its share of it must not become an account."""
    session = exchange()
    account = BOB - market // 65_536  # with it, the number would be that of Bob in the market
    session.step(order(BOB, BUY, 5, 5, "bob"))

    cancelled = session.step(cancel(account, 1, market=market))
    placed = session.step(order(account, SELL, 5, 5, "other", market=market))

    assert reject_of(cancelled) == "MARKET_UNKNOWN"
    assert reject_of(placed) == "MARKET_UNKNOWN"
