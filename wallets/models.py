"""What someone owns, and what happens on the chains: columns and constraints, no behaviour.

Amounts are units of 10^-8 of the asset (mex/money.py). Postings, balances and holds are written by the engine only.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


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
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def takes_deposits(self) -> bool:
        """Whether deposits are open, and there is something to deposit."""
        return self.deposits_open and (not self.is_token or self.contract != "")

    @property
    def takes_withdrawals(self) -> bool:
        """Whether withdrawals are open. Tokens cannot be paid out yet, whatever the switch says."""
        return self.withdrawals_open and not self.is_token


# --- the ledger: written by the engine only ---------------------------------------------------------


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


# --- the chains: written by workers, and addresses by the web ----------------------------------------


class ChainCursor(models.Model):
    """How far a chain has been looked at. A hash that the node no longer knows means: walk back."""

    chain = models.CharField(max_length=10, choices=Chain, primary_key=True)
    height = models.BigIntegerField()
    block_hash = models.CharField(max_length=80)
    recent = models.JSONField(
        default=list,
        blank=True,
        help_text="[height, hash] of earlier blocks, ever further apart: where a walk back finds the common ancestor.",
    )
    tip_height = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField(default=timezone.now, help_text="When the node last answered.")

    def __str__(self) -> str:
        return f"{self.chain} at {self.height}"


class DepositAddress(models.Model):
    """An address of ours. Without a user it waits in the pool; once given out it is that user's for ever.

    `asset` is the chain's own coin; tokens of that chain arrive at the same address.
    """

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="deposit_addresses"
    )
    address = models.CharField(max_length=100)
    derivation_index = models.BigIntegerField(
        null=True, blank=True, help_text="Place in the HD wallet, where we derive addresses ourselves."
    )
    assigned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deposit addresses"
        constraints = [
            models.UniqueConstraint(fields=["asset", "address"], name="address_unique"),
            models.UniqueConstraint(fields=["asset", "user"], name="address_one_per_user"),
            models.UniqueConstraint(fields=["asset", "derivation_index"], name="address_index_unique"),
        ]

    def __str__(self) -> str:
        return self.address


class Deposit(models.Model):
    """Coins that arrived at a deposit address. One row per (asset, transaction, output)."""

    class Status(models.TextChoices):
        """seen (in no block yet) → confirming → credited; orphaned when the chain no longer has it."""

        SEEN = "seen", "Seen"
        CONFIRMING = "confirming", "Confirming"
        CREDITED = "credited", "Credited"
        ORPHANED = "orphaned", "Orphaned"

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT)
    address = models.ForeignKey(DepositAddress, on_delete=models.PROTECT)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deposits")
    txid = models.CharField(max_length=80)
    output = models.IntegerField(
        help_text=(
            "Bitcoin: the output's number. Ethereum: -1 for a plain transfer, "
            "for a token the place of its log among those of the transaction."
        )
    )
    amount = models.BigIntegerField(help_text="Units, rounded down from the chain's own precision.")
    dust = models.BigIntegerField(default=0, help_text="What rounding left, in the chain's smallest unit.")
    status = models.CharField(max_length=12, choices=Status, default=Status.SEEN)
    confirmations = models.IntegerField(default=0)
    confirmations_needed = models.PositiveIntegerField()
    block_height = models.BigIntegerField(null=True, blank=True)
    block_hash = models.CharField(max_length=80, blank=True)
    seen_at = models.DateTimeField(default=timezone.now)
    credited_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asset", "txid", "output"], name="deposit_unique_on_chain"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="deposit_amount_not_negative"),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="deposit_by_user"),
            models.Index(fields=["status"], name="deposit_unfinished", condition=Q(status__in=["seen", "confirming"])),
        ]

    def __str__(self) -> str:
        return f"{self.txid}:{self.output}"

    @property
    def reference(self) -> str:
        """The ledger's name for this deposit: the engine credits it once."""
        return f"deposit:{self.pk}"


class ChainTransaction(models.Model):
    """A transaction that we signed. Its bytes are stored before anyone sees them; a retry sends the same bytes."""

    class Kind(models.TextChoices):
        """What it is for."""

        WITHDRAWAL = "withdrawal", "Withdrawal"
        SWEEP = "sweep", "Sweep to the hot wallet"

    class Status(models.TextChoices):
        """signed → broadcast → confirmed, or failed: in a block, but without effect."""

        SIGNED = "signed", "Signed"
        BROADCAST = "broadcast", "Broadcast"
        CONFIRMED = "confirmed", "Confirmed"
        FAILED = "failed", "Failed on chain"

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT)
    kind = models.CharField(max_length=12, choices=Kind)
    status = models.CharField(max_length=12, choices=Status, default=Status.SIGNED)
    txid = models.CharField(max_length=80, unique=True)
    raw = models.TextField(help_text="The signed bytes, in hex.")
    sender = models.CharField(max_length=100, blank=True, help_text="Ethereum: the address whose nonce it uses.")
    nonce = models.BigIntegerField(null=True, blank=True)
    network_fee = models.BigIntegerField(
        null=True, blank=True, help_text="Units, rounded up; known for certain once it is in a block."
    )
    confirmations = models.IntegerField(default=0)
    block_height = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    broadcast_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asset", "sender", "nonce"], name="transaction_nonce_used_once")]
        indexes = [
            models.Index(
                fields=["status"], name="transaction_unfinished", condition=Q(status__in=["signed", "broadcast"])
            )
        ]

    def __str__(self) -> str:
        return self.txid

    @property
    def fee_reference(self) -> str:
        """The ledger's name for the network fee of this transaction."""
        return f"network-fee:{self.pk}"


class Withdrawal(models.Model):
    """Coins on their way out. `amount` is what leaves the balance; amount - fee arrives."""

    class Status(models.TextChoices):
        """requested → held → signed → broadcast → confirmed, or rejected, or failed (funds given back)."""

        REQUESTED = "requested", "Requested"
        HELD = "held", "Waiting to be sent"
        SIGNED = "signed", "Signed"
        BROADCAST = "broadcast", "Sent"
        CONFIRMED = "confirmed", "Confirmed"
        REJECTED = "rejected", "Rejected"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="withdrawals")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT)
    address = models.CharField(max_length=100)
    amount = models.BigIntegerField()
    fee = models.BigIntegerField()
    client_id = models.CharField(max_length=64, null=True, blank=True, help_text="withdrawOrderId of the API.")
    status = models.CharField(max_length=12, choices=Status, default=Status.REQUESTED)
    reject_reason = models.CharField(max_length=100, blank=True)
    transaction = models.ForeignKey(
        ChainTransaction, on_delete=models.PROTECT, null=True, blank=True, related_name="withdrawals"
    )
    requested_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "client_id"], name="withdrawal_client_id_once"),
            models.CheckConstraint(
                condition=Q(amount__gt=F("fee")) & Q(fee__gte=0), name="withdrawal_amount_above_fee"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-requested_at"], name="withdrawal_by_user"),
            models.Index(
                fields=["status"],
                name="withdrawal_unfinished",
                condition=Q(status__in=["requested", "held", "signed", "broadcast"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def reference(self) -> str:
        """The engine's name for this withdrawal's hold."""
        return self.id.hex
