"""The small exchange of random sessions: markets that share their assets, with so few prices that much collides."""

import msgspec

from trading.engine.enums import MarketStatus
from trading.engine.markets import MarketSpec

ACCOUNTS = (1, 2, 3)
FUNDS = 1_500
BITCOIN, ETHER, DOLLAR = 1, 2, 3

ETHER_BITCOIN = MarketSpec(
    id=1,
    symbol="ETHBTC",
    base=ETHER,
    quote=BITCOIN,
    tick=10_000_000,
    lot=10,  # a tick times a lot is one unit
    price_min=20_000_000,
    price_max=500_000_000,
    quantity_min=20,
    quantity_max=2_000,
    notional_min=12,
    notional_max=900,
    maker_fee_ppm=0,
    taker_fee_ppm=2_500,
    orders_max=16,
    algo_orders_max=5,
    iceberg_parts_max=10,
    status=MarketStatus.TRADING,
)
BITCOIN_DOLLAR = MarketSpec(
    id=2,
    symbol="BTCUSD",
    base=BITCOIN,
    quote=DOLLAR,
    tick=50_000_000,
    lot=4,  # a tick times a lot is two units
    price_min=50_000_000,
    price_max=5_000_000_000,
    quantity_min=4,
    quantity_max=400,
    notional_min=0,
    notional_max=100_000,
    maker_fee_ppm=1_000,
    taker_fee_ppm=20_000,
    orders_max=100,
    position_max=2_500,
    status=MarketStatus.TRADING,
)
ETHER_DOLLAR = MarketSpec(
    id=3,
    symbol="ETHUSD",
    base=ETHER,
    quote=DOLLAR,
    tick=50_000_000,
    lot=4,
    price_min=50_000_000,
    price_max=5_000_000_000,
    quantity_min=4,
    quantity_max=400,
    notional_min=0,
    notional_max=100_000,
    maker_fee_ppm=1_000,
    taker_fee_ppm=20_000,
    orders_max=100,
    bid_up_ppm=1_500_000,
    bid_down_ppm=600_000,
    ask_up_ppm=1_800_000,
    ask_down_ppm=700_000,
    status=MarketStatus.HALT,
)
MARKETS = (ETHER_BITCOIN, BITCOIN_DOLLAR, ETHER_DOLLAR)
PLACES = (1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4)
"""Where most orders go; the fourth market is there only if the session makes it."""
BY_ID = {spec.id: spec for spec in (*MARKETS, msgspec.structs.replace(ETHER_BITCOIN, id=4))}
