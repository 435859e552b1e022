"""What the migrations put into a new database."""

from mex.money import steps_are_exact
from trading.models import EngineState, Market, MarketState
from trading.selectors import market_spec
from wallets.models import Asset


def test_bitcoin_and_ether_are_there(db: None) -> None:
    rows = Asset.objects.values_list(
        "code", "chain", "network", "chain_decimals", "confirmations", "withdrawal_fee", "withdrawal_min"
    )

    assert list(rows) == [
        ("BTC", "bitcoin", "BTC", 8, 1, 2_000, 10_000),
        ("ETH", "ethereum", "ETH", 18, 12, 50_000, 1_000_000),
    ]


def test_the_first_market_is_exact_and_has_its_counters(db: None) -> None:
    market = Market.objects.get()

    spec = market_spec(market)  # asserts what a market must be
    assert (spec.symbol, market.base.code, market.quote.code) == ("ETHBTC", "ETH", "BTC")
    assert steps_are_exact(tick=spec.tick, lot=spec.lot)
    assert (spec.maker_fee_ppm, spec.taker_fee_ppm) == (1_000, 2_000)
    assert MarketState.objects.get().market_id == market.pk
    assert EngineState.objects.get().shard == 0
