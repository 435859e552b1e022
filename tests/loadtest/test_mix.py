"""What users ask for: in the shares of the mix, in a narrow band, with few open orders."""

import random
from collections import Counter

import pytest

from loadtest.markets import MARKETS
from loadtest.mix import DEFAULT_MIX, LEVELS, MixWrong, Order, Prices, Trader, parse_mix
from mex.money import UNITS, notional, parse_units

PRICES = [Prices(market) for market in MARKETS.values()]


def trader(mix: str = DEFAULT_MIX, open_orders_max: int = 40, seed: int = 1) -> Trader:
    return Trader(PRICES, parse_mix(mix), open_orders_max, random.Random(seed))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "''"),
        ("place", "'place'"),
        ("place=", "'place='"),
        ("place=-1", "'place=-1'"),
        ("place=1.5", "'place=1.5'"),
        ("amend=5", "'amend=5'"),
        ("cancel=50,replace=50", "place or cross"),
        ("place=0,cross=0,cancel=1", "place or cross"),
    ],
)
def test_a_mix_that_makes_no_sense_is_told(text: str, said: str) -> None:
    with pytest.raises(MixWrong, match=said):
        parse_mix(text)


def test_a_mix_names_shares_of_all_kinds() -> None:
    assert parse_mix("cross=3, place=2") == {"place": 2, "cancel": 0, "cross": 3, "replace": 0}


def test_shares_are_those_of_the_mix_while_there_is_something_to_cancel() -> None:
    user = trader(open_orders_max=10**6)
    for number in range(5_000):
        user.opened(Order(number, 0))

    kinds = Counter(user.decide("id").kind for _ in range(10_000))

    assert {kind: int(count / 100 + 0.5) for kind, count in kinds.items()} == pytest.approx(
        {"place": 60, "cancel": 25, "cross": 10, "replace": 5}, abs=2
    )


def test_whoever_has_nothing_to_cancel_places() -> None:
    user = trader("place=1,cancel=99")

    assert {user.decide("id").kind for _ in range(50)} == {"place"}


def test_whoever_has_too_many_open_orders_cancels_one_of_his_own_each_once() -> None:
    user = trader("place=1", open_orders_max=3)
    for number in (11, 12, 13):
        user.opened(Order(number, 1))

    wanted = user.decide("id")

    assert (wanted.kind, wanted.method, wanted.market) == ("cancel", "order.cancel", 1)
    assert wanted.params == [("orderId", str(wanted.target.number)), ("symbol", "ETHUSDT")]  # type: ignore[union-attr]
    assert user.open_orders == 2
    assert user.decide("id").kind == "place"


def test_an_order_that_was_filled_is_not_cancelled() -> None:
    user = trader("place=1,cancel=99")
    user.opened(Order(11, 0))

    user.closed(11)

    assert {user.decide("id").kind for _ in range(50)} == {"place"}


def test_an_order_that_could_not_be_cancelled_is_open_again_once() -> None:
    user = trader("place=1,cancel=99", open_orders_max=1)
    user.opened(Order(11, 0))
    target = user.decide("id").target
    assert target is not None

    user.opened(target)
    user.opened(target)

    assert user.open_orders == 1
    assert user.decide("id").target == target
    assert user.decide("id").kind == "place"


def test_resting_orders_stand_on_their_side_of_the_middle_within_the_band() -> None:
    user = trader("place=1")
    for _ in range(500):
        wanted = user.decide("abc")
        params = dict(wanted.params)
        market = list(MARKETS.values())[wanted.market]
        ticks, rest = divmod(parse_units(params["price"]) - market.mid, market.tick)

        assert rest == 0
        assert 1 <= (-ticks if params["side"] == "BUY" else ticks) <= LEVELS
        assert (params["type"], params["timeInForce"], params["newClientOrderId"]) == ("LIMIT", "GTC", "abc")


def test_orders_are_above_the_smallest_value_also_at_the_edge_of_the_band() -> None:
    smallest = {"ETHBTC": 10_000, "ETHUSDT": 5 * UNITS, "BTCUSDT": 5 * UNITS}
    for prices in PRICES:
        lowest = min(parse_units(text) for text in prices.at.values())
        least = min(parse_units(text) for text in prices.quantities)

        assert notional(lowest, least) > smallest[prices.symbol]


def test_crossing_orders_never_rest() -> None:
    user = trader("cross=1")
    kinds = Counter()
    for _ in range(200):
        params = dict(user.decide("id").params)
        kinds[params["type"], params.get("timeInForce", "")] += 1

    assert set(kinds) == {("MARKET", ""), ("LIMIT", "IOC")}


def test_a_replace_names_both_orders() -> None:
    user = trader("place=1,replace=99")
    user.opened(Order(77, 2))

    wanted = next(each for each in (user.decide("new") for _ in range(100)) if each.kind == "replace")

    params = dict(wanted.params)
    assert (wanted.method, wanted.target) == ("order.cancelReplace", Order(77, 2))
    assert (params["cancelOrderId"], params["newClientOrderId"], params["symbol"]) == ("77", "new", "BTCUSDT")


def test_the_same_seed_asks_for_the_same() -> None:
    first, second = trader(seed=5), trader(seed=5)

    assert [first.decide("id") for _ in range(100)] == [second.decide("id") for _ in range(100)]
