"""The ledger: written by the engine only."""

from django.db import models
from django.db.models import F, Q

from wallets.models.assets import Asset


class Posting(models.Model):
    """`amount` left `debit` and reached `credit`: owners of wallets/ledger/chart.py. Never updated, never deleted."""

    sequence = models.BigIntegerField(help_text="The engine's command number.")
    debit = models.BigIntegerField()
    credit = models.BigIntegerField()
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    amount = models.BigIntegerField()
    reason = models.PositiveSmallIntegerField(help_text="trading.engine.enums.Reason")
    reference = models.CharField(max_length=80)
    time_ms = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="posting_amount_positive"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="posting_between_two_owners"),
        ]
        indexes = [
            models.Index(fields=["reference", "reason"], name="posting_reference"),
            models.Index(fields=["debit", "asset"], name="posting_debit"),
            models.Index(fields=["credit", "asset"], name="posting_credit"),
        ]

    def __str__(self) -> str:
        return f"{self.debit} → {self.credit}: {self.amount}"


class Balance(models.Model):
    """What an owner has of an asset; `held` of it is set aside for open orders and withdrawals."""

    owner = models.BigIntegerField()
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, db_constraint=False)
    balance = models.BigIntegerField()
    held = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "asset"], name="balance_owner_asset"),
            models.CheckConstraint(
                condition=Q(owner__lt=0, held=0) | Q(owner__gt=0, held__gte=0, balance__gte=F("held")),
                name="balance_never_overdrawn",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner}/{self.asset_id}: {self.balance}"


class Hold(models.Model):
    """Funds set aside for a withdrawal, as the engine knows it. `reference` is the withdrawal's id."""

    reference = models.CharField(max_length=80, primary_key=True)
    account = models.BigIntegerField(db_index=True)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, db_constraint=False)
    amount = models.BigIntegerField()
    state = models.PositiveSmallIntegerField(help_text="trading.engine.enums.HoldState")

    class Meta:
        indexes = [models.Index(fields=["state"], name="hold_open", condition=Q(state=1))]

    def __str__(self) -> str:
        return f"{self.reference}: {self.amount}"
