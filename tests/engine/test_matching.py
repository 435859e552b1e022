"""Who trades with whom, at what price, how much; and what is left."""

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    CASH,
    COIN,
    FEES,
    SELL,
    after,
    amend,
    balances,
    book,
    cancel,
    exchange,
    funds_of,
    levels,
    market,
    order,
    postings,
    told,
    trades,
)
from trading.engine.events import Traded


def test_the_best_price_trades_first_and_then_the_oldest_order() -> None:
    session = exchange()
    after(
        session,
        order(ANN, SELL, 5, 12),  # 1
        order(BOB, SELL, 5, 11),  # 2
        order(ANN, SELL, 5, 11),  # 3
        order(BOB, SELL, 5, 13),  # 4
    )
    session.close_batch()

    events = session.step(order(CARL, BUY, 12, 12))

    assert told(events) == [
        ("accepted", 5),
        ("trade", 5, 2, 5, 11),
        ("trade", 5, 3, 5, 11),
        ("trade", 5, 1, 2, 12),
    ]
    assert levels(session.close_batch()) == [(4, "SELL", 11, 0), (5, "SELL", 12, 3)]
    assert book(session, SELL) == [(12, 3), (13, 5)]
    assert book(session, BUY) == []


def test_bids_trade_from_the_highest_and_levels_are_listed_best_first() -> None:
    session = after(exchange(), *[order(ANN, BUY, 5, ticks) for ticks in (7, 9, 8)])
    assert session.core.book(1).levels(BUY, 2) == [(90_000_000, 50), (80_000_000, 50)]

    events = session.step(order(BOB, SELL, 10, 8))

    assert trades(events) == [(4, 2, 5, 9), (4, 3, 5, 8)]


def test_a_partly_filled_order_keeps_its_place_in_time() -> None:
    session = exchange()
    after(session, order(ANN, SELL, 5, 10, "first"), order(BOB, SELL, 5, 10, "second"), order(CARL, BUY, 2, 10, "a"))

    events = session.step(order(CARL, BUY, 5, 10, "b"))

    assert trades(events) == [(4, 1, 3, 10), (4, 2, 2, 10)]


def test_an_amended_order_keeps_its_place_in_time() -> None:
    session = exchange()
    after(session, order(ANN, SELL, 5, 10, "first"), order(BOB, SELL, 5, 10, "second"), amend(ANN, 1, 3))

    events = session.step(order(CARL, BUY, 5, 10))

    assert trades(events) == [(3, 1, 3, 10), (3, 2, 2, 10)]


def test_a_cancelled_order_in_the_middle_of_a_queue_is_passed_over() -> None:
    session = after(exchange(), *[order(ANN, SELL, 5, 10, name) for name in ("first", "second", "third")])
    after(session, cancel(ANN, 2))

    events = session.step(order(CARL, BUY, 10, 10))

    assert trades(events) == [(4, 1, 5, 10), (4, 3, 5, 10)]


def test_all_that_a_partial_fill_does_comes_in_its_order() -> None:
    session = after(exchange(market(maker_fee_ppm=1_000, taker_fee_ppm=2_000)), order(ANN, SELL, 10, 100))
    session.close_batch()

    events = session.step(order(BOB, BUY, 30, 101))  # takes 10 at 100 and rests with 20 at 101

    accepted, trade = events
    assert trade == Traded(
        id=1,
        price=1_000_000_000,
        quantity=100,
        quote=1_000,
        taker=accepted,
        maker=session.log[-2][2][0],
        taker_fee=1,  # 0.2 coin, rounded up
        maker_fee=1,
        taker_executed=100,
        taker_executed_quote=1_000,
        maker_executed=100,
        maker_executed_quote=1_000,
        is_done=False,
        is_maker_done=True,
    )
    assert postings(events) == [
        ("TRADE_BASE", ANN, BOB, COIN, 100),
        ("TRADE_QUOTE", BOB, ANN, CASH, 1_000),
        ("FEE_BUYER", BOB, FEES, COIN, 1),
        ("FEE_SELLER", ANN, FEES, CASH, 1),
    ]
    changes = session.close_batch()
    assert levels(changes) == [(2, "BUY", 101, 20), (3, "SELL", 100, 0)]
    assert balances(changes) == [
        (FEES, CASH, 1, 0),
        (FEES, COIN, 1, 0),
        (ANN, CASH, 10_999, 0),
        (ANN, COIN, 9_900, 0),
        (BOB, CASH, 9_000, 2_020),
        (BOB, COIN, 10_099, 0),
    ]


def test_executed_sums_go_on_over_several_trades_of_an_order() -> None:
    session = after(exchange(), order(ANN, SELL, 10, 10), order(BOB, BUY, 3, 10, "a"))

    events = session.step(order(BOB, BUY, 4, 11, "b"))

    trade = events[1]
    assert isinstance(trade, Traded)
    assert (trade.id, trade.maker_executed, trade.maker_executed_quote, trade.is_maker_done) == (2, 70, 70, False)
    assert (trade.taker_executed, trade.taker_executed_quote, trade.is_done) == (40, 40, True)


def test_a_buyer_who_gets_a_better_price_has_the_difference_back_at_once() -> None:
    session = after(exchange(), order(ANN, SELL, 10, 50), order(BOB, BUY, 10, 80))

    assert funds_of(session, BOB) == (10_100, 0, 9_500, 0)


def test_fees_are_taken_from_what_is_received_and_rounded_up() -> None:
    session = exchange(market(maker_fee_ppm=10_000, taker_fee_ppm=25_000))
    after(session, order(ANN, BUY, 10, 9))  # receives 100 coin as maker: 1.0 -> 1

    events = session.step(order(BOB, SELL, 10, 9))  # receives 90 cash as taker: 2.25 -> 3

    trade = events[1]
    assert isinstance(trade, Traded)
    assert (trade.maker_fee, trade.taker_fee) == (1, 3)
    assert funds_of(session, ANN) == (10_099, 0, 9_910, 0)
    assert funds_of(session, BOB) == (9_900, 0, 10_087, 0)
    assert funds_of(session, FEES) == (1, 0, 3, 0)


def test_without_fees_there_are_no_fee_postings() -> None:
    session = after(exchange(), order(ANN, BUY, 10, 9))

    events = session.step(order(BOB, SELL, 10, 9))

    assert [row[0] for row in postings(events)] == ["TRADE_BASE", "TRADE_QUOTE"]


def test_cancel_gives_back_exactly_what_remains() -> None:
    session = after(exchange(), order(ANN, BUY, 10, 7), order(BOB, SELL, 4, 7))  # the first holds 70
    assert funds_of(session, ANN) == (10_040, 0, 9_972, 42)
    session.close_batch()

    events = session.step(cancel(ANN, 1))

    assert told(events) == [("closed", 1, "CANCELED", 4)]
    changes = session.close_batch()
    assert levels(changes) == [(2, "BUY", 7, 0)]
    assert balances(changes) == [(ANN, CASH, 9_972, 0)]


# --- trading with oneself ---------------------------------------------------------------------------


def test_an_account_that_trades_with_itself_pays_fees_and_nothing_else() -> None:
    session = after(exchange(market(maker_fee_ppm=10_000, taker_fee_ppm=20_000)), order(ANN, SELL, 10, 10))

    events = session.step(order(ANN, BUY, 10, 10))

    assert trades(events) == [(2, 1, 10, 10)]
    assert postings(events) == [("FEE_BUYER", ANN, FEES, COIN, 2), ("FEE_SELLER", ANN, FEES, CASH, 1)]
    assert funds_of(session, ANN) == (9_998, 0, 9_999, 0)


def test_trading_with_oneself_works_with_the_last_of_the_funds() -> None:
    session = exchange(market(maker_fee_ppm=10_000, taker_fee_ppm=20_000), funds=1_000)
    after(
        session,
        order(ANN, SELL, 100, 10),  # holds all her coin
        order(ANN, BUY, 200, 5, "low"),  # holds all her cash
        cancel(ANN, name="low"),
        order(ANN, BUY, 50, 20),  # needs all her cash, trades at 10
    )

    assert funds_of(session, ANN) == (990, 500, 995, 0)
