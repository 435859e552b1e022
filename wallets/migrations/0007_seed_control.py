"""The default tier with its limits, amounts that need an operator, and the switch that halts all withdrawals."""

from django.db import migrations

DAILY = {"BTC": 20 * 10**8, "ETH": 300 * 10**8, "USDT": 1_000_000 * 10**8}
APPROVAL_ABOVE = {"BTC": 5 * 10**8, "ETH": 75 * 10**8, "USDT": 250_000 * 10**8}


def seed(apps, schema_editor):
    """Create what is not there yet."""
    asset = apps.get_model("wallets", "Asset")
    limit = apps.get_model("wallets", "TierLimit")
    tier, _ = apps.get_model("wallets", "WithdrawalTier").objects.get_or_create(name="Standard", is_default=True)
    for code, daily in DAILY.items():
        for row in asset.objects.filter(code=code):
            limit.objects.get_or_create(tier=tier, asset=row, defaults={"daily": daily})
    for code, amount in APPROVAL_ABOVE.items():
        asset.objects.filter(code=code, approval_above=None).update(approval_above=amount)
    apps.get_model("wallets", "WithdrawalSwitch").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    """Seed."""

    dependencies = [("wallets", "0006_control")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
