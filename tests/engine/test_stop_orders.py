"""Stop orders: which trade triggers them, what they do then, and what they hold while they wait."""

import pytest

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    FOK,
    IOC,
    LOT,
    SELL,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    after,
    book,
    cancel,
    closed,
    exchange,
    funds_of,
    market,
    market_order,
    order,
    reject_of,
    stop,
    told,
    traded_at,
    trades,
)
from trading.engine.commands import HoldFunds
from trading.engine.enums import OrderType, Side
from trading.engine.events import Accepted, Triggered

CASES = [
    # type, side, stop price, a last price that does not meet it, one that just does
    (STOP_LOSS, SELL, 10, 11, 10),
    (STOP_LOSS_LIMIT, SELL, 10, 11, 10),
    (STOP_LOSS, BUY, 10, 9, 10),
    (STOP_LOSS_LIMIT, BUY, 10, 9, 10),
    (TAKE_PROFIT, SELL, 10, 9, 10),
    (TAKE_PROFIT_LIMIT, SELL, 10, 9, 10),
    (TAKE_PROFIT, BUY, 10, 11, 10),
    (TAKE_PROFIT_LIMIT, BUY, 10, 11, 10),
]


def limit_of(type: OrderType) -> int:
    """Return the price, in ticks, of an order that has one."""
    return 10 if type in (STOP_LOSS_LIMIT, TAKE_PROFIT_LIMIT) else 0


@pytest.mark.parametrize(("type", "side", "at", "before", "meets"), CASES)
def test_a_trade_at_the_stop_price_triggers_and_one_before_it_does_not(
    type: OrderType, side: Side, at: int, before: int, meets: int
) -> None:
    session = traded_at(exchange(), before)  # orders 1 and 2
    after(session, stop(ANN, side, type, 2, at, limit_of(type)))
    traded_at(session, before)  # 4 and 5
    assert session.core.open_orders()[0].state.name == "WAITING"

    after(session, order(CARL, SELL, 1, meets, "offer"))  # a quote triggers nothing
    events = session.step(order(CARL, BUY, 1, meets, "bid"))

    assert told(events)[:3] == [("accepted", 7), ("trade", 7, 6, 1, meets), ("triggered", 3)]


@pytest.mark.parametrize(("type", "side", "at", "before", "meets"), CASES)
def test_an_order_that_the_last_price_meets_already_is_refused(
    type: OrderType, side: Side, at: int, before: int, meets: int
) -> None:
    session = traded_at(exchange(), meets)
    assert reject_of(session.step(stop(ANN, side, type, 2, at, limit_of(type)))) == "WOULD_TRIGGER"

    traded_at(session, before)

    assert reject_of(session.step(stop(ANN, side, type, 2, at, limit_of(type)))) == ""


@pytest.mark.parametrize(("type", "side", "at", "before", "meets"), CASES)
def test_a_market_without_a_trade_meets_no_condition(
    type: OrderType, side: Side, at: int, before: int, meets: int
) -> None:
    session = exchange()

    assert reject_of(session.step(stop(ANN, side, type, 2, at, limit_of(type)))) == ""


# --- what a triggered order does --------------------------------------------------------------------


def test_a_stop_loss_becomes_a_market_order_and_its_card_says_when() -> None:
    session = traded_at(exchange(), 12)
    after(session, stop(ANN, SELL, STOP_LOSS, 5, 10), order(BOB, BUY, 2, 11), order(BOB, BUY, 2, 6))

    events = session.step(order(CARL, SELL, 3, 6))  # trades at 11 and 6

    assert told(events) == [
        ("accepted", 6),
        ("trade", 6, 4, 2, 11),
        ("trade", 6, 5, 1, 6),
        ("triggered", 3),
        ("trade", 3, 5, 1, 6),
        ("closed", 3, "EXPIRED", 1),
    ]
    triggered = events[3]
    assert isinstance(triggered, Triggered)
    assert (triggered.order.working_ms, triggered.order.trail_ms) == (session.now_ms, 0)
    assert triggered.order.order == stop(ANN, SELL, STOP_LOSS, 5, 10)
    assert funds_of(session, ANN) == (9_990, 0, 10_006, 0)


@pytest.mark.parametrize(
    ("changes", "expected", "left"),
    [
        ({}, [("triggered", 3), ("trade", 3, 4, 2, 10)], [(9, 3)]),
        ({"time_in_force": IOC}, [("triggered", 3), ("trade", 3, 4, 2, 10), ("closed", 3, "EXPIRED", 2)], []),
        ({"time_in_force": FOK}, [("triggered", 3), ("closed", 3, "EXPIRED", 0)], []),
        ({"iceberg_quantity": 4 * LOT}, [("triggered", 3), ("trade", 3, 4, 2, 10)], [(9, 2)]),
    ],
)
def test_a_stop_loss_limit_becomes_a_limit_order(
    changes: dict[str, object], expected: list[object], left: list[object]
) -> None:
    session = traded_at(exchange(), 12)
    after(session, stop(ANN, SELL, STOP_LOSS_LIMIT, 5, 10, 9, **changes), order(BOB, BUY, 3, 10))

    events = session.step(order(CARL, SELL, 1, 10))

    assert told(events)[2:] == expected
    assert book(session, SELL) == left


def test_a_triggered_limit_order_stands_behind_all_that_were_at_its_price() -> None:
    session = traded_at(exchange(), 10)
    after(session, stop(ANN, SELL, STOP_LOSS_LIMIT, 2, 9, 11), order(BOB, SELL, 2, 11))
    traded_at(session, 9)

    assert trades(session.step(order(CARL, BUY, 3, 11))) == [(7, 4, 2, 11), (7, 3, 1, 11)]


def test_each_level_is_looked_at_in_turn_after_the_taker_has_ended() -> None:
    session = traded_at(exchange(), 10)
    after(
        session,
        stop(ANN, BUY, STOP_LOSS, 1, 13),  # 3: second price
        stop(ANN, BUY, STOP_LOSS, 1, 12),  # 4: first price
        stop(ANN, BUY, STOP_LOSS, 1, 11),  # 5: first price, oldest first: after 4
        order(BOB, SELL, 2, 12),  # 6
        order(BOB, SELL, 9, 13),  # 7
    )

    events = session.step(order(CARL, BUY, 4, 13))

    assert told(events) == [
        ("accepted", 8),
        ("trade", 8, 6, 2, 12),
        ("trade", 8, 7, 2, 13),
        ("triggered", 4),
        ("trade", 4, 7, 1, 13),
        ("triggered", 5),
        ("trade", 5, 7, 1, 13),
        ("triggered", 3),
        ("trade", 3, 7, 1, 13),
    ]


def test_what_a_triggered_order_trades_triggers_others_behind_those_in_the_queue() -> None:
    session = traded_at(exchange(), 10)
    after(
        session,
        stop(ANN, SELL, STOP_LOSS, 1, 9),  # 3
        stop(BOB, SELL, STOP_LOSS_LIMIT, 1, 9, 20),  # 4
        stop(ANN, SELL, STOP_LOSS_LIMIT, 1, 7, 20, "deep"),  # 5: 3 trades at 7
        order(CARL, BUY, 1, 9),  # 6
        order(CARL, BUY, 1, 7),  # 7
    )

    events = session.step(order(CARL, SELL, 1, 9))

    assert told(events) == [
        ("accepted", 8),
        ("trade", 8, 6, 1, 9),
        ("triggered", 3),
        ("trade", 3, 7, 1, 7),
        ("triggered", 4),
        ("triggered", 5),
    ]


def test_an_order_is_triggered_by_prices_that_a_taker_only_passed() -> None:
    session = traded_at(exchange(), 10)
    after(session, stop(ANN, BUY, TAKE_PROFIT_LIMIT, 1, 8, 5), order(CARL, BUY, 1, 8), order(CARL, BUY, 2, 9))

    events = session.step(order(CARL, SELL, 3, 8))

    assert told(events)[1:] == [("trade", 6, 5, 2, 9), ("trade", 6, 4, 1, 8), ("triggered", 3)]


def test_waiting_orders_of_another_market_are_not_triggered() -> None:
    session = exchange([market(), market(id=2, symbol="OTHER")])
    after(session, stop(ANN, SELL, STOP_LOSS, 1, 10, market=2))

    traded_at(session, 9)

    assert session.core.open_orders()[0].state.name == "WAITING"


# --- funds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "held"),
    [
        (stop(ANN, SELL, STOP_LOSS, 5, 9), (50, 0)),
        (stop(ANN, SELL, STOP_LOSS_LIMIT, 5, 9, 8), (50, 0)),
        (stop(ANN, BUY, STOP_LOSS, 5, 12), (0, 60)),
        (stop(ANN, BUY, STOP_LOSS_LIMIT, 5, 12, 14), (0, 70)),
        (stop(ANN, BUY, TAKE_PROFIT, 5, 9), (0, 45)),
        (stop(ANN, BUY, TAKE_PROFIT_LIMIT, 5, 9, 3), (0, 15)),
        (stop(ANN, BUY, STOP_LOSS, 5, trailing_delta=1_000), (0, 55)),  # 10 + a tenth
        (stop(ANN, BUY, STOP_LOSS, 5, trailing_delta=333), (0, 52)),  # 103,330,000 x 50 = 51.665, rounded up
        (stop(ANN, BUY, STOP_LOSS, 5, 12, trailing_delta=1_000), (0, 60)),
        (stop(ANN, SELL, STOP_LOSS, 5, trailing_delta=1_000), (50, 0)),
    ],
)
def test_what_a_waiting_order_holds(command: object, held: tuple[int, int]) -> None:
    session = after(traded_at(exchange(), 10), command)

    assert (funds_of(session, ANN)[1], funds_of(session, ANN)[3]) == held
    after(session, cancel(ANN, 3))
    assert funds_of(session, ANN) == (10_000, 0, 10_000, 0)


def test_the_card_tells_the_price_at_which_a_buyer_without_a_price_holds() -> None:
    session = traded_at(exchange(), 10)

    def hold_price(command: object) -> int:
        card = session.step(command)[0]
        assert isinstance(card, Accepted)
        return card.hold_price

    assert hold_price(stop(ANN, BUY, STOP_LOSS, 5, 12)) == 120_000_000
    assert hold_price(stop(ANN, BUY, TAKE_PROFIT, 5, trailing_delta=333)) == 103_330_000
    assert hold_price(stop(ANN, BUY, STOP_LOSS_LIMIT, 5, 13, 14)) == 0
    assert hold_price(stop(ANN, SELL, STOP_LOSS, 5, 8)) == 0
    assert hold_price(market_order(ANN, BUY, lots=1)) == 0


def test_the_price_at_which_he_holds_is_rounded_up_to_a_unit() -> None:
    whole = 100_000_000
    session = exchange(market(tick=1, lot=whole, price_min=1, quantity_min=whole, quantity_max=whole), funds=10 * whole)
    trade = [order(CARL, side, 0, 0, str(side), quantity=whole, price=10_001) for side in (SELL, BUY)]
    after(session, *trade)

    card = session.step(stop(ANN, BUY, STOP_LOSS, 0, quantity=whole, trailing_delta=333))[0]

    assert isinstance(card, Accepted)
    assert card.hold_price == 10_335  # 10,334.0333
    assert funds_of(session, ANN)[3] == 10_335


def test_a_buyer_without_a_price_and_without_a_trade_to_go_by_is_refused() -> None:
    session = exchange()

    assert reject_of(session.step(stop(ANN, BUY, STOP_LOSS, 5, trailing_delta=1_000))) == "PRICE_RELATION"
    assert reject_of(session.step(stop(ANN, SELL, STOP_LOSS, 5, trailing_delta=1_000))) == ""
    assert reject_of(session.step(stop(BOB, BUY, STOP_LOSS, 5, 9, trailing_delta=1_000))) == ""


def test_a_triggered_buyer_spends_what_is_free_too() -> None:
    session = traded_at(exchange(funds=100), 10)
    after(session, stop(ANN, BUY, STOP_LOSS, 5, 12), order(BOB, SELL, 1, 12), order(BOB, SELL, 5, 20))
    assert funds_of(session, ANN) == (100, 0, 100, 60)

    events = session.step(order(CARL, BUY, 1, 12))

    assert told(events)[2:] == [("triggered", 3), ("trade", 3, 5, 5, 20)]
    assert funds_of(session, ANN) == (150, 0, 0, 0)


@pytest.mark.parametrize(
    ("tied_up", "expected", "left"),
    [
        (40, [("trade", 3, 5, 3, 20), ("closed", 3, "EXPIRED", 3)], 0),  # 60 held, nothing free: three lots
        (31, [("trade", 3, 5, 3, 20), ("closed", 3, "EXPIRED", 3)], 9),  # 69: three lots still
        (20, [("trade", 3, 5, 4, 20), ("closed", 3, "EXPIRED", 4)], 0),
        (0, [("trade", 3, 5, 5, 20)], 0),
    ],
)
def test_a_triggered_buyer_takes_as_many_whole_lots_as_he_can_pay_for(
    tied_up: int, expected: list[object], left: int
) -> None:
    session = traded_at(exchange(funds=100), 10)
    after(session, stop(ANN, BUY, STOP_LOSS, 5, 12), order(BOB, SELL, 1, 12), order(BOB, SELL, 5, 20))
    if tied_up:
        after(session, HoldFunds("tied up", ANN, 1, tied_up))

    events = session.step(order(CARL, BUY, 1, 12))

    assert told(events)[2:] == [("triggered", 3), *expected]
    assert funds_of(session, ANN)[2:] == (tied_up + left, tied_up)


def test_a_triggered_buyer_who_can_pay_for_nothing_expires() -> None:
    session = traded_at(exchange(funds=100), 10)
    after(
        session,
        stop(ANN, BUY, STOP_LOSS, 1, 12),
        HoldFunds("tied up", ANN, 1, 88),
        order(BOB, SELL, 1, 12),
        order(BOB, SELL, 5, 20),
    )

    events = session.step(order(CARL, BUY, 1, 12))

    assert closed(events) == [(3, "EXPIRED", 0, 0)]


def test_an_order_in_the_queue_goes_on_holding_until_its_turn() -> None:
    session = traded_at(exchange(funds=100), 10)
    after(
        session,
        stop(ANN, BUY, STOP_LOSS, 5, 12, name="first"),  # 3: holds 60
        stop(ANN, BUY, STOP_LOSS, 3, 12, name="second"),  # 4: holds 36
        order(BOB, SELL, 1, 12),  # 5
        order(BOB, SELL, 9, 20),  # 6
    )

    events = session.step(order(CARL, BUY, 1, 12))

    assert told(events)[2:] == [
        ("triggered", 3),
        ("trade", 3, 6, 3, 20),  # 64 pay for three; the 36 of the second are not touched
        ("closed", 3, "EXPIRED", 3),
        ("triggered", 4),
        ("trade", 4, 6, 2, 20),  # 36 + 4
        ("closed", 4, "EXPIRED", 2),
    ]
    assert funds_of(session, ANN) == (150, 0, 0, 0)
