"""What the migrations put into a new database."""

import pytest

from mex.money import steps_are_exact
from trading.models import EngineState, Market, MarketState
from trading.selectors import market_spec
from wallets.models import Asset


def test_two_coins_and_a_token_are_there(db: None) -> None:
    rows = Asset.objects.values_list(
        "code", "chain", "network", "chain_decimals", "confirmations", "withdrawal_fee", "withdrawal_min", "is_token"
    )

    assert list(rows) == [
        ("BTC", "bitcoin", "BTC", 8, 1, 2_000, 10_000, False),
        ("ETH", "ethereum", "ETH", 18, 12, 50_000, 1_000_000, False),
        ("USDT", "ethereum", "ETH", 6, 12, 100_000_000, 1_000_000_000, True),
    ]


def test_the_token_waits_for_its_contract(db: None) -> None:
    usdt = Asset.objects.get(code="USDT")

    assert (usdt.contract, usdt.takes_deposits, usdt.takes_withdrawals) == ("", False, False)
    usdt.contract = "0x" + "11" * 20
    assert (usdt.takes_deposits, usdt.takes_withdrawals) == (True, True)


@pytest.mark.parametrize(
    ("symbol", "base", "quote"), [("ETHBTC", "ETH", "BTC"), ("ETHUSDT", "ETH", "USDT"), ("BTCUSDT", "BTC", "USDT")]
)
def test_markets_are_exact_and_have_their_counters(db: None, symbol: str, base: str, quote: str) -> None:
    market = Market.objects.get(symbol=symbol)

    spec = market_spec(market)
    assert (spec.symbol, market.base.code, market.quote.code) == (symbol, base, quote)
    assert spec.is_sound
    assert steps_are_exact(tick=spec.tick, lot=spec.lot)
    assert (spec.maker_fee_ppm, spec.taker_fee_ppm, spec.orders_max) == (1_000, 2_000, 10_000)
    assert MarketState.objects.filter(market=market).count() == 1


def test_there_are_no_other_markets_and_the_engine_has_its_row(db: None) -> None:
    assert list(Market.objects.order_by("pk").values_list("symbol", flat=True)) == ["ETHBTC", "ETHUSDT", "BTCUSDT"]
    assert EngineState.objects.get().shard == 0
