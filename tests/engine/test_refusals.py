"""Why orders and cancels are refused, in order of precedence, and that a refusal changes nothing."""

import msgspec
import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    FOK,
    IOC,
    LIMIT_MAKER,
    LOT,
    MARKET,
    PLAIN,
    SELL,
    TICK,
    cancel,
    exchange,
    market_order,
    order,
    reject_of,
)
from trading.engine.commands import CancelOrder, PlaceOrder
from trading.engine.core import Core
from trading.engine.enums import MarketStatus, Reject
from trading.engine.snapshot import state_hash

STRICT = msgspec.structs.replace(
    PLAIN, price_min=2 * TICK, price_max=50 * TICK, quantity_min=2 * LOT, quantity_max=40 * LOT,
    notional_min=20, notional_max=500, orders_max=2,
)  # fmt: skip
HALTED = msgspec.structs.replace(PLAIN, id=2, status=MarketStatus.HALT)


def same_but_for_the_count(core: Core) -> str:
    """Return the hash of a state with its count of commands set aside."""
    core.restore_counters(0, core.last_order, core.last_execution, core.time_ms)
    return state_hash(core)


# Each row breaks its own rule and, where it can, all rules after it, so that only precedence decides.
PRECEDENCE = [
    ("DUPLICATE_ORDER", order(ANN, BUY, 0, 0, "used", market=9)),
    ("MARKET_UNKNOWN", order(ANN, BUY, 0, 0, "new", market=9, quote_quantity=-1)),
    ("MARKET_CLOSED", order(ANN, BUY, 0, 0, "new", market=2, quote_quantity=-1)),
    ("INVALID", order(ANN, BUY, 0, 0, "new", quote_quantity=5)),
    ("PRICE_FILTER", order(ANN, SELL, 1, 1, "new", type=LIMIT_MAKER)),
    ("LOT_SIZE", order(ANN, SELL, 1, 2, "new", type=LIMIT_MAKER)),
    ("NOTIONAL", order(ANN, SELL, 2, 2, "new", type=LIMIT_MAKER)),
    ("MAX_NUM_ORDERS", order(ANN, SELL, 10, 2, "new", type=LIMIT_MAKER)),
    ("WOULD_TAKE", order(CARL, SELL, 40, 2, "new", type=LIMIT_MAKER)),
    ("INSUFFICIENT_FUNDS", order(CARL, SELL, 40, 9, "new", type=LIMIT_MAKER)),
]


@pytest.mark.parametrize(("expected", "command"), PRECEDENCE)
def test_the_first_broken_rule_is_told_and_nothing_changes(expected: str, command: PlaceOrder) -> None:
    session = exchange([STRICT, HALTED], funds=100)
    for name in ("used", "second"):  # as many orders as Ann may have
        assert reject_of(session.step(order(ANN, BUY, 5, 5, name))) == ""
    before = same_but_for_the_count(session.core)

    events = session.core.apply(command, session.now_ms)

    assert reject_of(events) == expected
    assert same_but_for_the_count(session.core) == before


def test_the_refusals_of_orders_are_numbered_in_their_order_of_precedence() -> None:
    numbers = [Reject[expected] for expected, _ in PRECEDENCE if expected != "INVALID"]

    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        ("", order(BOB, BUY, 10, 2)),
        ("", order(BOB, BUY, 2, 50)),
        ("PRICE_FILTER", order(BOB, BUY, 10, 51)),
        ("PRICE_FILTER", order(BOB, BUY, 10, 5, price=5 * TICK + 1)),
        ("PRICE_FILTER", order(BOB, BUY, 10, -5)),
        ("", order(BOB, BUY, 40, 2)),
        ("LOT_SIZE", order(BOB, BUY, 41, 2)),
        ("LOT_SIZE", order(BOB, BUY, 10, 5, quantity=10 * LOT + 1)),
        ("LOT_SIZE", order(BOB, BUY, -10, 5)),
        ("LOT_SIZE", market_order(BOB, SELL, lots=1)),
        ("LOT_SIZE", market_order(BOB, SELL, lots=41)),
        ("LOT_SIZE", market_order(BOB, BUY, lots=-2)),
        ("NOTIONAL", order(BOB, BUY, 3, 6)),
        ("", order(BOB, BUY, 5, 4)),
        ("", order(BOB, BUY, 25, 20)),
        ("NOTIONAL", order(BOB, BUY, 26, 20)),
        ("NOTIONAL", market_order(BOB, SELL, quote=19)),
        ("", market_order(BOB, SELL, quote=20)),
    ],
)
def test_filters_at_their_edges(expected: str, command: PlaceOrder) -> None:
    session = exchange(STRICT)

    assert reject_of(session.step(command)) == expected


def test_the_notional_of_a_market_order_is_what_it_would_trade_now() -> None:
    session = exchange(STRICT)
    session.step(order(ANN, BUY, 2, 10))
    session.step(order(ANN, BUY, 10, 3))

    too_little = session.step(market_order(BOB, BUY, lots=2))
    below = session.step(order(CARL, SELL, 3, 9, "leaves 8", quantity=2 * LOT))
    small = session.step(market_order(BOB, SELL, lots=6))

    assert reject_of(too_little) == ""  # nobody sells: accepted, then expired
    assert reject_of(below) == "NOTIONAL"
    assert reject_of(small) == ""
    assert reject_of(session.step(market_order(BOB, SELL, lots=3))) == "NOTIONAL"  # 3 lots at 3


def test_orders_that_cannot_rest_are_not_counted_against_the_number_of_orders() -> None:
    session = exchange(STRICT)
    session.step(order(ANN, BUY, 5, 5, "a"))
    session.step(order(ANN, BUY, 5, 5, "b"))

    assert reject_of(session.step(order(ANN, BUY, 5, 5, "c"))) == "MAX_NUM_ORDERS"
    assert reject_of(session.step(order(ANN, BUY, 5, 5, "c", time_in_force=IOC))) == ""
    assert reject_of(session.step(market_order(ANN, SELL, lots=5))) == ""  # takes "a", her own
    assert reject_of(session.step(order(ANN, BUY, 5, 5, "d"))) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"account": 0},
        {"account": -2},
        {"client_order_id": ""},
        {"client_order_id": "x" * 37},
        {"quote_quantity": 5},
        {"quote_quantity": -5},
        {"type": LIMIT_MAKER, "time_in_force": FOK},
        {"type": LIMIT_MAKER, "quote_quantity": 5},
        {"type": MARKET},
        {"type": MARKET, "price": 0, "quote_quantity": 5},
        {"type": MARKET, "price": 0, "quantity": 0},
        {"type": MARKET, "price": 0, "quantity": 0, "quote_quantity": -5},
        {"type": MARKET, "price": 0, "quantity": 0, "quote_quantity": 2**63},
        {"type": MARKET, "price": 0, "time_in_force": IOC},
    ],
)
def test_orders_that_contradict_themselves_are_invalid(changes: dict[str, object]) -> None:
    session = exchange()

    assert reject_of(session.step(msgspec.structs.replace(order(ANN, BUY, 5, 5), **changes))) == "INVALID"


def test_refused_orders_get_no_id_and_may_be_sent_again() -> None:
    session = exchange(funds=100)
    session.step(order(ANN, BUY, 5, 5, "a"))
    assert reject_of(session.step(order(ANN, BUY, 50, 5, "b"))) == "INSUFFICIENT_FUNDS"

    session.step(order(ANN, BUY, 5, 5, "b"))

    assert session.core.last_order == 2
    assert session.core.sequence == len(session.log)


def test_funds_that_are_held_cannot_be_used_twice() -> None:
    session = exchange(funds=100)

    assert reject_of(session.step(order(ANN, BUY, 10, 6))) == ""
    assert reject_of(session.step(order(ANN, BUY, 10, 5))) == "INSUFFICIENT_FUNDS"
    assert reject_of(session.step(order(ANN, BUY, 10, 4))) == ""
    assert reject_of(session.step(order(ANN, SELL, 10, 99))) == ""
    assert reject_of(session.step(order(ANN, SELL, 1, 99))) == "INSUFFICIENT_FUNDS"


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
        ("MARKET_UNKNOWN", cancel(ANN, 1, market=9)),
    ],
)
def test_cancels(expected: str, command: CancelOrder) -> None:
    session = exchange()
    session.step(order(ANN, BUY, 5, 5, "one"))
    session.step(order(ANN, BUY, 5, 5, "two"))
    session.step(order(ANN, SELL, 1, 5, "three"))

    assert reject_of(session.step(command)) == expected


def test_a_halted_market_takes_cancels_and_an_order_is_unknown_in_another_market() -> None:
    session = exchange([PLAIN, HALTED])
    core = session.core
    core.restore_order(
        id=1, account=ANN, market=2, client_order_id="one", side=1, type=1, time_in_force=1, status=1,
        price=5 * TICK, quantity=5 * LOT, quote_quantity=0, executed=0, executed_quote=0, created_ms=1,
    )  # fmt: skip

    assert reject_of(core.apply(cancel(ANN, 1, market=1), core.time_ms)) == "UNKNOWN_ORDER"
    assert reject_of(core.apply(order(ANN, BUY, 5, 5, "new", market=2), core.time_ms)) == "MARKET_CLOSED"
    assert reject_of(core.apply(cancel(ANN, 1, market=2), core.time_ms)) == ""
