"""Markets in test dollars, so that several share the balances of ether and bitcoin."""

from django.db import migrations

SHARED = {
    "status": 1,
    "tick": 1_000_000,  # 0.01 USDT
    "price_min": 1_000_000,
    "price_max": 100_000_000_000_000,  # 1,000,000 USDT
    "notional_min": 500_000_000,  # 5 USDT
    "notional_max": 900_000_000_000_000,  # 9,000,000 USDT
    "maker_fee_ppm": 1_000,  # 0.1 %, as ETHBTC
    "taker_fee_ppm": 2_000,  # 0.2 %
    "orders_max": 10_000,
}
MARKETS = {
    "ETHUSDT": {
        "lot": 10_000,  # 0.0001 ETH
        "quantity_min": 10_000,
        "quantity_max": 1_000_000_000_000,  # 10,000 ETH
    },
    "BTCUSDT": {
        "lot": 1_000,  # 0.00001 BTC
        "quantity_min": 1_000,
        "quantity_max": 100_000_000_000,  # 1,000 BTC
    },
}
UNITS = 10**8
assert all(SHARED["tick"] * market["lot"] % UNITS == 0 for market in MARKETS.values()), "price x quantity would round"


def seed(apps, schema_editor):
    """Create the markets and their counters, where they are not there yet."""
    assets = {asset.code: asset for asset in apps.get_model("wallets", "Asset").objects.all()}
    for symbol, own in MARKETS.items():
        pair = {"base": assets[symbol.removesuffix("USDT")], "quote": assets["USDT"]}
        market, _ = apps.get_model("trading", "Market").objects.get_or_create(
            symbol=symbol, defaults=pair | SHARED | own
        )
        apps.get_model("trading", "MarketState").objects.get_or_create(market=market)


def unseed(apps, schema_editor):
    """Remove them; fails, as it should, when there are orders."""
    apps.get_model("trading", "MarketState").objects.filter(market__symbol__in=MARKETS).delete()
    apps.get_model("trading", "Market").objects.filter(symbol__in=MARKETS).delete()


class Migration(migrations.Migration):
    """Seed."""

    dependencies = [("trading", "0003_every_order_type"), ("wallets", "0005_usdt")]

    operations = [migrations.RunPython(seed, unseed)]
