"""The quotes that the market maker wants."""

from trading.market_maker.ladder import LEVELS, Quote, Reference, Rules, changes, wanted_quotes

RULES = Rules(tick=1_000, lot=100_000, notional_min=10_000)
RICH = 10**12


def test_a_ladder_has_levels_on_both_sides_away_from_the_reference() -> None:
    quotes = wanted_quotes(5_000_000, RULES, base=RICH, quote=RICH)

    assert quotes[:4] == [
        Quote("BUY", 4_996_000, 20_000_000),
        Quote("SELL", 5_004_000, 20_000_000),
        Quote("BUY", 4_992_000, 40_000_000),
        Quote("SELL", 5_008_000, 40_000_000),
    ]
    assert len(quotes) == 2 * LEVELS
    assert all(quote.price % RULES.tick == 0 and quote.quantity % RULES.lot == 0 for quote in quotes)


def test_a_ladder_never_needs_more_than_there_is() -> None:
    quotes = wanted_quotes(5_000_000, RULES, base=60_000_000, quote=999_200)

    assert quotes == [
        Quote("BUY", 4_996_000, 20_000_000),
        Quote("SELL", 5_004_000, 20_000_000),
        Quote("SELL", 5_008_000, 40_000_000),
    ]


def test_without_funds_there_are_no_quotes() -> None:
    assert wanted_quotes(5_000_000, RULES, base=0, quote=0) == []


def test_orders_that_are_still_wanted_stay() -> None:
    stays, goes, comes = Quote("BUY", 1, 1), Quote("BUY", 2, 1), Quote("SELL", 3, 1)

    assert changes([stays, goes], [stays, comes]) == ([goes], [comes])


def test_of_two_equal_orders_one_is_too_many() -> None:
    quote = Quote("BUY", 1, 1)

    assert changes([quote, quote], [quote]) == ([quote], [])


def test_the_reference_wanders_on_the_tick_and_not_far() -> None:
    reference = Reference(5_000_000, RULES.tick, seed=1)

    path = [reference.move() for _ in range(10_000)]

    assert all(price % RULES.tick == 0 for price in path)
    assert min(path) >= 4_900_000
    assert max(path) <= 5_100_000
    assert len(set(path)) > 50
