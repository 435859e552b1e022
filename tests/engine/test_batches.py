"""What a batch tells at its end: levels and balances that differ, once each, in their order."""

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CASH,
    CHAIN,
    COIN,
    FEES,
    LOT,
    SELL,
    STOP_LOSS,
    after,
    balances,
    cancel,
    exchange,
    levels,
    market,
    oco,
    order,
    reject_of,
    set_market,
    stop,
    traded_at,
)
from trading.engine.commands import HoldFunds, ReleaseHold, Transfer
from trading.engine.enums import MarketStatus, OrderType, Reason
from trading.engine.events import LevelChanged


def test_levels_are_told_market_by_market_bids_first_and_best_first() -> None:
    session = after(
        exchange([market(), market(id=2, symbol="OTHER")]),
        order(ANN, SELL, 1, 21, market=2),
        order(ANN, SELL, 1, 12, "a"),
        order(ANN, SELL, 1, 11, "b"),
        order(ANN, BUY, 1, 8, "c"),
        order(ANN, BUY, 1, 9, "d"),
        order(ANN, BUY, 2, 9, "e"),
        order(ANN, BUY, 1, 20, market=2),
    )

    changes = session.close_batch()

    assert levels(changes) == [
        (1, "BUY", 9, 3),
        (2, "BUY", 8, 1),
        (3, "SELL", 11, 1),
        (4, "SELL", 12, 1),
        (1, "BUY", 20, 1),
        (2, "SELL", 21, 1),
    ]
    assert [level.market for level in changes[0]] == [1, 1, 1, 1, 2, 2]
    assert changes[0][0] == LevelChanged(market=1, update=1, side=BUY, price=90_000_000, quantity=30)


def test_what_changed_and_changed_back_is_not_told_and_takes_no_number() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 10, "stays"))
    session.close_batch()

    after(session, order(ANN, BUY, 5, 9, "a"), cancel(ANN, name="a"))  # came and went
    after(session, order(BOB, SELL, 2, 10, "b"), cancel(BOB, name="b"))  # grew and shrank
    assert session.close_batch() == ([], [])

    after(session, order(ANN, SELL, 1, 10, "c"))
    assert levels(session.close_batch()) == [(2, "SELL", 10, 6)]


def test_a_level_that_is_filled_and_made_anew_with_the_same_quantity_is_not_told() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 10))
    session.close_batch()

    after(session, order(BOB, BUY, 5, 10), order(ANN, SELL, 5, 10, "again"))

    changes = session.close_batch()
    assert levels(changes) == []
    assert balances(changes) == [
        (ANN, CASH, 10_050, 0),
        (ANN, COIN, 9_950, 50),
        (BOB, CASH, 9_950, 0),
        (BOB, COIN, 10_050, 0),
    ]


def test_an_iceberg_that_shows_its_next_slice_leaves_its_level_as_it_was() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 10, iceberg_quantity=LOT))
    session.close_batch()

    after(session, order(BOB, BUY, 1, 10))

    assert levels(session.close_batch()) == []


def test_waiting_orders_have_no_level_but_are_held_for() -> None:
    session = after(exchange(), stop(ANN, BUY, STOP_LOSS, 5, 12))

    changes = session.close_batch()

    assert levels(changes) == []
    assert balances(changes) == [(ANN, CASH, 10_000, 60)]


def test_a_list_is_held_for_once() -> None:
    session = traded_at(exchange(), 10)
    session.close_batch()

    after(session, oco(order(ANN, SELL, 5, 12, type=OrderType.LIMIT_MAKER), stop(ANN, SELL, STOP_LOSS, 5, 8)))

    changes = session.close_batch()
    assert levels(changes) == [(1, "SELL", 12, 5)]
    assert balances(changes) == [(ANN, COIN, 10_000, 50)]


def test_balances_are_told_by_owner_and_asset_the_ledgers_own_first() -> None:
    session = exchange(market(maker_fee_ppm=100_000, taker_fee_ppm=100_000), funds=100)

    after(
        session,
        Transfer("late", CHAIN, BOB, COIN, 5, Reason.DEPOSIT),
        order(ANN, SELL, 1, 10),
        order(BOB, BUY, 1, 10),
    )

    assert balances(session.close_batch()) == [
        (FEES, CASH, 1, 0),
        (FEES, COIN, 1, 0),
        (CHAIN, COIN, -305, 0),
        (ANN, CASH, 109, 0),
        (ANN, COIN, 90, 0),
        (BOB, CASH, 90, 0),
        (BOB, COIN, 114, 0),
    ]


def test_holds_are_told_and_refusals_are_not() -> None:
    session = exchange(funds=100)

    after(session, HoldFunds("w", ANN, COIN, 60), HoldFunds("x", BOB, COIN, 101))
    assert reject_of(session.step(order(ANN, SELL, 5, 10))) == "INSUFFICIENT_FUNDS"
    assert balances(session.close_batch()) == [(ANN, COIN, 100, 60)]

    after(session, ReleaseHold("w"), order(ANN, SELL, 6, 10))
    changes = session.close_batch()
    assert balances(changes) == []  # 60 are held as before, for another reason


def test_delisting_tells_the_levels_that_are_gone() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 12), order(ANN, BUY, 5, 5))
    session.close_batch()

    after(session, set_market(status=MarketStatus.DELISTED))

    changes = session.close_batch()
    assert levels(changes) == [(3, "BUY", 5, 0), (4, "SELL", 12, 0)]
    assert balances(changes) == [(ANN, CASH, 10_000, 0), (ANN, COIN, 10_000, 0)]


def test_without_commands_nothing_is_told() -> None:
    assert exchange(funds=0).close_batch() == ([], [])
