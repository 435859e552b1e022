"""Rules of a market: every one that cannot be kept is named, and people read decimals."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mex.money import AMOUNT_MAX
from trading.engine.enums import MarketStatus, StpMode
from trading.engine.markets import MarketSpec
from trading.rules import AMOUNTS, COUNTS, RULES, differences, new_market, problems_of, terms_texts, texts_of

SPEC = new_market("BTCETH", 1, 2, 1_000_000, 10_000)


def test_every_rule_of_a_market_is_known() -> None:
    fixed = {"id", "symbol", "base", "quote", "status"}

    assert set(RULES) | fixed == set(MarketSpec.__struct_fields__)
    assert not set(AMOUNTS) & set(COUNTS)


def test_a_new_market_is_sound() -> None:
    assert problems_of(SPEC) == {}
    assert SPEC.is_sound


@given(tick=st.integers(1, 10**15), lot=st.integers(1, 10**12))
def test_a_new_market_is_sound_whenever_its_steps_are(tick: int, lot: int) -> None:
    problems = problems_of(new_market("AB", 1, 2, tick, lot))

    assert problems.keys() <= {"lot", "price_max"}
    assert ("lot" in problems) is (tick * lot % 10**8 != 0)


FIELDS = {name: st.sampled_from([-1, 0, 1, 7, 10**8, 10**15 + 1, AMOUNT_MAX, AMOUNT_MAX + 1]) for name in RULES}


@given(st.fixed_dictionaries({}, optional=FIELDS), st.sampled_from(["AB", "", "ab", "A-B", "Ä", "A" * 21]))
def test_what_the_engine_would_refuse_is_named(changes: dict[str, int], symbol: str) -> None:
    spec = msgspec.structs.replace(SPEC, **changes, symbol=symbol)

    problems = problems_of(spec)

    assert spec.is_sound or problems
    assert problems.keys() <= {"symbol", *RULES}


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        (
            {"tick": 0},
            {"tick": "This must be more than zero.", "lot": "Price x quantity would round: tick x lot must be"},
        ),
        ({"lot": 1}, {"lot": "Price x quantity would round: tick x lot must be a multiple of 0.00000001."}),
        ({"price_min": 1_500_000}, {"price_min": "This must be a multiple of the tick."}),
        ({"price_min": 0}, {"price_min": "This must be more than zero."}),
        ({"price_max": 999_999}, {"price_max": "The maximum must not be below the minimum."}),
        ({"quantity_min": 15_000}, {"quantity_min": "This must be a multiple of the lot."}),
        ({"quantity_max": 10**15 + 1}, {"quantity_max": "The sum of a price level would not fit: at most 10000000."}),
        ({"notional_min": 2, "notional_max": 1}, {"notional_max": "The maximum must not be below the minimum."}),
        ({"notional_min": 0, "notional_max": 0}, {"notional_max": "This must be more than zero."}),
        ({"maker_fee_ppm": 1_000_000}, {"maker_fee_ppm": "A fee must be less than 1000000 ppm."}),
        ({"taker_fee_ppm": -1}, {"taker_fee_ppm": "This must be between 0 and 9223372036854775807."}),
        ({"orders_max": 0}, {"orders_max": "This must be more than zero."}),
        ({"iceberg_parts_max": 0}, {"iceberg_parts_max": "This must be more than zero."}),
        ({"bid_up_ppm": 1, "bid_down_ppm": 2}, {"bid_up_ppm": "No price would be between the two: the upper bound"}),
        ({"ask_up_ppm": 1, "ask_down_ppm": 2}, {"ask_up_ppm": "No price would be between the two: the upper bound"}),
        ({"trailing_min": 2_001}, {"trailing_max": "The maximum must not be below the minimum."}),
        ({"trailing_max": 10_000}, {"trailing_max": "This must be less than 10000 basis points."}),
        ({"quote": 1}, {"quote": "A market is of two assets."}),
        ({"symbol": "btceth"}, {"symbol": "A symbol has 1 to 20 capital letters and digits."}),
    ],
)
def test_each_broken_rule_has_its_sentence(changes: dict[str, object], problems: dict[str, str]) -> None:
    found = problems_of(msgspec.structs.replace(SPEC, **changes))

    assert found.keys() == problems.keys()
    assert all(found[name].startswith(sentence) for name, sentence in problems.items())


def test_people_read_decimals_and_names() -> None:
    texts = texts_of(SPEC)

    assert (texts["tick"], texts["lot"], texts["price_max"]) == ("0.01", "0.0001", "10000000")
    assert (texts["maker_fee_ppm"], texts["status"], texts["symbol"]) == ("1000", "TRADING", "BTCETH")
    assert terms_texts(-1, 500, StpMode.DECREMENT) == {
        "maker_fee_ppm": "the market's",
        "taker_fee_ppm": "500",
        "stp": "DECREMENT",
    }


def test_differences_name_what_changed_and_nothing_else() -> None:
    before = msgspec.structs.asdict(SPEC)
    after = before | {"tick": 2_000_000, "status": int(MarketStatus.HALT)}

    assert differences(before, after) == [("tick", "0.01", "0.02"), ("status", "TRADING", "HALT")]
    assert differences(None, {"stp": 2, "taker_fee_ppm": -1}) == [
        ("taker_fee_ppm", "", "the market's"),
        ("stp", "", "EXPIRE_TAKER"),
    ]
