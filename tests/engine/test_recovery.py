"""What the core needs from outside: restored state, remembered references, a clock that does not go back."""

from dataclasses import replace

import msgspec
import pytest

from tests.engine.rows import OrderRow
from tests.engine.shell import Session, replay, restore
from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    CASH,
    CHAIN,
    COIN,
    LIMIT_MAKER,
    LOT,
    PLAIN,
    SELL,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT_LIMIT,
    TICK,
    after,
    amend,
    exchange,
    market,
    oco,
    order,
    reject_of,
    set_market,
    set_terms,
    stop,
    told,
    traded_at,
    trades,
)
from trading.engine import invariants
from trading.engine.commands import Command, HoldFunds, PlaceList, ReleaseHold, SetMarket, Transfer
from trading.engine.core import Core
from trading.engine.enums import HoldState, Reason, StpMode
from trading.engine.events import Accepted, HoldChanged, TransferRepeated
from trading.engine.snapshot import state_hash


def interrupted(session: Session, *commands: Command) -> None:
    """Go on with a restored core, which must be as the old one was and do what the reference does."""
    session.close_batch()
    session.restart()
    invariants.check(session.core)
    after(session, *commands)
    session.close_batch()


def test_a_restored_core_has_the_same_book_funds_and_hash() -> None:
    session = exchange(funds=1_000)
    after(
        session,
        order(ANN, SELL, 10, 20),
        order(BOB, BUY, 4, 20),
        order(BOB, BUY, 5, 19),
        HoldFunds("w", ANN, CASH, 30),
    )
    session.close_batch()

    core = restore(session)

    invariants.check(core)
    assert core.book(1).levels(SELL, 5) == [(20 * TICK, 60)]
    assert (core.balance_of(ANN, COIN), core.held_of(ANN, COIN)) == (960, 60)
    assert (core.balance_of(ANN, CASH), core.held_of(ANN, CASH)) == (1_080, 30)
    assert (core.balance_of(BOB, CASH), core.held_of(BOB, CASH)) == (920, 95)
    assert (core.sequence, core.last_order, core.last_list) == (10, 3, 0)
    assert state_hash(core) == state_hash(session.core)


def test_restored_orders_trade_in_their_old_order() -> None:
    session = after(exchange(), order(ANN, SELL, 5, 20, "first"), order(BOB, SELL, 5, 20, "second"))

    interrupted(session)

    assert trades(session.step(order(CARL, BUY, 6, 20))) == [(3, 1, 5, 20), (3, 2, 1, 20)]


def test_an_iceberg_that_lost_its_place_stands_where_it_stood() -> None:
    session = after(exchange(), order(ANN, SELL, 4, 20, iceberg_quantity=2 * LOT), order(BOB, SELL, 5, 20))
    after(session, order(CARL, BUY, 2, 20, "a"), order(BOB, SELL, 1, 20, "third"))  # Ann is behind Bob's first

    interrupted(session)

    assert trades(session.step(order(CARL, BUY, 8, 20, "b"))) == [(5, 2, 5, 20), (5, 1, 2, 20), (5, 4, 1, 20)]


@pytest.mark.parametrize("buyer_is_first", [True, False])
def test_a_triggered_order_comes_to_stand_when_its_turn_comes(buyer_is_first: bool) -> None:
    session = after(traded_at(exchange(), 15), order(ANN, SELL, 4, 20, iceberg_quantity=2 * LOT))  # 3
    both = [
        stop(BOB, BUY, STOP_LOSS, 2, 16),  # eats a slice of the iceberg in its turn
        stop(CARL, SELL, TAKE_PROFIT_LIMIT, 3, 16, 20),  # rests where the iceberg stands
    ]
    after(session, *(both if buyer_is_first else reversed(both)), order(BOB, SELL, 1, 16))
    after(session, order(CARL, BUY, 1, 16))  # sets both off
    seller = 5 if buyer_is_first else 4

    interrupted(session)

    expected = [(8, 3, 2, 20), (8, seller, 2, 20)] if buyer_is_first else [(8, seller, 3, 20), (8, 3, 1, 20)]
    assert trades(session.step(order(BOB, BUY, 4, 20))) == expected


def test_waiting_and_trailing_orders_go_on_where_they_were() -> None:
    session = traded_at(exchange(), 100)
    after(
        session,
        stop(ANN, SELL, STOP_LOSS_LIMIT, 1, 90, 200, "waits"),
        stop(ANN, SELL, STOP_LOSS_LIMIT, 1, 0, 200, "follows", trailing_delta=1_000),
        stop(ANN, BUY, STOP_LOSS_LIMIT, 1, 130, 1, "waits to follow", trailing_delta=1_000),
        stop(BOB, BUY, STOP_LOSS, 1, 0, 0, "follows the lowest", trailing_delta=2_000),
    )
    traded_at(session, 110, 105, 100)

    interrupted(session)
    assert {row.card.order.client_order_id: row.state.name for row in session.core.open_orders()} == {
        "waits": "WAITING",
        "follows": "TRAILING",
        "waits to follow": "WAITING",
        "follows the lowest": "TRAILING",
    }
    traded_at(session, 101)
    interrupted(session)
    events = session.step(order(CARL, SELL, 1, 99, "a")) + session.step(order(CARL, BUY, 1, 99, "b"))

    assert told(events)[-1] == ("triggered", 4)


def test_an_order_that_follows_and_has_seen_no_price_is_restored_without_one() -> None:
    session = after(exchange(), stop(ANN, SELL, STOP_LOSS_LIMIT, 1, 0, 200, trailing_delta=1_000))

    interrupted(session)
    traded_at(session, 100, 91)
    assert session.core.open_orders()[0].state.name == "TRAILING"

    traded_at(session, 90)
    assert session.core.open_orders()[0].state.name == "WORKING"


def test_an_open_list_is_still_one() -> None:
    session = traded_at(exchange(), 10)
    after(session, oco(stop(ANN, BUY, STOP_LOSS, 5, 12), order(ANN, BUY, 5, 8, type=LIMIT_MAKER)))

    interrupted(session)

    assert told(session.step(order(BOB, SELL, 2, 8)))[1:3] == [("closed", 3, "EXPIRED", 0), ("list", 1, "ALL_DONE")]
    interrupted(session)
    command: PlaceList = oco(stop(ANN, BUY, STOP_LOSS, 5, 12, name="a"), order(ANN, BUY, 5, 7, "b", type=LIMIT_MAKER))
    assert told(session.step(command))[0] == ("list", 2, "EXECUTING")


def test_what_was_prevented_amended_and_agreed_is_restored() -> None:
    session = exchange()
    after(
        session,
        set_terms(ANN, 10_000, 20_000, StpMode.DECREMENT),
        set_market(maker_fee_ppm=5_000),
        order(ANN, SELL, 9, 20),
        order(ANN, BUY, 2, 20),
        amend(ANN, 1, 7),
    )

    interrupted(session)

    assert told(session.step(order(ANN, BUY, 1, 20, "again")))[1] == ("prevented", 3, 1, 1, 1)
    assert told(session.step(order(BOB, BUY, 9, 20)))[1] == ("trade", 4, 1, 4, 20)


def test_replaying_the_commands_gives_the_same_events_and_the_same_hash() -> None:
    session = after(exchange(funds=1_000), order(ANN, SELL, 10, 20), order(BOB, BUY, 4, 20))
    session.close_batch()

    assert state_hash(replay(session)) == state_hash(session.core)


def test_the_hash_tells_states_apart_and_ignores_the_order_of_restoring() -> None:
    balances = [(CHAIN, COIN, -7), (ANN, COIN, 3), (BOB, COIN, 4)]
    first, second, third = Core([PLAIN]), Core([PLAIN]), Core([PLAIN])
    for row in balances:
        first.restore_balance(*row)
    for row in reversed(balances):
        second.restore_balance(*row)
    for row in [(CHAIN, COIN, -7), (ANN, COIN, 4), (BOB, COIN, 3)]:
        third.restore_balance(*row)

    assert state_hash(first) == state_hash(second)
    assert state_hash(first) != state_hash(third)


@pytest.mark.parametrize(
    "other",
    [
        {"executed": 10},
        {"executed_quote": 10},
        {"prevented": 10},
        {"quantity": 60},
        {"price": 21 * TICK},
        {"client_order_id": "other"},
        {"stp": StpMode.DECREMENT},
        {"working_ms": 5},
    ],
)
def test_the_hash_sees_each_part_of_an_order(other: dict[str, object]) -> None:
    def hash_with(**changes: object) -> str:
        placed = msgspec.structs.replace(
            order(ANN, SELL, 5, 20),
            **{key: changes[key] for key in ("quantity", "price", "client_order_id") if key in changes},
        )
        card = Accepted(1, 1, placed, changes.get("stp", StpMode.NONE), working_ms=changes.get("working_ms", 0))
        row = replace(
            OrderRow(card),
            **{key: changes[key] for key in ("executed", "executed_quote", "prevented") if key in changes},
        )
        core = Core([PLAIN])
        core.restore_order(row.card, executed=row.executed, executed_quote=row.executed_quote, prevented=row.prevented)
        return state_hash(core)

    assert hash_with() == hash_with()
    assert hash_with(**other) != hash_with()


# --- references -------------------------------------------------------------------------------------


def test_a_used_client_order_id_is_refused_while_open_while_remembered_and_when_learned() -> None:
    core = exchange(funds=1_000).core
    place = order(ANN, SELL, 1, 20, "once")

    core.apply(place, core.time_ms)
    core.forget()
    core.learn_orders([(ANN, "once", 1)])
    assert reject_of(core.apply(place, core.time_ms)) == "DUPLICATE_ORDER"  # open and learned

    core.apply(order(BOB, BUY, 1, 20, "taker"), core.time_ms)
    assert reject_of(core.apply(order(BOB, BUY, 1, 20, "taker"), core.time_ms)) == "DUPLICATE_ORDER"  # remembered

    core.forget()
    core.learn_orders([(ANN, "once", 1), (BOB, "taker", 2)])
    assert reject_of(core.apply(place, core.time_ms)) == "DUPLICATE_ORDER"  # learned
    assert reject_of(core.apply(order(BOB, SELL, 1, 20, "once"), core.time_ms)) == ""  # another account's


def test_learned_transfers_holds_and_changes_are_repeats() -> None:
    core = Core([PLAIN])
    core.learn_transfers([("d1", Reason.DEPOSIT)])
    core.learn_holds([("w", ANN, COIN, 60, HoldState.RELEASED)])
    core.learn_changes(["m1"])

    assert core.apply(Transfer("d1", CHAIN, ANN, COIN, 5, Reason.DEPOSIT), 1) == [TransferRepeated("d1")]
    assert core.apply(ReleaseHold("w"), 1) == [HoldChanged("w", ANN, COIN, 60, HoldState.RELEASED)]
    assert reject_of(core.apply(set_market("m1"), 1)) == "DUPLICATE_REFERENCE"
    core.forget()
    assert isinstance(set_market("m1"), SetMarket)
    assert reject_of(core.apply(set_market("m1"), 1)) == ""


def test_what_the_core_knows_of_a_hold_is_newer_than_what_it_is_told() -> None:
    core = exchange(funds=100).core
    core.apply(HoldFunds("w", ANN, COIN, 60), core.time_ms)
    core.apply(ReleaseHold("w"), core.time_ms)

    core.learn_holds([("w", ANN, COIN, 60, HoldState.HELD)])

    assert core.apply(ReleaseHold("w"), core.time_ms) == [HoldChanged("w", ANN, COIN, 60, HoldState.RELEASED)]


def test_an_open_hold_that_was_not_restored_is_not_accepted_as_known() -> None:
    with pytest.raises(AssertionError, match="open hold w was not restored"):
        Core([PLAIN]).learn_holds([("w", ANN, COIN, 60, HoldState.HELD)])


# --- what must not happen ---------------------------------------------------------------------------


def test_time_does_not_go_back() -> None:
    core = exchange().core

    with pytest.raises(AssertionError, match="time went back"):
        core.apply(order(ANN, BUY, 1, 1), core.time_ms - 1)


def test_nothing_is_restored_twice() -> None:
    core = Core([market()])
    card = Accepted(2, 1, order(ANN, SELL, 5, 20), StpMode.NONE)
    core.restore_order(card, executed=0, executed_quote=0, prevented=0)
    core.restore_hold("w", ANN, COIN, 5)
    core.restore_list(1, ANN, 1, "list", 1, 3, 4)

    with pytest.raises(AssertionError, match="order 2 restored twice"):
        core.restore_order(card, executed=0, executed_quote=0, prevented=0)
    with pytest.raises(AssertionError, match="hold w restored twice"):
        core.restore_hold("w", ANN, COIN, 5)
    with pytest.raises(AssertionError, match="list 1 restored twice"):
        core.restore_list(1, ANN, 1, "list", 1, 3, 4)


def test_an_order_with_nothing_open_is_not_restored() -> None:
    card = Accepted(1, 1, order(ANN, SELL, 5, 20), StpMode.NONE)

    with pytest.raises(AssertionError, match="order 1 has nothing open"):
        Core([PLAIN]).restore_order(card, executed=40, executed_quote=80, prevented=10)
