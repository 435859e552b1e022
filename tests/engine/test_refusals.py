"""Why orders are refused, in order of precedence, and that a refusal changes nothing."""

import msgspec
import pytest

from tests.engine.shell import Session
from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    CASH,
    CHAIN,
    COIN,
    FOK,
    IOC,
    LIMIT,
    LIMIT_MAKER,
    LOT,
    MARKET,
    SELL,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    TICK,
    after,
    exchange,
    market,
    oco,
    order,
    reject_of,
    stop,
)
from trading.engine.commands import PlaceList, PlaceOrder, Transfer
from trading.engine.core import Core
from trading.engine.enums import PRECEDENCE, MarketStatus, Reason
from trading.engine.snapshot import state_hash

DAN, EVE = 4, 5
STRICT = market(
    price_min=2 * TICK, price_max=50 * TICK, quantity_min=2 * LOT, quantity_max=40 * LOT, notional_min=20,
    notional_max=500, orders_max=4, algo_orders_max=2, iceberg_parts_max=4, position_max=100 * LOT, trailing_min=10,
    trailing_max=2_000, bid_up_ppm=1_500_000, ask_down_ppm=500_000,
)  # fmt: skip
HALTED = market(id=2, symbol="HALTED", status=MarketStatus.HALT)
QUIET = market(id=3, symbol="QUIET")


def crowded() -> Session:
    """Return a session in which nearly every rule can be broken.

    The market stands at 10 with a bid at 11. Ann has as many orders as she may, Bob as many that wait, Carl nearly as
    much coin, Dan nothing at all.
    """
    session = exchange([STRICT, HALTED, QUIET], funds=0)
    for owner, coin, cash in ((ANN, 800, 300), (BOB, 800, 300), (CARL, 990, 300), (EVE, 500, 1_000)):
        for asset, amount in ((COIN, coin), (CASH, cash)):
            after(session, Transfer(f"{owner}:{asset}", CHAIN, owner, asset, amount, Reason.DEPOSIT))
    return after(
        session,
        order(EVE, SELL, 2, 10),
        order(EVE, BUY, 2, 10),
        order(EVE, BUY, 2, 11),
        order(ANN, BUY, 5, 5, "used"),
        order(ANN, BUY, 5, 5, "second"),
        stop(ANN, BUY, STOP_LOSS, 5, 12, name="third"),
        stop(ANN, SELL, STOP_LOSS, 5, 8, name="fourth"),
        stop(BOB, SELL, STOP_LOSS, 5, 8, name="first"),
        stop(BOB, SELL, STOP_LOSS, 5, 8, name="second"),
    )


def state_of(core: Core) -> str:
    """Return the hash of a state with its count of commands and its time set aside."""
    core.restore_counters(sequence=0, last_order=core.last_order, last_list=core.last_list, time_ms=0)
    return state_hash(core)


def maker(account: int, side: object, lots: int, ticks: int, **changes: object) -> PlaceOrder:
    return order(account, side, lots, ticks, "new", **({"type": LIMIT_MAKER} | changes))


def limit_stop(account: int, lots: int, at: int, ticks: int, **changes: object) -> PlaceOrder:
    """A buyer whose condition the last price meets already, if `at` is at most 10."""
    return stop(account, BUY, STOP_LOSS_LIMIT, lots, at, ticks, "new", **changes)


# Each row breaks its own rule and, where it can, all rules after it, so that only precedence decides.
ROWS = [
    ("DUPLICATE_ORDER", order(ANN, BUY, 0, 0, "used", market=9, quote_quantity=-1)),
    ("MARKET_UNKNOWN", order(ANN, BUY, 0, 0, "new", market=9, quote_quantity=-1)),
    ("MARKET_CLOSED", order(ANN, BUY, 0, 0, "new", market=2, quote_quantity=-1)),
    ("INVALID", maker(ANN, BUY, 1, 60, iceberg_quantity=5, quote_quantity=5)),
    ("PRICE_FILTER", maker(ANN, BUY, 1, 60, iceberg_quantity=1)),
    ("PRICE_FILTER", limit_stop(ANN, 1, 1, 16, iceberg_quantity=1, trailing_delta=5)),
    ("PERCENT_PRICE", maker(ANN, BUY, 1, 16, iceberg_quantity=1)),
    ("LOT_SIZE", maker(ANN, BUY, 1, 15, iceberg_quantity=1)),
    ("LOT_SIZE", limit_stop(ANN, 40, 9, 15, iceberg_quantity=5, trailing_delta=5)),
    ("ICEBERG_PARTS", limit_stop(ANN, 40, 9, 15, iceberg_quantity=LOT, trailing_delta=5)),
    ("NOTIONAL", limit_stop(ANN, 40, 9, 15, trailing_delta=5)),
    ("TRAILING_DELTA", limit_stop(ANN, 30, 9, 15, trailing_delta=5)),
    ("MAX_NUM_ORDERS", limit_stop(ANN, 30, 9, 15)),
    ("MAX_NUM_ALGO_ORDERS", limit_stop(BOB, 30, 9, 15)),
    ("MAX_POSITION", limit_stop(CARL, 30, 9, 15)),
    ("MAX_POSITION", maker(CARL, BUY, 30, 15)),
    ("PRICE_RELATION", stop(DAN, BUY, STOP_LOSS, 5, name="new", market=3, trailing_delta=100)),
    ("WOULD_TRIGGER", limit_stop(DAN, 30, 9, 15)),
    ("WOULD_TAKE", maker(DAN, SELL, 30, 11)),
    ("INSUFFICIENT_FUNDS", maker(DAN, SELL, 30, 12)),
]


@pytest.mark.parametrize(("expected", "command"), ROWS)
def test_the_first_broken_rule_is_told_and_nothing_changes(expected: str, command: PlaceOrder) -> None:
    session = crowded()
    before = state_of(session.core)

    assert reject_of(session.step(command)) == expected
    assert state_of(session.core) == before


def test_every_refusal_has_a_row_and_the_rows_are_in_order() -> None:
    assert tuple(dict.fromkeys(expected for expected, _ in ROWS)) == tuple(reject.name for reject in PRECEDENCE)


def list_of(above: PlaceOrder, below: PlaceOrder, **changes: object) -> PlaceList:
    return oco(
        msgspec.structs.replace(above, client_order_id="above"),
        msgspec.structs.replace(below, client_order_id="below"),
        **changes,
    )


def seller_stop(account: int, lots: int, at: int, **changes: object) -> PlaceOrder:
    return stop(account, SELL, STOP_LOSS, lots, at, **changes)


LIST_ROWS = [
    ("DUPLICATE_ORDER", oco(maker(ANN, BUY, 0, 0), order(BOB, BUY, 0, 0, "new"), market=9)),
    ("DUPLICATE_ORDER", oco(order(ANN, BUY, 0, 0, "used"), order(ANN, SELL, 0, 0, "new"), market=9)),
    ("MARKET_UNKNOWN", list_of(maker(ANN, BUY, 0, 0), order(BOB, BUY, 0, 0), market=9)),
    ("MARKET_CLOSED", list_of(maker(ANN, BUY, 0, 0), order(BOB, BUY, 0, 0), market=2)),
    ("INVALID", list_of(maker(ANN, SELL, 1, 60), seller_stop(ANN, 1, 60, stop_price=-1))),
    ("PRICE_FILTER", list_of(maker(ANN, SELL, 1, 60), seller_stop(ANN, 1, 60))),
    ("PERCENT_PRICE", list_of(maker(ANN, SELL, 1, 4), seller_stop(ANN, 1, 60))),
    ("LOT_SIZE", list_of(maker(ANN, SELL, 1, 11, iceberg_quantity=1), seller_stop(ANN, 1, 60))),
    ("ICEBERG_PARTS", list_of(maker(ANN, SELL, 40, 20, iceberg_quantity=LOT), seller_stop(ANN, 40, 60))),
    ("NOTIONAL", list_of(maker(ANN, SELL, 40, 20), seller_stop(ANN, 40, 60))),
    ("TRAILING_DELTA", list_of(stop(ANN, SELL, TAKE_PROFIT, 40, 9, trailing_delta=5), seller_stop(ANN, 40, 60))),
    ("PRICE_FILTER", list_of(maker(ANN, SELL, 30, 11), seller_stop(ANN, 30, 60))),  # now the one below
    ("TRAILING_DELTA", list_of(maker(ANN, SELL, 30, 11), seller_stop(ANN, 30, 12, trailing_delta=5))),
    ("MAX_NUM_ORDERS", list_of(maker(ANN, SELL, 30, 11), seller_stop(ANN, 30, 12))),
    ("MAX_NUM_ALGO_ORDERS", list_of(maker(BOB, SELL, 30, 11), seller_stop(BOB, 30, 12))),
    (
        "MAX_POSITION",
        list_of(stop(CARL, BUY, STOP_LOSS_LIMIT, 30, 10, 15), stop(CARL, BUY, TAKE_PROFIT_LIMIT, 30, 10, 15)),
    ),
    ("PRICE_RELATION", list_of(maker(DAN, SELL, 30, 11), seller_stop(DAN, 30, 12))),
    ("WOULD_TRIGGER", list_of(maker(DAN, SELL, 30, 11), seller_stop(DAN, 30, 10))),
    ("WOULD_TAKE", list_of(maker(DAN, SELL, 30, 11), seller_stop(DAN, 30, 9))),
    ("INSUFFICIENT_FUNDS", list_of(maker(DAN, SELL, 30, 12), seller_stop(DAN, 30, 9))),
]


@pytest.mark.parametrize(("expected", "command"), LIST_ROWS)
def test_the_first_broken_rule_of_a_list_is_told_and_nothing_changes(expected: str, command: PlaceList) -> None:
    session = crowded()
    before = state_of(session.core)

    assert reject_of(session.step(command)) == expected
    assert state_of(session.core) == before


def test_refused_orders_get_no_id_and_may_be_sent_again() -> None:
    session = after(exchange(funds=100), order(ANN, BUY, 5, 5, "a"))
    assert reject_of(session.step(order(ANN, BUY, 50, 5, "b"))) == "INSUFFICIENT_FUNDS"

    after(session, order(ANN, BUY, 5, 5, "b"))

    assert session.core.last_order == 2
    assert session.core.sequence == session.steps


@pytest.mark.parametrize(
    "changes",
    [
        {"account": 0},
        {"account": -2},
        {"client_order_id": ""},
        {"client_order_id": "x" * 37},
        {"quantity": -10},
        {"quantity": 2**63},
        {"price": -TICK},
        {"price": 2**63},
        {"quote_quantity": 5},
        {"quote_quantity": -5},
        {"stop_price": -TICK},
        {"stop_price": 6 * TICK},
        {"trailing_delta": 100},
        {"trailing_delta": -1},
        {"iceberg_quantity": -LOT},
        {"iceberg_quantity": 2**63},
        {"iceberg_quantity": LOT, "time_in_force": IOC},
        {"iceberg_quantity": LOT, "time_in_force": FOK},
        {"type": LIMIT_MAKER, "time_in_force": FOK},
        {"type": LIMIT_MAKER, "time_in_force": IOC},
        {"type": LIMIT_MAKER, "quote_quantity": 5},
        {"type": LIMIT_MAKER, "stop_price": 6 * TICK},
        {"type": MARKET},
        {"type": MARKET, "price": 0, "quote_quantity": 5},
        {"type": MARKET, "price": 0, "quantity": 0, "quote_quantity": -5},
        {"type": MARKET, "price": 0, "quantity": 0, "quote_quantity": 2**63},
        {"type": MARKET, "price": 0, "time_in_force": IOC},
        {"type": MARKET, "price": 0, "stop_price": 6 * TICK},
        {"type": MARKET, "price": 0, "trailing_delta": 100},
        {"type": MARKET, "price": 0, "iceberg_quantity": LOT},
        {"type": STOP_LOSS, "price": 0},
        {"type": STOP_LOSS, "stop_price": 6 * TICK},
        {"type": STOP_LOSS, "price": 0, "stop_price": 6 * TICK, "time_in_force": IOC},
        {"type": STOP_LOSS, "price": 0, "stop_price": 6 * TICK, "iceberg_quantity": LOT},
        {"type": STOP_LOSS, "price": 0, "stop_price": 6 * TICK, "quantity": 0, "quote_quantity": 50},
        {"type": TAKE_PROFIT, "price": 0},
        {"type": TAKE_PROFIT, "stop_price": 4 * TICK},
        {"type": TAKE_PROFIT, "price": 0, "stop_price": 4 * TICK, "time_in_force": FOK},
        {"type": STOP_LOSS_LIMIT},
        {"type": STOP_LOSS_LIMIT, "stop_price": 6 * TICK, "time_in_force": IOC, "iceberg_quantity": LOT},
        {"type": TAKE_PROFIT_LIMIT},
        {"type": TAKE_PROFIT_LIMIT, "trailing_delta": 2**63},
    ],
)
def test_orders_that_contradict_themselves_are_invalid(changes: dict[str, object]) -> None:
    session = exchange()

    assert reject_of(session.step(msgspec.structs.replace(order(ANN, BUY, 5, 5), **changes))) == "INVALID"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_order_id": "x" * 36}, ""),
        ({"quantity": 0}, "LOT_SIZE"),
        ({"price": 0}, "PRICE_FILTER"),
        ({"quantity": 2**63 - 1}, "LOT_SIZE"),
        ({"price": 2**63 - 1}, "PRICE_FILTER"),
        ({"type": MARKET, "price": 0, "quantity": 0}, "LOT_SIZE"),
        ({"type": STOP_LOSS_LIMIT, "price": 0, "stop_price": 6 * TICK}, "PRICE_FILTER"),
        ({"type": LIMIT, "quantity": 0, "price": 0}, "PRICE_FILTER"),
    ],
)
def test_what_is_missing_or_too_large_is_left_to_its_filter(changes: dict[str, object], expected: str) -> None:
    session = exchange()

    assert reject_of(session.step(msgspec.structs.replace(order(ANN, BUY, 5, 5), **changes))) == expected
