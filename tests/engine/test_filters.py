"""The filters of a market at their edges."""

import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    IOC,
    LIMIT_MAKER,
    LOT,
    SELL,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT,
    TICK,
    after,
    cancel,
    exchange,
    market,
    market_order,
    oco,
    order,
    reject_of,
    stop,
    traded_at,
)
from trading.engine.commands import PlaceOrder
from trading.engine.enums import StpMode

STRICT = market(
    price_min=2 * TICK,
    price_max=50 * TICK,
    quantity_min=2 * LOT,
    quantity_max=40 * LOT,
    notional_min=20,
    notional_max=500,
)


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        ("", order(BOB, BUY, 10, 2)),
        ("PRICE_FILTER", order(BOB, BUY, 20, 1)),
        ("", order(BOB, BUY, 2, 50)),
        ("PRICE_FILTER", order(BOB, BUY, 10, 51)),
        ("PRICE_FILTER", order(BOB, BUY, 10, 5, price=5 * TICK + 1)),
        ("PRICE_FILTER", stop(BOB, BUY, STOP_LOSS, 10, 51)),
        ("PRICE_FILTER", stop(BOB, BUY, STOP_LOSS, 10, 1)),
        ("PRICE_FILTER", stop(BOB, BUY, STOP_LOSS, 10, 0, stop_price=5 * TICK + 1)),
        ("PRICE_FILTER", stop(BOB, BUY, STOP_LOSS_LIMIT, 10, 1, 5)),
        ("PRICE_FILTER", stop(BOB, BUY, STOP_LOSS_LIMIT, 10, 5, 1)),
        ("", stop(BOB, BUY, STOP_LOSS_LIMIT, 10, 50, 2)),
        ("", order(BOB, BUY, 40, 2)),
        ("LOT_SIZE", order(BOB, BUY, 41, 2)),
        ("LOT_SIZE", order(BOB, BUY, 1, 20)),
        ("LOT_SIZE", order(BOB, BUY, 10, 5, quantity=10 * LOT + 1)),
        ("LOT_SIZE", market_order(BOB, SELL, lots=1)),
        ("LOT_SIZE", market_order(BOB, SELL, lots=41)),
        ("", market_order(BOB, SELL, lots=40)),
        ("LOT_SIZE", stop(BOB, SELL, STOP_LOSS, 41, 5)),
        ("NOTIONAL", order(BOB, BUY, 3, 6)),
        ("", order(BOB, BUY, 5, 4)),
        ("", order(BOB, BUY, 25, 20)),
        ("NOTIONAL", order(BOB, BUY, 26, 20)),
        ("NOTIONAL", stop(BOB, SELL, STOP_LOSS, 3, 6)),
        ("", stop(BOB, SELL, STOP_LOSS, 5, 4)),
        ("NOTIONAL", stop(BOB, SELL, TAKE_PROFIT, 26, 20)),
        ("", stop(BOB, SELL, STOP_LOSS, 2, trailing_delta=100)),  # nothing to count with
        ("NOTIONAL", stop(BOB, SELL, STOP_LOSS_LIMIT, 3, 40, 6)),  # its price counts, not its stop price
        ("", stop(BOB, SELL, STOP_LOSS_LIMIT, 5, 2, 4)),
    ],
)
def test_price_lot_and_notional(expected: str, command: PlaceOrder) -> None:
    session = exchange(STRICT)

    assert reject_of(session.step(command)) == expected


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        ("", order(ANN, BUY, 1, 12)),
        ("PERCENT_PRICE", order(ANN, BUY, 1, 13)),
        ("PERCENT_PRICE", order(ANN, BUY, 1, 13, time_in_force=IOC)),
        ("", order(ANN, BUY, 1, 7)),  # 6.5 is allowed
        ("PERCENT_PRICE", order(ANN, BUY, 1, 6)),
        ("", order(ANN, SELL, 1, 15)),
        ("PERCENT_PRICE", order(ANN, SELL, 1, 16)),
        ("", order(ANN, SELL, 1, 9)),
        ("PERCENT_PRICE", order(ANN, SELL, 1, 8)),
        ("PERCENT_PRICE", order(ANN, SELL, 1, 16, type=LIMIT_MAKER)),
        ("", stop(ANN, BUY, STOP_LOSS_LIMIT, 1, 11, 30)),
        ("", stop(ANN, SELL, STOP_LOSS, 1, 2)),
        ("", market_order(ANN, BUY, lots=1)),
        (
            "PERCENT_PRICE",
            oco(order(ANN, SELL, 1, 16, type=LIMIT_MAKER), stop(ANN, SELL, STOP_LOSS, 1, 2)),
        ),
    ],
)
def test_prices_far_from_the_last_one(expected: str, command: PlaceOrder) -> None:
    bands = market(bid_up_ppm=1_250_000, bid_down_ppm=650_000, ask_up_ppm=1_500_000, ask_down_ppm=850_000)
    session = traded_at(exchange(bands), 10)

    assert reject_of(session.step(command)) == expected


@pytest.mark.parametrize("ticks", [1, 1_000])
def test_without_a_trade_or_without_bands_any_price_is_near(ticks: int) -> None:
    bands = market(bid_up_ppm=1_250_000, bid_down_ppm=650_000)

    assert reject_of(exchange(bands).step(order(ANN, BUY, 1, ticks))) == ""
    assert reject_of(traded_at(exchange(), 10).step(order(ANN, BUY, 1, ticks))) == ""


# --- how many ---------------------------------------------------------------------------------------


def test_orders_that_cannot_stay_are_not_counted_against_the_number_of_orders() -> None:
    session = after(exchange(market(orders_max=2)), order(ANN, BUY, 5, 5, "a"), order(ANN, BUY, 5, 5, "b"))

    assert reject_of(session.step(order(ANN, BUY, 5, 5, "c"))) == "MAX_NUM_ORDERS"
    assert reject_of(session.step(order(ANN, BUY, 5, 5, "c", type=LIMIT_MAKER))) == "MAX_NUM_ORDERS"
    assert reject_of(session.step(stop(ANN, BUY, STOP_LOSS, 5, 5, name="c"))) == "MAX_NUM_ORDERS"
    stop_limit = stop(ANN, BUY, STOP_LOSS_LIMIT, 5, 5, 5, "c", time_in_force=IOC)
    assert reject_of(session.step(stop_limit)) == "MAX_NUM_ORDERS"
    assert reject_of(session.step(order(BOB, BUY, 5, 5, "c"))) == ""
    assert reject_of(session.step(order(ANN, BUY, 5, 5, "c", time_in_force=IOC))) == ""
    assert reject_of(session.step(market_order(ANN, SELL, lots=5))) == ""  # takes "a", her own
    assert reject_of(session.step(order(ANN, BUY, 5, 5, "d"))) == ""


def test_waiting_orders_are_counted_with_the_others_and_by_themselves() -> None:
    session = after(
        exchange(market(orders_max=4, algo_orders_max=2)),
        stop(ANN, BUY, STOP_LOSS, 5, 9, name="a"),  # 1
        stop(ANN, SELL, STOP_LOSS, 5, 0, name="b", trailing_delta=100),  # 2: follows, and counts all the same
    )

    assert reject_of(session.step(stop(ANN, BUY, STOP_LOSS, 5, 9, name="c"))) == "MAX_NUM_ALGO_ORDERS"
    after(session, order(ANN, BUY, 1, 1, "c"), order(ANN, BUY, 1, 1, "d"))
    assert reject_of(session.step(order(ANN, BUY, 1, 1, "e"))) == "MAX_NUM_ORDERS"
    after(session, cancel(ANN, 1), stop(ANN, BUY, STOP_LOSS, 5, 9, name="e"))


def test_a_triggered_order_does_not_wait_any_more() -> None:
    session = traded_at(exchange(market(algo_orders_max=1)), 10)
    after(session, stop(ANN, BUY, STOP_LOSS_LIMIT, 5, 11, 5, "a"))
    traded_at(session, 11)

    assert reject_of(session.step(stop(ANN, BUY, STOP_LOSS_LIMIT, 5, 12, 5, "b"))) == ""


@pytest.mark.parametrize(
    ("orders_max", "algo_orders_max", "goal_waits", "expected"),
    [
        (3, 1, False, ""),
        (2, 1, False, "MAX_NUM_ORDERS"),
        (3, 0, False, "MAX_NUM_ALGO_ORDERS"),
        (3, 2, True, ""),
        (3, 1, True, "MAX_NUM_ALGO_ORDERS"),
    ],
)
def test_a_list_counts_as_two_orders_and_as_many_as_wait(
    orders_max: int, algo_orders_max: int, goal_waits: bool, expected: str
) -> None:
    session = exchange(market(orders_max=orders_max, algo_orders_max=algo_orders_max))
    after(session, order(ANN, BUY, 1, 1))
    goal = stop(ANN, SELL, TAKE_PROFIT, 1, 12) if goal_waits else order(ANN, SELL, 1, 12, type=LIMIT_MAKER)

    assert reject_of(session.step(oco(goal, stop(ANN, SELL, STOP_LOSS, 1, 8)))) == expected


# --- how much ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        # Ann has 100 lots and buys 5 in two orders, Carl sells 3 at 12; 120 lots are allowed.
        ("", order(ANN, BUY, 15, 5, "new")),
        ("MAX_POSITION", order(ANN, BUY, 16, 5, "new")),
        ("", order(ANN, SELL, 16, 15, "new")),
        ("", stop(ANN, BUY, STOP_LOSS, 15, 13)),
        ("MAX_POSITION", stop(ANN, BUY, STOP_LOSS, 16, 13)),
        ("MAX_POSITION", order(ANN, BUY, 16, 5, "new", time_in_force=IOC)),
        ("", market_order(ANN, BUY, lots=15)),
        ("MAX_POSITION", market_order(ANN, BUY, lots=16)),  # its quantity, whatever it would buy
        ("", market_order(ANN, BUY, quote=900)),  # would buy 3
        ("", oco(stop(ANN, BUY, STOP_LOSS, 15, 13), order(ANN, BUY, 15, 9, "b", type=LIMIT_MAKER))),
        ("MAX_POSITION", oco(stop(ANN, BUY, STOP_LOSS, 16, 13), order(ANN, BUY, 16, 9, "b", type=LIMIT_MAKER))),
    ],
)
def test_a_buyer_may_have_so_much_what_he_ordered_included(expected: str, command: PlaceOrder) -> None:
    session = exchange(market(position_max=120 * LOT), funds=1_000)
    after(session, order(CARL, SELL, 3, 12), order(ANN, BUY, 2, 5, "a"), stop(ANN, BUY, STOP_LOSS, 3, 14))

    assert reject_of(session.step(command)) == expected


def test_an_open_order_counts_with_what_is_open_of_it() -> None:
    session = exchange(market(position_max=120 * LOT), funds=1_000)
    after(session, order(ANN, BUY, 10, 10), order(CARL, SELL, 4, 10), order(ANN, SELL, 3, 10, stp=StpMode.DECREMENT))

    assert reject_of(session.step(order(ANN, BUY, 14, 5))) == "MAX_POSITION"  # 104 and 3 that are open
    assert reject_of(session.step(order(ANN, BUY, 13, 5))) == ""


def test_a_quote_quantity_counts_with_what_it_would_buy() -> None:
    session = after(exchange(market(position_max=102 * LOT), funds=1_000), order(CARL, SELL, 3, 12))

    assert reject_of(session.step(market_order(ANN, BUY, quote=36))) == "MAX_POSITION"
    assert reject_of(session.step(market_order(ANN, BUY, quote=35))) == ""


def test_both_orders_of_an_open_list_count() -> None:
    session = exchange(market(position_max=120 * LOT), funds=1_000)
    after(session, oco(stop(ANN, BUY, STOP_LOSS, 8, 13), order(ANN, BUY, 8, 9, "b", type=LIMIT_MAKER)))

    assert reject_of(session.step(order(ANN, BUY, 5, 5))) == "MAX_POSITION"
    assert reject_of(session.step(order(ANN, BUY, 4, 5))) == ""
