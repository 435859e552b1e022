"""Market orders by quantity and by quote quantity: what they take, what they need, when they are complete."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mex.money import AMOUNT_MAX
from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    CASH,
    COIN,
    LOT,
    SELL,
    after,
    exchange,
    funds_of,
    market,
    market_order,
    order,
    reject_of,
    told,
)
from trading.engine.commands import HoldFunds
from trading.engine.enums import StpMode
from trading.engine.events import Prevented, Traded


def test_a_market_order_takes_any_price_and_what_is_missing_expires() -> None:
    session = after(exchange(), order(ANN, SELL, 4, 10), order(ANN, SELL, 4, 500))

    filled = session.step(market_order(BOB, BUY, lots=5))
    starved = session.step(market_order(BOB, BUY, lots=9))
    empty = session.step(market_order(BOB, BUY, lots=1))

    assert told(filled) == [("accepted", 3), ("trade", 3, 1, 4, 10), ("trade", 3, 2, 1, 500)]
    assert told(starved) == [("accepted", 4), ("trade", 4, 2, 3, 500), ("closed", 4, "EXPIRED", 3)]
    assert told(empty) == [("accepted", 5), ("closed", 5, "EXPIRED", 0)]


def test_a_market_buy_needs_the_exact_cost_and_no_more() -> None:
    session = after(exchange(funds=100), order(ANN, SELL, 4, 10), order(ANN, SELL, 4, 15))

    after(session, market_order(BOB, BUY, lots=9))  # costs 40 + 60, the rest is not there

    assert funds_of(session, BOB) == (180, 0, 0, 0)


def test_a_market_buy_beyond_the_funds_is_refused_and_changes_nothing() -> None:
    session = after(exchange(funds=100), order(ANN, SELL, 4, 10), order(ANN, SELL, 4, 16))

    events = session.step(market_order(BOB, BUY, lots=8))  # would cost 104

    assert reject_of(events) == "INSUFFICIENT_FUNDS"
    assert funds_of(session, BOB) == (100, 0, 100, 0)


def test_a_market_sell_needs_its_whole_quantity_though_less_is_wanted() -> None:
    session = after(exchange(funds=100), order(ANN, BUY, 4, 10))

    assert reject_of(session.step(market_order(BOB, SELL, lots=11))) == "INSUFFICIENT_FUNDS"
    assert told(session.step(market_order(BOB, SELL, lots=10))) == [
        ("accepted", 2),
        ("trade", 2, 1, 4, 10),
        ("closed", 2, "EXPIRED", 4),
    ]


# --- by quote quantity ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        # Offered: 4 at 10, then 4 at 15.
        (80, [("trade", 3, 1, 4, 10), ("trade", 3, 2, 2, 15)]),  # 10 are left, a lot costs 15
        (52, [("trade", 3, 1, 4, 10)]),  # 12 are left, the next lot costs 15: used up
        (40, [("trade", 3, 1, 4, 10)]),
        (39, [("trade", 3, 1, 3, 10)]),
        (10, [("trade", 3, 1, 1, 10)]),
        (9, [("closed", 3, "EXPIRED", 0)]),  # pays for nothing at all
        (55, [("trade", 3, 1, 4, 10), ("trade", 3, 2, 1, 15)]),
        (114, [("trade", 3, 1, 4, 10), ("trade", 3, 2, 4, 15)]),  # 14 are left, less than a lot at the last price
        (115, [("trade", 3, 1, 4, 10), ("trade", 3, 2, 4, 15), ("closed", 3, "EXPIRED", 8)]),  # 15 would buy one more
    ],
)
def test_buying_for_a_quote_quantity_buys_whole_lots_and_never_spends_more(quote: int, expected: list[object]) -> None:
    session = after(exchange(), order(ANN, SELL, 4, 10), order(ANN, SELL, 4, 15))

    events = session.step(market_order(BOB, BUY, quote=quote))

    assert told(events) == [("accepted", 3), *expected]
    assert 10_000 - funds_of(session, BOB)[2] <= quote


def test_a_quote_quantity_that_finds_nobody_expires() -> None:
    session = exchange()

    assert told(session.step(market_order(BOB, BUY, quote=48))) == [("accepted", 1), ("closed", 1, "EXPIRED", 0)]


def test_a_buyer_needs_his_whole_quote_quantity_and_a_seller_the_base_that_he_would_sell() -> None:
    session = after(exchange(funds=100), order(ANN, SELL, 4, 10), order(CARL, BUY, 5, 9), order(CARL, BUY, 11, 5))

    assert reject_of(session.step(market_order(BOB, BUY, quote=101))) == "INSUFFICIENT_FUNDS"
    assert reject_of(session.step(market_order(BOB, SELL, quote=75))) == "INSUFFICIENT_FUNDS"  # 5 at 9 and 6 at 5
    assert told(session.step(market_order(BOB, SELL, quote=74))) == [
        ("accepted", 4),
        ("trade", 4, 2, 5, 9),
        ("trade", 4, 3, 5, 5),
    ]
    assert funds_of(session, BOB) == (0, 0, 170, 0)


def test_selling_for_a_quote_quantity_never_receives_more() -> None:
    session = after(exchange(), order(ANN, BUY, 4, 15), order(ANN, BUY, 4, 10))

    events = session.step(market_order(BOB, SELL, quote=85))  # 4 for 60, 2 for 20

    assert told(events) == [("accepted", 3), ("trade", 3, 1, 4, 15), ("trade", 3, 2, 2, 10)]
    assert funds_of(session, BOB) == (9_940, 0, 10_080, 0)


def test_the_slices_of_an_iceberg_are_bought_one_after_another() -> None:
    session = after(exchange(), order(ANN, SELL, 6, 10, iceberg_quantity=20), order(CARL, SELL, 3, 10))

    events = session.step(market_order(BOB, BUY, quote=78))

    assert told(events) == [
        ("accepted", 3),
        ("trade", 3, 1, 2, 10),
        ("trade", 3, 2, 3, 10),
        ("trade", 3, 1, 2, 10),
    ]


# --- with self-trade prevention in mind -------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "cash", "refused"),
    [
        # Offered: Ann's 2 at 10, Bob's own 3 at 11, Ann's 5 at 12. Bob wants 8.
        (StpMode.NONE, 88, "INSUFFICIENT_FUNDS"),
        (StpMode.NONE, 89, ""),  # 20 + 33 + 36
        (StpMode.EXPIRE_TAKER, 19, "INSUFFICIENT_FUNDS"),
        (StpMode.EXPIRE_TAKER, 20, ""),
        (StpMode.EXPIRE_BOTH, 19, "INSUFFICIENT_FUNDS"),
        (StpMode.EXPIRE_BOTH, 20, ""),
        (StpMode.EXPIRE_MAKER, 79, "INSUFFICIENT_FUNDS"),
        (StpMode.EXPIRE_MAKER, 80, ""),  # 20 + 60
        (StpMode.DECREMENT, 55, "INSUFFICIENT_FUNDS"),
        (StpMode.DECREMENT, 56, ""),  # 20, 3 are lost, 36
    ],
)
def test_the_funds_of_a_market_order_are_planned_past_its_own_orders(mode: StpMode, cash: int, refused: str) -> None:
    session = exchange(funds=1_000)
    after(
        session,
        order(ANN, SELL, 2, 10),
        order(BOB, SELL, 3, 11),
        order(ANN, SELL, 5, 12),
        HoldFunds("all but this", BOB, CASH, 1_000 - cash),
    )

    assert reject_of(session.step(market_order(BOB, BUY, lots=8, stp=mode))) == refused


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        # Bob's own bid 5 at 10 stands before Ann's 8 at 9. He sells for 63.
        (StpMode.NONE, [("trade", 3, 1, 5, 10), ("trade", 3, 2, 1, 9)]),
        (StpMode.EXPIRE_TAKER, [("prevented", 3, 1, 6, 0), ("closed", 3, "EXPIRED_IN_MATCH", 0)]),
        (
            StpMode.EXPIRE_BOTH,
            [
                ("prevented", 3, 1, 6, 5),
                ("closed", 1, "EXPIRED_IN_MATCH", 0),
                ("closed", 3, "EXPIRED_IN_MATCH", 0),
            ],
        ),
        (
            StpMode.EXPIRE_MAKER,
            [("prevented", 3, 1, 0, 5), ("closed", 1, "EXPIRED_IN_MATCH", 0), ("trade", 3, 2, 7, 9)],
        ),
        (
            StpMode.DECREMENT,  # 50 of 63 are lost, 13 pay for one
            [("prevented", 3, 1, 5, 5), ("closed", 1, "EXPIRED_IN_MATCH", 0), ("trade", 3, 2, 1, 9)],
        ),
    ],
)
def test_a_quote_quantity_meets_its_own_order(mode: StpMode, expected: list[object]) -> None:
    session = after(exchange(), order(BOB, BUY, 5, 10), order(ANN, BUY, 8, 9))

    events = session.step(market_order(BOB, SELL, quote=63, stp=mode))

    assert told(events) == [("accepted", 3), *expected]


def test_a_quote_quantity_that_its_own_order_used_up_expires_in_match() -> None:
    session = after(exchange(), order(ANN, BUY, 2, 10), order(BOB, BUY, 5, 9))

    events = session.step(market_order(BOB, SELL, quote=63, stp=StpMode.DECREMENT))  # 43 are left: 4 lots, then 7

    assert told(events) == [
        ("accepted", 3),
        ("trade", 3, 1, 2, 10),
        ("prevented", 3, 2, 4, 4),
        ("closed", 3, "EXPIRED_IN_MATCH", 2),
    ]


def test_a_budget_that_is_lost_and_pays_for_no_lot_at_the_next_price_expires() -> None:
    session = after(exchange(), order(ANN, SELL, 1, 10), order(BOB, SELL, 2, 10), order(ANN, SELL, 5, 12))

    events = session.step(market_order(BOB, BUY, quote=41, stp=StpMode.DECREMENT))  # 31, 20 lost, 11 are left

    assert told(events) == [
        ("accepted", 4),
        ("trade", 4, 1, 1, 10),
        ("prevented", 4, 2, 2, 2),
        ("closed", 2, "EXPIRED_IN_MATCH", 0),
        ("closed", 4, "EXPIRED", 1),
    ]


def test_what_remains_after_an_own_order_and_pays_for_no_lot_expires() -> None:
    session = after(exchange(), order(ANN, SELL, 2, 10), order(BOB, SELL, 5, 11), order(ANN, SELL, 5, 20))

    events = session.step(market_order(BOB, BUY, quote=35, stp=StpMode.EXPIRE_MAKER))  # 15 are left

    assert told(events) == [
        ("accepted", 4),
        ("trade", 4, 1, 2, 10),
        ("prevented", 4, 2, 0, 5),
        ("closed", 2, "EXPIRED_IN_MATCH", 0),
        ("closed", 4, "EXPIRED", 2),
    ]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (market_order(BOB, BUY, lots=3), "NOTIONAL"),  # 3 lots at 6
        (market_order(BOB, BUY, lots=4), ""),
        (market_order(BOB, SELL, lots=3), ""),  # nobody buys: accepted, and expires
        (market_order(BOB, BUY, quote=19), "NOTIONAL"),
        (market_order(BOB, BUY, quote=20), ""),
        (market_order(BOB, SELL, quote=19), "NOTIONAL"),
        (market_order(BOB, SELL, quote=20), ""),
    ],
)
def test_the_notional_of_a_market_order_is_what_it_would_trade_now(command: object, expected: str) -> None:
    session = after(exchange(market(notional_min=20)), order(ANN, SELL, 9, 6))

    assert reject_of(session.step(command)) == expected


@pytest.mark.parametrize(
    ("mode", "lots", "expected"),
    [
        # Bids: Bob's own 2 at 10, Ann's 3 at 10, Ann's 5 at 9. He sells for 39: 3 at 10, and the rest pays for 1 at 9.
        (StpMode.EXPIRE_MAKER, 3, "INSUFFICIENT_FUNDS"),
        (StpMode.EXPIRE_MAKER, 4, ""),
        # His own take 20 of it, 19 pay for 1 at 10 and 1 at 9: but then Ann's 2 at 10 are left, and he is done.
        (StpMode.DECREMENT, 0, "INSUFFICIENT_FUNDS"),
        (StpMode.DECREMENT, 1, ""),
    ],
)
def test_a_seller_by_quote_quantity_needs_what_he_sells_past_his_own_orders(
    mode: StpMode, lots: int, expected: str
) -> None:
    # Past them the level was empty, and the next bid was taken, but not planned: he sold more than he had.
    session = after(
        exchange(funds=1_000),
        order(BOB, BUY, 2, 10),
        order(ANN, BUY, 3, 10),
        order(ANN, BUY, 5, 9),
        HoldFunds("all but this", BOB, COIN, 1_000 - lots * LOT),
    )

    assert reject_of(session.step(market_order(BOB, SELL, quote=39, stp=mode))) == expected


def test_what_an_own_order_used_up_is_not_planned_at_the_next_price() -> None:
    session = after(
        exchange(funds=1_000),
        order(ANN, BUY, 2, 10),
        order(BOB, BUY, 2, 10),
        order(ANN, BUY, 5, 5),
        HoldFunds("all but this", BOB, COIN, 1_000 - 2 * LOT),
    )

    events = session.step(market_order(BOB, SELL, quote=49, stp=StpMode.DECREMENT))  # 4 at 10, and 9 of no use

    assert told(events) == [
        ("accepted", 4),
        ("trade", 4, 1, 2, 10),
        ("prevented", 4, 2, 2, 2),
        ("closed", 2, "EXPIRED_IN_MATCH", 0),
        ("closed", 4, "EXPIRED_IN_MATCH", 2),
    ]


@settings(max_examples=200)
@given(
    bids=st.lists(
        st.tuples(st.sampled_from([ANN, BOB]), st.integers(1, 3), st.sampled_from([10, 5]), st.booleans()), max_size=6
    ),
    quote=st.integers(1, 80),
    mode=st.sampled_from(StpMode),
)
def test_a_seller_by_quote_quantity_needs_exactly_what_he_sells(
    bids: list[tuple[int, int, int, bool]], quote: int, mode: StpMode
) -> None:
    def sell(lots: int) -> tuple[str, int]:
        session = after(exchange(funds=1_000), HoldFunds("all but this", BOB, COIN, 1_000 - lots * LOT))
        for number, (account, size, ticks, is_iceberg) in enumerate(bids):
            slice = LOT if is_iceberg and size > 1 else 0
            session.step(order(account, BUY, size, ticks, f"bid {number}", iceberg_quantity=slice))
        events = session.step(market_order(BOB, SELL, quote=quote, stp=mode))
        sold = sum(event.quantity for event in events if type(event) is Traded)
        return reject_of(events), sold

    _, sold = sell(99)

    assert sell(sold // LOT) == ("", sold)
    if sold:
        assert sell(sold // LOT - 1) == ("INSUFFICIENT_FUNDS", 0)


@pytest.mark.parametrize("mode", [StpMode.EXPIRE_TAKER, StpMode.EXPIRE_BOTH])
def test_a_quote_quantity_beyond_all_there_is_loses_what_a_column_can_hold(mode: StpMode) -> None:
    # At a price below one it paid for more than 64 bits can count: no engine could store that, and every one tried.
    session = after(exchange(), order(ANN, BUY, 2, 1), order(BOB, BUY, 1, 1))

    events = session.step(market_order(BOB, SELL, quote=AMOUNT_MAX, stp=mode))

    [prevented] = [event for event in events if type(event) is Prevented]
    assert prevented.taker_executed == 2 * LOT
    assert AMOUNT_MAX - LOT < prevented.taker_executed + prevented.taker_prevented <= AMOUNT_MAX
    assert prevented.taker_quantity == prevented.taker_prevented
    assert prevented.taker_quantity % LOT == 0
