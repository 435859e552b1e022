"""Operators' commands: making and changing markets, delisting, steps that orders still need, terms of accounts."""

import msgspec
import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    CASH,
    COIN,
    FEES,
    LIMIT_MAKER,
    LOT,
    PLAIN,
    SELL,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TICK,
    after,
    amend,
    book,
    cancel,
    exchange,
    funds_of,
    market,
    oco,
    order,
    postings,
    reject_of,
    set_market,
    set_terms,
    stop,
    told,
    trades,
)
from trading.engine.commands import Checkpoint, SetMarket, SetTerms
from trading.engine.enums import MarketStatus, StpMode
from trading.engine.events import MarketChanged, TermsChanged, Traded

TRADING, HALT, DELISTED = MarketStatus.TRADING, MarketStatus.HALT, MarketStatus.DELISTED


# --- markets ----------------------------------------------------------------------------------------


def test_a_new_market_gets_the_next_id_and_trades() -> None:
    session = exchange([PLAIN, market(id=7, symbol="SEVEN")])

    events = session.step(set_market(id=0, symbol="EIGHT"))

    assert events == [MarketChanged("m1", "olga", "a note", market(id=8, symbol="EIGHT"), is_new=True)]
    after(session, order(ANN, SELL, 5, 10, market=8))
    assert trades(session.step(order(BOB, BUY, 5, 10, market=8))) == [(2, 1, 5, 10)]
    changes = session.close_batch()
    assert {level.market for level in changes[0]} == set()  # it came and went within the batch


def test_a_change_is_told_with_all_rules_and_holds_from_the_next_command_on() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 10))

    events = session.step(set_market(taker_fee_ppm=500_000, orders_max=1))

    assert events == [MarketChanged("m1", "olga", "a note", market(taker_fee_ppm=500_000, orders_max=1), is_new=False)]
    assert session.core.book(1).spec == market(taker_fee_ppm=500_000, orders_max=1)
    trade = session.step(order(BOB, BUY, 5, 10))[1]
    assert isinstance(trade, Traded)
    assert trade.taker_fee == 25


def test_making_a_market_that_is_there_changes_it() -> None:
    session = exchange()

    events = session.step(set_market(id=0, orders_max=1))

    assert events == [MarketChanged("m1", "olga", "a note", market(orders_max=1), is_new=False)]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (set_market(id=9), "MARKET_UNKNOWN"),
        (set_market(id=9, tick=7), "INVALID"),
        (set_market(symbol="OTHER"), "INVALID"),
        (set_market(base=3), "INVALID"),
        (set_market(quote=3), "INVALID"),
        (set_market(id=0, quote=3), "INVALID"),
        (set_market(symbol=""), "INVALID"),
        (set_market(id=0, symbol=""), "INVALID"),
        (set_market(id=0, symbol="lower"), "INVALID"),
        (set_market(id=0, symbol="A-B"), "INVALID"),
        (set_market(id=0, symbol="X" * 21), "INVALID"),
        (set_market(id=0, symbol="X" * 20), ""),
        (set_market(id=0, symbol="SAME", base=1), "INVALID"),
        (set_market(id=0, symbol="NONE", base=0), "INVALID"),
        (set_market(tick=TICK, lot=LOT - 1), "INVALID"),
        (set_market(tick=0), "INVALID"),
        (set_market(price_min=0), "INVALID"),
        (set_market(price_min=TICK + 1), "INVALID"),
        (set_market(price_min=3 * TICK, price_max=2 * TICK), "INVALID"),
        (set_market(quantity_min=0), "INVALID"),
        (set_market(quantity_min=LOT + 1), "INVALID"),
        (set_market(quantity_max=LOT - 1), "INVALID"),
        (set_market(notional_min=6, notional_max=5), "INVALID"),
        (set_market(notional_max=0), "INVALID"),
        (set_market(notional_max=2**63), "INVALID"),
        (set_market(maker_fee_ppm=1_000_000), "INVALID"),
        (set_market(taker_fee_ppm=1_000_000), "INVALID"),
        (set_market(taker_fee_ppm=-1), "INVALID"),
        (set_market(orders_max=0), "INVALID"),
        (set_market(algo_orders_max=0), ""),
        (set_market(iceberg_parts_max=0), "INVALID"),
        (set_market(trailing_min=0), "INVALID"),
        (set_market(trailing_min=20, trailing_max=19), "INVALID"),
        (set_market(trailing_max=10_000), "INVALID"),
        (set_market(trailing_max=9_999), ""),
    ],
)
def test_rules_that_cannot_be_kept_are_refused(command: SetMarket, expected: str) -> None:
    session = exchange()

    assert reject_of(session.step(command)) == expected
    assert session.core.book(1).spec == (PLAIN if expected or command.spec.id == 0 else command.spec)


def test_a_reference_is_used_once_for_markets_and_terms() -> None:
    session = after(exchange(), set_market("a", status=HALT), set_market("b", status=TRADING))

    assert reject_of(session.step(set_market("a", status=HALT))) == "DUPLICATE_REFERENCE"
    assert reject_of(session.step(set_market("a", tick=7))) == "DUPLICATE_REFERENCE"
    assert reject_of(session.step(set_terms(ANN, reference="b"))) == "DUPLICATE_REFERENCE"
    assert reject_of(session.step(set_terms(-1, reference="b"))) == "DUPLICATE_REFERENCE"
    assert session.core.book(1).spec.status is TRADING
    assert reject_of(session.step(set_market("c", tick=7))) == "INVALID"
    assert reject_of(session.step(set_market("c", status=HALT))) == ""  # what was refused may be sent again


def test_a_halted_market_takes_no_orders_and_keeps_those_that_are_open() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 10), stop(ANN, SELL, STOP_LOSS, 5, 8), set_market(status=HALT))

    assert reject_of(session.step(order(BOB, BUY, 5, 10))) == "MARKET_CLOSED"
    assert reject_of(session.step(cancel(ANN, 1))) == ""
    after(session, set_market("m2", status=TRADING), order(ANN, SELL, 5, 11, "again"))
    assert trades(session.step(order(BOB, BUY, 5, 11))) == [(4, 3, 5, 11)]
    assert [row.id for row in session.core.open_orders()] == [2]


def test_delisting_expires_all_open_orders_oldest_first_and_gives_their_funds_back() -> None:
    session = after(
        exchange([PLAIN, market(id=2, symbol="OTHER")]),
        order(ANN, SELL, 5, 12, "a"),  # 1
        order(BOB, SELL, 2, 12, "b", market=2),  # 2
        oco(order(BOB, SELL, 3, 14, "c", type=LIMIT_MAKER), stop(BOB, SELL, STOP_LOSS, 3, 8, name="d")),  # 3 and 4
        order(CARL, BUY, 1, 12, "e"),  # 5: fills a part of 1
        stop(ANN, BUY, STOP_LOSS, 5, 13, name="f"),  # 6
        order(ANN, BUY, 5, 5, "g", iceberg_quantity=LOT),  # 7
    )
    session.close_batch()

    events = session.step(set_market(status=DELISTED))

    assert told(events) == [
        ("closed", 1, "EXPIRED", 1),
        ("closed", 3, "EXPIRED", 0),
        ("closed", 4, "EXPIRED", 0),
        ("list", 1, "ALL_DONE"),
        ("closed", 6, "EXPIRED", 0),
        ("closed", 7, "EXPIRED", 0),
        ("market", 1, "changed"),
    ]
    assert funds_of(session, ANN) == (9_990, 0, 10_012, 0)
    assert funds_of(session, BOB) == (10_000, 20, 10_000, 0)  # his order in the other market stays
    assert reject_of(session.step(order(ANN, SELL, 5, 12, "h"))) == "MARKET_CLOSED"
    assert [(level.price // TICK, level.quantity) for level in session.close_batch()[0]] == [(5, 0), (12, 0), (14, 0)]


def test_a_delisted_market_may_be_listed_again_and_goes_on_counting() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 12, "a"), order(CARL, BUY, 1, 12, "b"))
    after(session, set_market("out", status=DELISTED), set_market("in", status=TRADING))
    after(session, order(ANN, SELL, 5, 12, "c"))

    trade = session.step(order(CARL, BUY, 1, 12, "d"))[1]

    assert isinstance(trade, Traded)
    assert trade.id == 2


TEXTS = [
    ("r", "olga", "a note", ""),
    ("r" * 80, "", "", ""),
    ("", "olga", "a note", "INVALID"),
    ("r" * 81, "olga", "a note", "INVALID"),
    ("r\0", "olga", "a note", "INVALID"),
    ("r", "ol\0ga", "a note", "INVALID"),
    ("r", "olga", "a\0note", "INVALID"),
]


@pytest.mark.parametrize(("reference", "actor", "note", "expected"), TEXTS)
def test_what_an_audit_trail_could_not_keep_is_refused(reference: str, actor: str, note: str, expected: str) -> None:
    texts = {"reference": reference, "actor": actor, "note": note}

    assert reject_of(exchange().step(msgspec.structs.replace(set_market(orders_max=7), **texts))) == expected
    assert reject_of(exchange().step(msgspec.structs.replace(set_terms(ANN, 0, 0), **texts))) == expected


# --- steps ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("commands", "tick", "lot", "expected"),
    [
        # Now a tick is 10,000,000 and a lot 10.
        ([], 50_000_000, 2, ""),
        ([], 20_000_000, 5, ""),
        ([order(ANN, SELL, 5, 10)], 20_000_000, 5, ""),
        ([order(ANN, SELL, 5, 11)], 20_000_000, 5, "STEPS_IN_USE"),  # a price of 110,000,000
        ([order(ANN, SELL, 5, 11)], 10_000_000, 10, ""),
        ([order(ANN, SELL, 4, 11)], 5_000_000, 20, ""),
        ([order(ANN, SELL, 5, 10)], 10_000_000, 20, "STEPS_IN_USE"),  # a quantity of 50
        ([order(ANN, SELL, 4, 10)], 10_000_000, 20, ""),
        ([order(ANN, SELL, 4, 10), order(BOB, BUY, 1, 10)], 10_000_000, 20, "STEPS_IN_USE"),  # 10 are executed
        ([order(ANN, SELL, 4, 10), order(BOB, BUY, 2, 10)], 10_000_000, 20, ""),
        (
            [order(ANN, SELL, 4, 10), order(ANN, BUY, 1, 10, stp=StpMode.DECREMENT)],
            10_000_000,
            20,
            "STEPS_IN_USE",  # 10 are prevented
        ),
        ([order(ANN, SELL, 4, 10, iceberg_quantity=LOT)], 10_000_000, 20, "STEPS_IN_USE"),  # a slice of 10
        ([order(ANN, SELL, 4, 10, iceberg_quantity=2 * LOT)], 10_000_000, 20, ""),
        ([stop(ANN, SELL, STOP_LOSS, 5, 5)], 10_000_000, 20, "STEPS_IN_USE"),
        ([stop(ANN, SELL, STOP_LOSS, 4, 5)], 20_000_000, 5, "STEPS_IN_USE"),  # a stop price of 50,000,000
        ([stop(ANN, SELL, STOP_LOSS_LIMIT, 4, 6, 11)], 20_000_000, 5, "STEPS_IN_USE"),
        ([stop(ANN, SELL, STOP_LOSS_LIMIT, 4, 5, 12)], 20_000_000, 5, "STEPS_IN_USE"),
        ([stop(ANN, SELL, STOP_LOSS_LIMIT, 4, 6, 12)], 20_000_000, 5, ""),
        ([order(ANN, SELL, 5, 11), cancel(ANN, 1)], 20_000_000, 5, ""),
        ([order(ANN, SELL, 5, 11, market=2)], 20_000_000, 5, ""),
    ],
)
def test_steps_change_only_while_all_open_orders_are_on_the_new_ones(
    commands: list[object], tick: int, lot: int, expected: str
) -> None:
    session = after(exchange([PLAIN, market(id=2, symbol="OTHER")]), *commands)

    command = set_market(tick=tick, lot=lot, quantity_min=lot * 20, price_min=tick * 20)

    assert reject_of(session.step(command)) == expected
    assert session.core.book(1).spec == (PLAIN if expected else command.spec)


def test_delisting_with_new_steps_looks_at_the_orders_first() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 11))
    command = set_market(tick=20_000_000, price_min=20_000_000, lot=5, status=DELISTED)

    assert reject_of(session.step(command)) == "STEPS_IN_USE"
    assert len(session.core.open_orders()) == 1


def test_orders_on_the_new_steps_trade_and_are_amended_on_them() -> None:
    session = after(exchange(), order(ANN, SELL, 8, 11), set_market(lot=20, quantity_min=20))

    assert reject_of(session.step(order(BOB, BUY, 3, 11))) == "LOT_SIZE"
    assert reject_of(session.step(amend(ANN, 1, 5))) == "LOT_SIZE"
    assert told(session.step(amend(ANN, 1, 6))) == [("amended", 1, 6)]
    assert trades(session.step(order(BOB, BUY, 2, 11))) == [(2, 1, 2, 11)]
    assert book(session, SELL) == [(11, 4)]


# --- terms ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "taker_fee", "maker_fee"),
    [
        # The market takes 2 % of makers and 3 % of takers; 100 coin change hands for 1,000 cash.
        ([], 3, 20),
        ([set_terms(ANN, 10_000, 0)], 3, 10),  # Ann is the maker
        ([set_terms(BOB, 0, 10_000)], 1, 20),  # Bob is the taker
        ([set_terms(BOB, 0, 0)], 0, 20),
        ([set_terms(ANN, 0, -1), set_terms(BOB, -1, 0, reference="t2")], 0, 0),
        ([set_terms(ANN, 999_999, -1)], 3, 1_000),
        ([set_terms(ANN, 0, -1), set_terms(ANN, -1, -1, reference="t2")], 3, 20),  # as before
        ([set_terms(CARL, 0, 0)], 3, 20),
    ],
)
def test_an_accounts_own_rates_come_before_those_of_the_market(
    terms: list[SetTerms], taker_fee: int, maker_fee: int
) -> None:
    session = after(exchange(market(maker_fee_ppm=20_000, taker_fee_ppm=30_000)), *terms, order(ANN, SELL, 10, 100))

    events = session.step(order(BOB, BUY, 10, 100))

    trade = events[1]
    assert isinstance(trade, Traded)
    assert (trade.taker_fee, trade.maker_fee) == (taker_fee, maker_fee)
    fees = [row for row in postings(events) if row[0].startswith("FEE")]
    assert fees == [
        *([("FEE_BUYER", BOB, FEES, COIN, taker_fee)] if taker_fee else []),
        *([("FEE_SELLER", ANN, FEES, CASH, maker_fee)] if maker_fee else []),
    ]


def test_an_open_order_pays_the_rates_that_are_in_force_when_it_trades() -> None:
    session = after(exchange(market(maker_fee_ppm=20_000)), order(ANN, SELL, 10, 100), set_terms(ANN, 50_000, 0))

    trade = session.step(order(BOB, BUY, 10, 100))[1]

    assert isinstance(trade, Traded)
    assert trade.maker_fee == 50


def test_a_change_of_the_market_leaves_an_accounts_own_rates() -> None:
    session = after(exchange(), set_terms(ANN, 50_000, -1), set_market(maker_fee_ppm=10_000, taker_fee_ppm=10_000))
    after(session, order(ANN, SELL, 10, 100, "a"))
    trade = session.step(order(BOB, BUY, 10, 100))[1]
    after(session, order(BOB, BUY, 10, 100, "b"))
    taken = session.step(order(ANN, SELL, 10, 100, "c"))[1]

    assert isinstance(trade, Traded)
    assert isinstance(taken, Traded)
    assert (trade.taker_fee, trade.maker_fee) == (1, 50)
    assert (taken.taker_fee, taken.maker_fee) == (10, 1)


def test_terms_hold_in_all_markets_later_ones_too() -> None:
    session = after(exchange(), set_terms(ANN, 50_000, 0), set_market(id=0, symbol="NEW"))
    after(session, order(ANN, SELL, 10, 100, market=2))

    trade = session.step(order(BOB, BUY, 10, 100, market=2))[1]

    assert isinstance(trade, Traded)
    assert trade.maker_fee == 50


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (set_terms(ANN, -1, -1), ""),
        (set_terms(ANN, 0, 0), ""),
        (set_terms(ANN, 999_999, 999_999, StpMode.DECREMENT), ""),
        (set_terms(99, 0, 0, StpMode.DEFAULT), ""),  # an account that the engine has not met
        (set_terms(0), "INVALID"),
        (set_terms(-2), "INVALID"),
        (set_terms(ANN, -2), "INVALID"),
        (set_terms(ANN, 0, -2), "INVALID"),
        (set_terms(ANN, 1_000_000), "INVALID"),
        (set_terms(ANN, 0, 1_000_000), "INVALID"),
    ],
)
def test_terms_are_told_as_they_were_sent(command: SetTerms, expected: str) -> None:
    session = exchange()

    events = session.step(command)

    assert reject_of(events) == expected
    if not expected:
        fields = [getattr(command, field) for field in command.__struct_fields__]
        assert events == [TermsChanged(*fields)]


def test_a_checkpoint_does_nothing() -> None:
    session = after(exchange(), order(ANN, SELL, 1, 10))
    session.close_batch()
    before = session.core.sequence

    assert session.step(Checkpoint()) == []
    assert session.close_batch() == ([], [])
    assert session.core.sequence == before + 1
    assert msgspec.structs.asdict(session.core.book(1).spec) == msgspec.structs.asdict(PLAIN)
