"""Who may withdraw what, and what operators decide."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from wallets.models.assets import Asset, Chain
from wallets.models.transfers import ChainTransaction, Withdrawal


class WithdrawalTier(models.Model):
    """How much accounts may withdraw. Every account without a tier of its own has the default one."""

    name = models.CharField(max_length=40, unique=True)
    is_default = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="tier_one_default",
                violation_error_message="There is a default tier already.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class TierLimit(models.Model):
    """How much of an asset an account of a tier may withdraw in 24 hours. Without a row there is no limit."""

    tier = models.ForeignKey(WithdrawalTier, on_delete=models.CASCADE, related_name="limits")
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE)
    daily = models.BigIntegerField(help_text="Units, fees included.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tier", "asset"], name="tier_limit_once"),
            models.CheckConstraint(condition=Q(daily__gte=0), name="tier_limit_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.tier}: {self.asset}"


class WithdrawalRules(models.Model):
    """What holds for the withdrawals of one account. Without a row: the default tier, any address, not frozen."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="withdrawal_rules"
    )
    tier = models.ForeignKey(WithdrawalTier, on_delete=models.PROTECT, null=True, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True, help_text="Set: nothing can be withdrawn.")
    frozen_because = models.CharField(max_length=200, blank=True)
    book_only = models.BooleanField(default=False, help_text="Withdrawals go to addresses of the address book only.")
    book_only_until = models.DateTimeField(
        null=True, blank=True, help_text="When other addresses can be used again, after the owner allowed them."
    )

    class Meta:
        verbose_name_plural = "withdrawal rules"

    def __str__(self) -> str:
        return f"{self.user_id}"


class BookAddress(models.Model):
    """An address that a user keeps to withdraw to. A new one cools down before it can be used."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="book_addresses")
    chain = models.CharField(max_length=10, choices=Chain)
    address = models.CharField(max_length=100)
    label = models.CharField(max_length=60)
    created_at = models.DateTimeField(default=timezone.now)
    usable_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "book addresses"
        constraints = [models.UniqueConstraint(fields=["user", "chain", "address"], name="book_address_once")]

    def __str__(self) -> str:
        return self.address


class WithdrawalDecision(models.Model):
    """What an operator decided about a withdrawal that waits for approval. Never changed."""

    withdrawal = models.ForeignKey(Withdrawal, on_delete=models.PROTECT, related_name="decisions")
    operator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approves = models.BooleanField()
    reason = models.CharField(max_length=200, blank=True)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["withdrawal", "operator"], name="decision_once_per_operator")]

    def __str__(self) -> str:
        return f"{self.withdrawal_id}: {'approved' if self.approves else 'rejected'}"


class WithdrawalSwitch(models.Model):
    """Whether withdrawals of all assets are halted. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    is_halted = models.BooleanField(default=False)
    because = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "withdrawal switch"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="switch_one_row")]

    def __str__(self) -> str:
        return "halted" if self.is_halted else "open"


class ColdOffer(models.Model):
    """An unsigned transfer from the hot wallet to the cold address, for an operator to sign elsewhere."""

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT)
    address = models.CharField(max_length=100)
    amount = models.BigIntegerField(help_text="Units that will arrive.")
    unsigned = models.TextField(help_text="Bitcoin: a PSBT in base64. Ethereum: the unsigned transaction, in hex.")
    transaction = models.ForeignKey(
        ChainTransaction, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="What was sent."
    )
    created_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True, help_text="When it was no longer to be signed.")

    def __str__(self) -> str:
        return f"{self.asset}: {self.amount}"
