"""Who trades with whom, at what price, how much; and what is left."""

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    CASH,
    COIN,
    FEES,
    FOK,
    IOC,
    LIMIT_MAKER,
    PLAIN,
    SELL,
    balances,
    cancel,
    exchange,
    funds_of,
    levels,
    market_order,
    order,
    postings,
    reject_of,
    steps,
    trades,
)
from trading.engine.events import BalanceChanged, Executed, LevelChanged, Posted, Traded
from trading.engine.markets import MarketSpec


def with_fees(maker_ppm: int, taker_ppm: int) -> MarketSpec:
    """Return the plain market with fees."""
    return MarketSpec(
        **{name: getattr(PLAIN, name) for name in PLAIN.__struct_fields__}
        | {
            "maker_fee_ppm": maker_ppm,
            "taker_fee_ppm": taker_ppm,
        }
    )


def test_the_best_price_trades_first_and_then_the_oldest_order() -> None:
    session = exchange()
    session.step(order(ANN, SELL, 5, 12))  # 1
    session.step(order(BOB, SELL, 5, 11))  # 2
    session.step(order(ANN, SELL, 5, 11))  # 3
    session.step(order(BOB, SELL, 5, 13))  # 4

    events = session.step(order(CARL, BUY, 12, 12))  # 5

    assert trades(events) == [(5, 2, 5, 11), (5, 3, 5, 11), (5, 1, 2, 12)]
    assert steps(events, 5)[-1] == ("TRADE", "FILLED", 120, 134)
    assert levels(events) == [(5, "SELL", 11, 0), (6, "SELL", 12, 3)]
    assert session.core.book(1).levels(SELL, 10) == [(120_000_000, 30), (130_000_000, 50)]
    assert session.core.book(1).levels(BUY, 10) == []


def test_bids_trade_from_the_highest_and_levels_are_listed_best_first() -> None:
    session = exchange()
    for ticks in (7, 9, 8):
        session.step(order(ANN, BUY, 5, ticks))
    assert session.core.book(1).levels(BUY, 2) == [(90_000_000, 50), (80_000_000, 50)]

    events = session.step(order(BOB, SELL, 10, 8))

    assert trades(events) == [(2, 4, 5, 9), (3, 4, 5, 8)]


def test_a_partly_filled_order_keeps_its_place_in_time() -> None:
    session = exchange()
    session.step(order(ANN, SELL, 5, 10, "first"))  # 1
    session.step(order(BOB, SELL, 5, 10, "second"))  # 2
    session.step(order(CARL, BUY, 2, 10, "a"))

    events = session.step(order(CARL, BUY, 5, 10, "b"))  # 4

    assert trades(events) == [(4, 1, 3, 10), (4, 2, 2, 10)]


def test_a_cancelled_order_in_the_middle_of_a_queue_is_passed_over() -> None:
    session = exchange()
    for name in ("first", "second", "third"):
        session.step(order(ANN, SELL, 5, 10, name))
    session.step(cancel(ANN, 2))

    events = session.step(order(CARL, BUY, 10, 10))  # 4

    assert trades(events) == [(4, 1, 5, 10), (4, 3, 5, 10)]


def test_all_events_of_a_partial_fill_come_in_their_order() -> None:
    session = exchange(with_fees(maker_ppm=1_000, taker_ppm=2_000))
    session.step(order(ANN, SELL, 10, 100))  # 1

    events = session.step(order(BOB, BUY, 30, 101))  # 2: takes 10 at 100 and rests with 20 at 101

    assert [type(event) for event in events] == [
        Executed, Traded, Executed, Executed, *[Posted] * 4, *[LevelChanged] * 2, *[BalanceChanged] * 6,
    ]  # fmt: skip
    assert steps(events, 1) == [("TRADE", "FILLED", 100, 1_000)]
    assert steps(events, 2) == [("NEW", "NEW", 0, 0), ("TRADE", "PARTIALLY_FILLED", 100, 1_000)]
    assert [event.id for event in events if isinstance(event, Executed)] == [2, 3, 4]
    assert postings(events) == [
        ("TRADE_BASE", ANN, BOB, COIN, 100),
        ("TRADE_QUOTE", BOB, ANN, CASH, 1_000),
        ("FEE_BUYER", BOB, FEES, COIN, 1),  # 0.2, rounded up
        ("FEE_SELLER", ANN, FEES, CASH, 1),
    ]
    assert {event.reference for event in events if isinstance(event, Posted)} == {"1:1"}
    assert levels(events) == [(2, "SELL", 100, 0), (3, "BUY", 101, 20)]
    assert balances(events) == [
        (BOB, COIN, 10_099, 0),
        (BOB, CASH, 9_000, 2_020),
        (ANN, COIN, 9_900, 0),
        (ANN, CASH, 10_999, 0),
        (FEES, COIN, 1, 0),
        (FEES, CASH, 1, 0),
    ]


def test_a_buyer_who_gets_a_better_price_has_the_difference_back_at_once() -> None:
    session = exchange()
    session.step(order(ANN, SELL, 10, 50))

    session.step(order(BOB, BUY, 10, 80))

    assert funds_of(session, BOB) == (10_100, 0, 9_500, 0)


def test_fees_are_taken_from_what_is_received_and_rounded_up() -> None:
    session = exchange(with_fees(maker_ppm=10_000, taker_ppm=25_000))
    session.step(order(ANN, BUY, 10, 9))  # receives 100 coin as maker: 1.0 -> 1

    events = session.step(order(BOB, SELL, 10, 9))  # receives 90 cash as taker: 2.25 -> 3

    fees = [(event.account, event.is_maker, event.fee, event.fee_asset) for event in events
            if isinstance(event, Executed) and event.trade != -1]  # fmt: skip
    assert fees == [(ANN, True, 1, COIN), (BOB, False, 3, CASH)]
    assert funds_of(session, ANN) == (10_099, 0, 9_910, 0)
    assert funds_of(session, BOB) == (9_900, 0, 10_087, 0)
    assert funds_of(session, FEES) == (1, 0, 3, 0)


def test_without_fees_there_are_no_fee_postings() -> None:
    session = exchange()
    session.step(order(ANN, BUY, 10, 9))

    events = session.step(order(BOB, SELL, 10, 9))

    assert [row[0] for row in postings(events)] == ["TRADE_BASE", "TRADE_QUOTE"]


def test_cancel_gives_back_exactly_what_remains() -> None:
    session = exchange()
    session.step(order(ANN, BUY, 10, 7))  # 1: holds 70
    session.step(order(BOB, SELL, 4, 7))
    assert funds_of(session, ANN) == (10_040, 0, 9_972, 42)

    events = session.step(cancel(ANN, 1))

    assert steps(events, 1) == [("CANCELED", "CANCELED", 40, 28)]
    assert [event.cancel_id for event in events if isinstance(event, Executed)] == ["cancel-1"]
    assert levels(events) == [(3, "BUY", 7, 0)]
    assert balances(events) == [(ANN, CASH, 9_972, 0)]


# --- time in force ----------------------------------------------------------------------------------


def test_ioc_trades_what_it_can_and_expires() -> None:
    session = exchange()
    session.step(order(ANN, SELL, 4, 10))

    events = session.step(order(BOB, BUY, 10, 10, time_in_force=IOC))  # 2

    assert steps(events, 2) == [
        ("NEW", "NEW", 0, 0),
        ("TRADE", "PARTIALLY_FILLED", 40, 40),
        ("EXPIRED", "EXPIRED", 40, 40),
    ]
    assert funds_of(session, BOB) == (10_040, 0, 9_960, 0)
    assert session.core.open_orders() == []


def test_fok_fills_whole_or_expires_untouched() -> None:
    session = exchange()
    session.step(order(ANN, SELL, 4, 10))
    session.step(order(ANN, SELL, 6, 12))

    too_much = session.step(order(BOB, BUY, 10, 11, time_in_force=FOK))  # 3
    whole = session.step(order(BOB, BUY, 10, 12, time_in_force=FOK))  # 4

    assert steps(too_much, 3) == [("NEW", "NEW", 0, 0), ("EXPIRED", "EXPIRED", 0, 0)]
    assert len(too_much) == 2
    assert steps(whole, 4)[-1] == ("TRADE", "FILLED", 100, 112)


def test_limit_maker_rests_or_is_refused_but_never_takes() -> None:
    session = exchange()
    session.step(order(ANN, SELL, 4, 10))

    at_the_touch = session.step(order(BOB, BUY, 1, 10, type=LIMIT_MAKER))
    below_it = session.step(order(BOB, BUY, 1, 9, type=LIMIT_MAKER))

    assert reject_of(at_the_touch) == "WOULD_TAKE"
    assert steps(below_it, 2) == [("NEW", "NEW", 0, 0)]
    assert funds_of(session, BOB) == (10_000, 0, 10_000, 9)


# --- market orders ----------------------------------------------------------------------------------


def test_a_market_order_takes_any_price_and_what_is_missing_expires() -> None:
    session = exchange()
    session.step(order(ANN, SELL, 4, 10))
    session.step(order(ANN, SELL, 4, 500))

    filled = session.step(market_order(BOB, BUY, lots=5))  # 3
    starved = session.step(market_order(BOB, BUY, lots=9))  # 4
    empty = session.step(market_order(BOB, BUY, lots=1))  # 5

    assert steps(filled, 3)[-1] == ("TRADE", "FILLED", 50, 540)
    assert steps(starved, 4)[-1] == ("EXPIRED", "EXPIRED", 30, 1_500)
    assert steps(empty, 5) == [("NEW", "NEW", 0, 0), ("EXPIRED", "EXPIRED", 0, 0)]


def test_a_market_buy_needs_the_exact_cost_and_no_more() -> None:
    session = exchange(funds=100)
    session.step(order(ANN, SELL, 4, 10))
    session.step(order(ANN, SELL, 4, 15))

    assert reject_of(session.step(market_order(BOB, BUY, lots=9))) == ""  # costs 40 + 60, the rest is not there

    assert funds_of(session, BOB) == (180, 0, 0, 0)


def test_a_market_buy_beyond_the_funds_is_refused_and_changes_nothing() -> None:
    session = exchange(funds=100)
    session.step(order(ANN, SELL, 4, 10))
    session.step(order(ANN, SELL, 4, 16))

    events = session.step(market_order(BOB, BUY, lots=8))  # would cost 104

    assert reject_of(events) == "INSUFFICIENT_FUNDS"
    assert funds_of(session, BOB) == (100, 0, 100, 0)


def test_buying_for_a_quote_quantity_never_spends_more_and_buys_whole_lots() -> None:
    session = exchange()
    session.step(order(ANN, SELL, 4, 10))
    session.step(order(ANN, SELL, 4, 15))

    events = session.step(market_order(BOB, BUY, quote=80))  # 3: 4 lots for 40, 2 for 30; 10 do not buy one for 15

    reports = [event for event in events if isinstance(event, Executed) and event.order == 3]
    assert [(event.status.name, event.quantity, event.executed, event.executed_quote) for event in reports] == [
        ("NEW", 0, 0, 0),
        ("PARTIALLY_FILLED", 40, 40, 40),
        ("FILLED", 60, 60, 70),
    ]
    assert {event.quote_quantity for event in reports} == {80}
    assert funds_of(session, BOB) == (10_060, 0, 9_930, 0)


def test_a_budget_too_small_for_a_lot_at_the_next_level_counts_as_used_up() -> None:
    session = exchange()
    session.step(order(ANN, SELL, 4, 10))
    session.step(order(ANN, SELL, 4, 15))

    events = session.step(market_order(BOB, BUY, quote=52))  # 3: 12 are left, a lot costs 15 now

    assert steps(events, 3)[-1] == ("TRADE", "FILLED", 40, 40)


def test_a_quote_quantity_that_finds_no_more_liquidity_expires() -> None:
    session = exchange()
    session.step(order(ANN, SELL, 4, 10))

    starved = session.step(market_order(BOB, BUY, quote=50))  # 2: 10 left would buy one more lot
    session.step(order(ANN, SELL, 4, 10, "again"))
    used_up = session.step(market_order(BOB, BUY, quote=49))  # 4: 9 left would not
    empty = session.step(market_order(BOB, BUY, quote=48))  # 5

    assert steps(starved, 2)[-1] == ("EXPIRED", "EXPIRED", 40, 40)
    assert steps(used_up, 4)[-1] == ("TRADE", "FILLED", 40, 40)
    assert steps(empty, 5)[-1] == ("EXPIRED", "EXPIRED", 0, 0)


def test_selling_for_a_quote_quantity_never_receives_more() -> None:
    session = exchange()
    session.step(order(ANN, BUY, 4, 15))
    session.step(order(ANN, BUY, 4, 10))

    events = session.step(market_order(BOB, SELL, quote=85))  # 3: 4 for 60, 2 for 20

    assert steps(events, 3)[-1] == ("TRADE", "FILLED", 60, 80)
    assert funds_of(session, BOB) == (9_940, 0, 10_080, 0)


# --- trading with oneself ---------------------------------------------------------------------------


def test_an_account_that_trades_with_itself_pays_fees_and_nothing_else() -> None:
    session = exchange(with_fees(maker_ppm=10_000, taker_ppm=20_000))
    session.step(order(ANN, SELL, 10, 10))  # 1

    events = session.step(order(ANN, BUY, 10, 10))  # 2

    assert trades(events) == [(2, 1, 10, 10)]
    assert postings(events) == [("FEE_BUYER", ANN, FEES, COIN, 2), ("FEE_SELLER", ANN, FEES, CASH, 1)]
    assert funds_of(session, ANN) == (9_998, 0, 9_999, 0)


def test_trading_with_oneself_works_with_the_last_of_the_funds() -> None:
    session = exchange(with_fees(maker_ppm=10_000, taker_ppm=20_000), funds=1_000)
    session.step(order(ANN, SELL, 100, 10))  # holds all her coin

    session.step(order(ANN, BUY, 200, 5, "low"))  # holds all her cash
    session.step(cancel(ANN, name="low"))
    session.step(order(ANN, BUY, 50, 20))  # needs all her cash, trades at 10

    assert funds_of(session, ANN) == (990, 500, 995, 0)
