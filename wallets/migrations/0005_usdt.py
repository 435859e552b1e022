"""The first token: a test dollar on Ethereum, which cannot be withdrawn yet."""

from django.db import migrations

USDT = {
    "name": "Test dollar",
    "chain": "ethereum",
    "network": "ETH",
    "chain_decimals": 6,
    "confirmations": 12,
    "transaction_url": "/transaction/USDT/{txid}",  # our own page: a local chain has no explorer
    "withdrawal_fee": 100_000_000,  # 1 USDT
    "withdrawal_min": 1_000_000_000,  # 10 USDT
    "withdrawals_open": False,
    "is_token": True,
}


def seed(apps, schema_editor):
    """Create the test dollar where it is not there yet. Its contract is found or deployed later."""
    apps.get_model("wallets", "Asset").objects.get_or_create(code="USDT", defaults=USDT)


def unseed(apps, schema_editor):
    """Remove it; fails, as it should, when anything refers to it."""
    apps.get_model("wallets", "Asset").objects.filter(code="USDT").delete()


class Migration(migrations.Migration):
    """Seed."""

    dependencies = [("wallets", "0004_tokens")]

    operations = [migrations.RunPython(seed, unseed)]
