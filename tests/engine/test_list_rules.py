"""What makes an order list, and what must be true of its two orders."""

import msgspec
import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
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
    after,
    exchange,
    market,
    oco,
    order,
    reject_of,
    stop,
    told,
    traded_at,
)
from trading.engine.commands import PlaceOrder
from trading.engine.enums import OrderType, Side


def maker(account: int, side: Side, lots: int, ticks: int, name: str = "maker", **changes: object) -> PlaceOrder:
    """Return the order of a list that waits in the book."""
    return order(account, side, lots, ticks, name, **({"type": LIMIT_MAKER} | changes))


SELLING = oco(maker(ANN, SELL, 5, 12), stop(ANN, SELL, STOP_LOSS_LIMIT, 5, 8, 7, "stop"))
"""Profit at 12, loss at 8."""


@pytest.mark.parametrize(
    ("side", "above", "below", "expected"),
    [
        *[
            (SELL, above, below, "")
            for above in (LIMIT_MAKER, TAKE_PROFIT, TAKE_PROFIT_LIMIT)
            for below in (STOP_LOSS, STOP_LOSS_LIMIT)
        ],
        *[
            (BUY, above, below, "")
            for above in (STOP_LOSS, STOP_LOSS_LIMIT)
            for below in (LIMIT_MAKER, TAKE_PROFIT, TAKE_PROFIT_LIMIT)
        ],
        (SELL, STOP_LOSS, LIMIT_MAKER, "INVALID"),
        (SELL, LIMIT_MAKER, TAKE_PROFIT, "INVALID"),
        (SELL, LIMIT_MAKER, LIMIT_MAKER, "INVALID"),
        (SELL, LIMIT, STOP_LOSS, "INVALID"),
        (SELL, STOP_LOSS, STOP_LOSS, "INVALID"),
        (BUY, LIMIT_MAKER, STOP_LOSS, "INVALID"),
        (BUY, STOP_LOSS, LIMIT, "INVALID"),
        (BUY, STOP_LOSS, MARKET, "INVALID"),
    ],
)
def test_which_types_make_a_list(side: Side, above: OrderType, below: OrderType, expected: str) -> None:
    def leg(type: OrderType, ticks: int, name: str) -> PlaceOrder:
        with_price = type in (LIMIT, LIMIT_MAKER, STOP_LOSS_LIMIT, TAKE_PROFIT_LIMIT)
        waits = type not in (LIMIT, LIMIT_MAKER, MARKET)
        return stop(ANN, side, type, 5, ticks if waits else 0, ticks if with_price else 0, name)

    session = traded_at(exchange(), 10)

    assert reject_of(session.step(oco(leg(above, 12, "a"), leg(below, 8, "b")))) == expected


@pytest.mark.parametrize(
    ("changes_above", "changes_below", "changes", "expected"),
    [
        ({}, {}, {}, ""),
        ({}, {"account": BOB}, {}, "INVALID"),
        ({}, {"market": 2}, {}, "INVALID"),
        ({}, {"side": BUY}, {}, "INVALID"),
        ({}, {"quantity": 40}, {}, "INVALID"),
        ({}, {}, {"account": BOB}, "INVALID"),
        ({}, {}, {"market": 2}, "INVALID"),
        ({}, {}, {"client_list_id": ""}, "INVALID"),
        ({}, {}, {"client_list_id": "x" * 36}, ""),
        ({}, {}, {"client_list_id": "x" * 37}, "INVALID"),
        ({"iceberg_quantity": LOT}, {"iceberg_quantity": LOT}, {}, ""),
        ({}, {"time_in_force": IOC}, {}, ""),
        ({"time_in_force": IOC}, {}, {}, "INVALID"),
        ({"account": -1}, {"account": -1}, {"account": -1}, "INVALID"),
        ({"price": 1}, {"stop_price": -1}, {}, "INVALID"),  # of both orders before any filter
        ({"price": 1}, {"quantity": 50, "stop_price": 1}, {}, "PRICE_FILTER"),
    ],
)
def test_two_orders_that_make_no_list_are_invalid(
    changes_above: dict[str, object], changes_below: dict[str, object], changes: dict[str, object], expected: str
) -> None:
    session = traded_at(exchange([market(), market(id=2, symbol="OTHER")]), 10)
    above = msgspec.structs.replace(SELLING.above, **changes_above)
    below = msgspec.structs.replace(SELLING.below, **changes_below)

    command = msgspec.structs.replace(SELLING, above=above, below=below, **changes)

    assert reject_of(session.step(command)) == expected


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [
        (maker(ANN, SELL, 5, 12), stop(ANN, SELL, STOP_LOSS, 5, 11, name="s"), "WOULD_TRIGGER"),
        (maker(ANN, SELL, 5, 12), stop(ANN, SELL, STOP_LOSS, 5, 12, name="s"), "PRICE_RELATION"),
        (maker(ANN, SELL, 5, 12), stop(ANN, SELL, STOP_LOSS, 5, 12, name="s", trailing_delta=100), "PRICE_RELATION"),
        (maker(ANN, SELL, 5, 12), stop(ANN, SELL, STOP_LOSS, 5, 11, name="s", trailing_delta=100), ""),
        (maker(ANN, SELL, 5, 12), stop(ANN, SELL, STOP_LOSS, 5, name="s", trailing_delta=100), ""),
        (maker(ANN, SELL, 5, 12), stop(ANN, SELL, STOP_LOSS_LIMIT, 5, 8, 50, "s"), ""),  # its price does not count
        (
            stop(ANN, SELL, TAKE_PROFIT_LIMIT, 5, 11, 1, "t"),
            stop(ANN, SELL, STOP_LOSS_LIMIT, 5, 9, 50, "s"),
            "",
        ),
        (stop(ANN, BUY, STOP_LOSS, 5, 12, name="s"), maker(ANN, BUY, 5, 12), "PRICE_RELATION"),
        (
            stop(ANN, BUY, STOP_LOSS, 5, 11, name="s"),
            stop(ANN, BUY, TAKE_PROFIT, 5, 9, name="t"),
            "",
        ),
        (stop(ANN, SELL, TAKE_PROFIT, 5, 10, name="t"), stop(ANN, SELL, STOP_LOSS, 5, 8, name="s"), "WOULD_TRIGGER"),
        (maker(ANN, SELL, 5, 9), stop(ANN, SELL, STOP_LOSS, 5, 8, name="s"), "WOULD_TAKE"),
    ],
)
def test_the_one_above_is_above_the_one_below(above: PlaceOrder, below: PlaceOrder, expected: str) -> None:
    session = after(traded_at(exchange(), 10), order(BOB, BUY, 1, 9))

    assert reject_of(session.step(oco(above, below))) == expected


@pytest.mark.parametrize(
    ("above", "below", "name", "expected"),
    [
        ("a", "b", "new", ""),
        ("a", "a", "new", "DUPLICATE_ORDER"),
        ("maker", "b", "new", "DUPLICATE_ORDER"),
        ("a", "stop", "new", "DUPLICATE_ORDER"),
        ("a", "b", "list", "DUPLICATE_ORDER"),
    ],
)
def test_names_of_orders_and_of_open_lists_are_used_once(above: str, below: str, name: str, expected: str) -> None:
    session = after(traded_at(exchange(), 10), SELLING)

    command = oco(maker(ANN, SELL, 5, 12, above), stop(ANN, SELL, STOP_LOSS, 5, 8, name=below), name)

    assert reject_of(session.step(command)) == expected


def test_another_account_may_use_the_same_names() -> None:
    session = after(traded_at(exchange(), 10), SELLING)

    command = oco(maker(BOB, SELL, 5, 12), stop(BOB, SELL, STOP_LOSS_LIMIT, 5, 8, 7, "stop"))

    assert told(session.step(command))[0] == ("list", 2, "EXECUTING")
