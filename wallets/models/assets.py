"""Chains, and what lives on them."""

from django.db import models
from django.db.models import F, Q


class Chain(models.TextChoices):
    """The chains that assets live on."""

    BITCOIN = "bitcoin", "Bitcoin"
    ETHEREUM = "ethereum", "Ethereum"


class Asset(models.Model):
    """Something that can be deposited, traded and withdrawn."""

    code = models.CharField(max_length=10, unique=True)
    name = models.CharField(max_length=40)
    chain = models.CharField(max_length=10, choices=Chain)
    network = models.CharField(max_length=10, help_text="The network's name in the API, such as BTC or ETH.")
    chain_decimals = models.PositiveSmallIntegerField(
        help_text="Decimals of the chain's smallest unit: 8 for a satoshi, 18 for a wei."
    )
    confirmations = models.PositiveIntegerField(
        help_text="Blocks after which a deposit is credited and a withdrawal is final."
    )
    transaction_url = models.CharField(
        max_length=200, blank=True, help_text="Explorer link; {txid} stands for the transaction."
    )
    address_url = models.CharField(
        max_length=200, blank=True, help_text="Explorer link; {address} stands for the address."
    )
    withdrawal_fee = models.BigIntegerField(help_text="Units; taken out of the withdrawn amount.")
    withdrawal_min = models.BigIntegerField(help_text="Units; smallest amount to withdraw, with the fee in it.")
    deposits_open = models.BooleanField(default=True)
    withdrawals_open = models.BooleanField(default=True)
    is_token = models.BooleanField(
        default=False, help_text="A token of a contract (ERC-20); it lives at the addresses of its chain's own coin."
    )
    contract = models.CharField(
        max_length=100, blank=True, help_text="The token's contract. Blank: none is known yet, no deposits are taken."
    )
    deposit_min = models.BigIntegerField(
        default=0, help_text="Units; deposits of less are kept, and credited once those of an account add up to it."
    )
    large_amount = models.BigIntegerField(
        null=True, blank=True, help_text="Units; a deposit of so much or more needs the confirmations for large ones."
    )
    large_confirmations = models.PositiveIntegerField(null=True, blank=True)
    approval_above = models.BigIntegerField(
        null=True,
        blank=True,
        help_text="Units; what would take an account above this in 24 hours, counting what no operator looks at, waits"
        " for one. Blank: nothing does.",
    )
    hot_floor = models.BigIntegerField(
        null=True, blank=True, help_text="Units; with less in the hot wallet, operators are told."
    )
    hot_ceiling = models.BigIntegerField(
        null=True,
        blank=True,
        help_text="Units; with more in the hot wallet, a transfer to the cold address is offered.",
    )
    cold_address = models.CharField(max_length=100, blank=True, help_text="An address whose keys are kept elsewhere.")
    closed_because = models.CharField(
        max_length=200, blank=True, help_text="Why mex itself closed the withdrawals; blank when an operator did."
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(confirmations__gte=1), name="asset_confirmations_positive"),
            models.CheckConstraint(condition=Q(is_token=True) | Q(contract=""), name="asset_contract_of_token"),
            models.UniqueConstraint(
                fields=["chain"],
                condition=Q(is_token=False),
                name="asset_one_coin_per_chain",
                violation_error_message="This chain has its own coin already: what is added can only be a token.",
            ),
            models.CheckConstraint(
                condition=Q(withdrawal_fee__gte=0) & Q(withdrawal_min__gt=F("withdrawal_fee")),
                name="asset_withdrawal_min_above_fee",
            ),
            models.CheckConstraint(condition=Q(deposit_min__gte=0), name="asset_deposit_min_not_negative"),
            models.CheckConstraint(
                condition=Q(large_amount=None, large_confirmations=None)
                | Q(large_amount__gt=0, large_confirmations__isnull=False, large_confirmations__gte=F("confirmations")),
                name="asset_large_deposits_wait_longer",
                violation_error_message="Large deposits need an amount, and at least the usual confirmations.",
            ),
            models.CheckConstraint(
                condition=Q(hot_floor=None) | Q(hot_ceiling=None) | Q(hot_ceiling__gt=F("hot_floor")),
                name="asset_hot_ceiling_above_floor",
                violation_error_message="The ceiling of the hot wallet must be above its floor.",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def takes_deposits(self) -> bool:
        """Whether deposits are open, and there is something to deposit."""
        return self.deposits_open and (not self.is_token or self.contract != "")

    @property
    def takes_withdrawals(self) -> bool:
        """Whether withdrawals are open, and there is something to pay out."""
        return self.withdrawals_open and (not self.is_token or self.contract != "")
