"""The quotes that the market maker wants."""

import pytest

from mex.money import steps_are_exact
from trading.market_maker.ladder import LEVELS, PLANS, Plan, Quote, Reference, Rules, changes, grain_of, wanted_quotes

RULES = Rules(tick=1_000, lot=100_000, notional_min=10_000)
PLAN = Plan("ETHBTC", "ETH", "BTC", start=5_000_000, first=20_000_000)
DOLLARS = Rules(tick=1_000_000, lot=10_000, notional_min=500_000_000)
RICH = 10**15


def test_a_ladder_has_levels_on_both_sides_away_from_the_reference() -> None:
    quotes = wanted_quotes(5_000_000, RULES, PLAN, base=RICH, quote=RICH)

    assert quotes[:4] == [
        Quote("BUY", 4_996_000, 20_000_000),
        Quote("SELL", 5_004_000, 20_000_000),
        Quote("BUY", 4_992_000, 40_000_000),
        Quote("SELL", 5_008_000, 40_000_000),
    ]
    assert len(quotes) == 2 * LEVELS


def test_a_fine_tick_does_not_make_a_narrow_ladder() -> None:
    """0.02 % of the price lies between two grains, whatever the tick: 60 cents of 3,000 dollars."""
    plan = Plan("ETHUSDT", "ETH", "USDT", start=300_000_000_000, first=20_000_000)

    quotes = wanted_quotes(300_000_000_000, DOLLARS, plan, base=RICH, quote=RICH)

    assert grain_of(plan.start, DOLLARS.tick) == 60_000_000
    assert quotes[:2] == [Quote("BUY", 299_760_000_000, 20_000_000), Quote("SELL", 300_240_000_000, 20_000_000)]


def test_a_coarse_tick_is_the_grain() -> None:
    assert grain_of(5_000_000, 7_000) == 7_000


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.symbol)
def test_every_plan_is_on_the_steps_of_its_market(plan: Plan) -> None:
    rules = RULES if plan.quote == "BTC" else DOLLARS

    quotes = wanted_quotes(plan.start, rules, plan, base=RICH, quote=RICH)

    assert steps_are_exact(tick=rules.tick, lot=rules.lot)
    assert len(quotes) == 2 * LEVELS
    assert all(quote.price % rules.tick == 0 and quote.quantity % rules.lot == 0 for quote in quotes)


def test_the_prices_of_all_plans_fit_each_other() -> None:
    starts = {plan.symbol: plan.start for plan in PLANS}

    assert starts["ETHBTC"] * starts["BTCUSDT"] == starts["ETHUSDT"] * 10**8


def test_a_first_level_off_the_lot_is_brought_onto_it() -> None:
    quotes = wanted_quotes(5_000_000, Rules(1_000, 30_000_000, 0), PLAN, base=RICH, quote=RICH)

    assert [quote.quantity for quote in quotes[:4]] == [30_000_000, 30_000_000, 60_000_000, 60_000_000]


def test_a_ladder_never_needs_more_than_there_is() -> None:
    quotes = wanted_quotes(5_000_000, RULES, PLAN, base=60_000_000, quote=999_200)

    assert quotes == [
        Quote("BUY", 4_996_000, 20_000_000),
        Quote("SELL", 5_004_000, 20_000_000),
        Quote("SELL", 5_008_000, 40_000_000),
    ]


def test_without_funds_there_are_no_quotes() -> None:
    assert wanted_quotes(5_000_000, RULES, PLAN, base=0, quote=0) == []


def test_a_quote_holds_what_it_would_pay() -> None:
    assert Quote("BUY", 4_996_000, 20_000_000).cost == 999_200
    assert Quote("SELL", 4_996_000, 20_000_000).cost == 20_000_000


def test_orders_that_are_still_wanted_stay() -> None:
    stays, goes, comes = Quote("BUY", 1, 1), Quote("BUY", 2, 1), Quote("SELL", 3, 1)

    assert changes([stays, goes], [stays, comes]) == ([goes], [comes])


def test_of_two_equal_orders_one_is_too_many() -> None:
    quote = Quote("BUY", 1, 1)

    assert changes([quote, quote], [quote]) == ([quote], [])


@pytest.mark.parametrize(("start", "tick"), [(5_000_000, 1_000), (300_000_000_000, 1_000_000)])
def test_the_reference_wanders_on_the_tick_and_not_far(start: int, tick: int) -> None:
    reference = Reference(start, tick, seed=1)

    path = [reference.move() for _ in range(10_000)]

    assert all(price % tick == 0 for price in path)
    assert min(path) >= start * 98 // 100
    assert max(path) <= start * 102 // 100
    assert len(set(path)) > 50
