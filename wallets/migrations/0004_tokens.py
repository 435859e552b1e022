"""Tokens beside coins: assets of a contract, which live at the addresses of their chain's own coin."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Columns and constraints."""

    dependencies = [("wallets", "0003_address_plural")]

    operations = [
        migrations.AddField(
            model_name="asset",
            name="is_token",
            field=models.BooleanField(default=False, help_text="A token of a contract (ERC-20); it lives at the addresses of its chain's own coin."),
        ),
        migrations.AddField(
            model_name="asset",
            name="contract",
            field=models.CharField(blank=True, default="", help_text="The token's contract. Blank: none is known yet, no deposits are taken.", max_length=100),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="deposit",
            name="output",
            field=models.IntegerField(help_text="Bitcoin: the output's number. Ethereum: -1 for a plain transfer, for a token the place of its log among those of the transaction."),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(condition=Q(("is_token", True), ("contract", ""), _connector="OR"), name="asset_contract_of_token"),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.UniqueConstraint(condition=Q(("is_token", False)), fields=("chain",), name="asset_one_coin_per_chain", violation_error_message="This chain has its own coin already: what is added can only be a token."),
        ),
    ]
