"""The first market, with its counters, and the engine's row."""

from django.db import migrations

MARKET = {
    "status": 1,
    "tick": 1_000,  # 0.00001 BTC for one ETH
    "lot": 100_000,  # 0.001 ETH
    "price_min": 1_000,
    "price_max": 100_000_000_000,  # 1,000 BTC
    "quantity_min": 100_000,
    "quantity_max": 1_000_000_000_000,  # 10,000 ETH
    "notional_min": 10_000,  # 0.0001 BTC
    "notional_max": 90_000_000_000,  # 900 BTC
    "maker_fee_ppm": 1_000,  # 0.1 %
    "taker_fee_ppm": 2_000,  # 0.2 %
    "orders_max": 10_000,
}
UNITS = 10**8
assert MARKET["tick"] * MARKET["lot"] % UNITS == 0, "price x quantity would round"


def seed(apps, schema_editor):
    """Create ETHBTC, its counters and shard 0, where they are not there yet."""
    assets = {asset.code: asset for asset in apps.get_model("wallets", "Asset").objects.all()}
    pair = {"base": assets["ETH"], "quote": assets["BTC"]}
    market, _ = apps.get_model("trading", "Market").objects.get_or_create(symbol="ETHBTC", defaults=pair | MARKET)
    apps.get_model("trading", "MarketState").objects.get_or_create(market=market)
    apps.get_model("trading", "EngineState").objects.get_or_create(shard=0)


def unseed(apps, schema_editor):
    """Remove them; fails, as it should, when there are orders."""
    apps.get_model("trading", "EngineState").objects.filter(shard=0, sequence=0).delete()
    apps.get_model("trading", "MarketState").objects.filter(market__symbol="ETHBTC").delete()
    apps.get_model("trading", "Market").objects.filter(symbol="ETHBTC").delete()


class Migration(migrations.Migration):
    """Seed."""

    dependencies = [("trading", "0001_initial"), ("wallets", "0002_seed_and_guard")]

    operations = [migrations.RunPython(seed, unseed)]
