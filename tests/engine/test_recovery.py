"""What the core needs from outside: restored state, remembered references, a clock that does not go back."""

import pytest

from tests.engine.shell import replay, restore
from tests.engine.tables import ANN, BOB, BUY, CASH, CHAIN, COIN, PLAIN, SELL, TICK, exchange, order, reject_of, trades
from trading.engine import invariants
from trading.engine.commands import HoldFunds, ReleaseHold, Transfer
from trading.engine.core import Core
from trading.engine.enums import HoldState, Reason
from trading.engine.events import HoldChanged, TransferRepeated
from trading.engine.invariants import InvariantBroken
from trading.engine.snapshot import state_hash


def test_a_restored_core_has_the_same_book_funds_and_hash() -> None:
    session = exchange(funds=1_000)
    session.step(order(ANN, SELL, 10, 20))
    session.step(order(BOB, BUY, 4, 20))
    session.step(order(BOB, BUY, 5, 19))
    session.step(HoldFunds("w", ANN, CASH, 30))

    core = restore(session)

    invariants.check(core)
    assert core.book(1).levels(SELL, 5) == [(20 * TICK, 60)]
    assert (core.balance_of(ANN, COIN), core.held_of(ANN, COIN)) == (960, 60)
    assert (core.balance_of(ANN, CASH), core.held_of(ANN, CASH)) == (1_080, 30)
    assert (core.balance_of(BOB, CASH), core.held_of(BOB, CASH)) == (920, 95)
    assert state_hash(core) == state_hash(session.core)
    next_order = order(BOB, BUY, 1, 20)
    events = session.step(next_order)
    assert core.apply(next_order, session.now_ms) == events


def test_replaying_the_commands_gives_the_same_events_and_the_same_hash() -> None:
    session = exchange(funds=1_000)
    session.step(order(ANN, SELL, 10, 20))
    session.step(order(BOB, BUY, 4, 20))

    assert state_hash(replay([PLAIN], session.log)) == state_hash(session.core)


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


def test_a_used_client_order_id_is_refused_while_open_while_remembered_and_when_learned() -> None:
    core = exchange(funds=1_000).core
    place = order(ANN, SELL, 1, 20, "once")

    core.apply(place, core.time_ms)
    core.forget()
    assert reject_of(core.apply(place, core.time_ms)) == "DUPLICATE_ORDER"  # open

    core.apply(order(BOB, BUY, 1, 20, "taker"), core.time_ms)
    assert reject_of(core.apply(order(BOB, BUY, 1, 20, "taker"), core.time_ms)) == "DUPLICATE_ORDER"  # remembered

    core.forget()
    core.learn_orders([(ANN, "once"), (BOB, "taker")])
    assert reject_of(core.apply(place, core.time_ms)) == "DUPLICATE_ORDER"  # learned
    assert reject_of(core.apply(order(BOB, SELL, 1, 20, "once"), core.time_ms)) == ""  # another account's


def test_learned_transfers_and_holds_are_repeats() -> None:
    core = Core([PLAIN])
    core.learn_transfers([("d1", Reason.DEPOSIT)])
    core.learn_holds([("w", ANN, COIN, 60, HoldState.RELEASED)])

    assert core.apply(Transfer("d1", CHAIN, ANN, COIN, 5, Reason.DEPOSIT), 1) == [TransferRepeated("d1")]
    assert core.apply(ReleaseHold("w"), 1) == [HoldChanged("w", ANN, COIN, 60, HoldState.RELEASED)]


def test_what_the_core_knows_of_a_hold_is_newer_than_what_it_is_told() -> None:
    core = exchange(funds=100).core
    core.apply(HoldFunds("w", ANN, COIN, 60), core.time_ms)
    core.apply(ReleaseHold("w"), core.time_ms)

    core.learn_holds([("w", ANN, COIN, 60, HoldState.HELD)])

    assert core.apply(ReleaseHold("w"), core.time_ms) == [HoldChanged("w", ANN, COIN, 60, HoldState.RELEASED)]


def test_an_open_hold_that_was_not_restored_is_not_accepted_as_known() -> None:
    with pytest.raises(AssertionError, match="open hold w was not restored"):
        Core([PLAIN]).learn_holds([("w", ANN, COIN, 60, HoldState.HELD)])


def test_time_does_not_go_back() -> None:
    core = exchange().core

    with pytest.raises(AssertionError, match="time went back"):
        core.apply(order(ANN, BUY, 1, 1), core.time_ms - 1)


def test_orders_must_be_restored_in_the_order_of_their_ids() -> None:
    core = Core([PLAIN])
    row = {
        "account": ANN, "market": 1, "side": 1, "type": 1, "time_in_force": 1, "status": 1, "price": TICK,
        "quantity": 10, "quote_quantity": 0, "executed": 0, "executed_quote": 0, "created_ms": 1,
    }  # fmt: skip
    core.restore_order(id=2, client_order_id="b", **row)

    with pytest.raises(AssertionError, match="order 1 restored after 2"):
        core.restore_order(id=1, client_order_id="a", **row)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda core: core.restore_balance(ANN, COIN, 60), "asset 2 sums to"),
        (lambda core: core.restore_balance(-1, CASH, 1), "asset 1 sums to"),
        (lambda core: setattr(core.purses()[-1], "held", 5), "held 5, but orders and holds need 0"),
        (lambda core: core.restore_hold("w", BOB, COIN, 101), "held 101 of 100"),
        (lambda core: setattr(core.open_orders()[0], "executed", 10), "but orders and holds need"),
        (lambda core: core.book(1).asks.levels[-20 * TICK].head.level.__setattr__("quantity", 7), "quantity 7"),
        (lambda core: core.book(1).asks.keys.clear(), "keys"),
        (lambda core: core.open_orders_by_key().clear(), "index by client order id"),
        (lambda core: core.restore_counters(9, 0, 0, 0), "newer than the counter"),
    ],
)
def test_the_invariants_find_what_is_broken(break_it: object, message: str) -> None:
    session = exchange(funds=100)
    session.step(order(ANN, SELL, 5, 20))
    invariants.check(session.core)

    break_it(session.core)

    with pytest.raises(InvariantBroken, match=message):
        invariants.check(session.core)


def test_a_crossed_book_is_found() -> None:
    session = exchange(funds=1_000)
    session.step(order(ANN, SELL, 5, 20))
    row = {
        "id": 2, "account": BOB, "market": 1, "client_order_id": "x", "side": 1, "type": 1, "time_in_force": 1,
        "status": 1, "price": 20 * TICK, "quantity": 10, "quote_quantity": 0, "executed": 0, "executed_quote": 0,
        "created_ms": 1,
    }  # fmt: skip
    session.core.restore_order(**row)

    with pytest.raises(InvariantBroken, match="crossed"):
        invariants.check(session.core)


def test_restored_orders_trade_in_their_old_order() -> None:
    session = exchange(funds=1_000)
    session.step(order(ANN, SELL, 5, 20, "first"))
    session.step(order(BOB, SELL, 5, 20, "second"))

    core = restore(session)

    assert trades(core.apply(order(3, BUY, 6, 20), core.time_ms)) == [(3, 1, 5, 20), (3, 2, 1, 20)]
