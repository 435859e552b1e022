"""What happens on the chains: written by workers, and addresses by the web."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from wallets.models.assets import Asset, Chain


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

    `asset` is the chain's own coin; tokens of that chain arrive at the same address. A user has one of each generation
    of keys in which he asked for one: what is paid to an older one is credited all the same.
    """

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="deposit_addresses"
    )
    address = models.CharField(max_length=100)
    derivation_index = models.BigIntegerField(
        null=True, blank=True, help_text="Place in the HD wallet, where we derive addresses ourselves."
    )
    generation = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Which seed of the key file its key comes from, counted from 0."
    )
    assigned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deposit addresses"
        constraints = [
            models.UniqueConstraint(fields=["asset", "address"], name="address_unique"),
            models.UniqueConstraint(fields=["asset", "user", "generation"], name="address_one_per_user"),
            models.UniqueConstraint(fields=["asset", "generation", "derivation_index"], name="address_index_unique"),
        ]

    def __str__(self) -> str:
        return self.address


class Deposit(models.Model):
    """Coins that arrived at a deposit address. One row per (asset, transaction, output)."""

    class Status(models.TextChoices):
        """seen (in no block yet) → confirming → credited; orphaned when the chain no longer has it.

        Too small ones are collecting before they are credited; one that is never confirmed is expired; a credited one
        that the chain lost for good is reversed: its credit was taken back.
        """

        SEEN = "seen", "Seen"
        CONFIRMING = "confirming", "Confirming"
        COLLECTING = "collecting", "Below the minimum"
        CREDITED = "credited", "Credited"
        ORPHANED = "orphaned", "Orphaned"
        EXPIRED = "expired", "Expired"
        REVERSED = "reversed", "Reversed"

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT)
    address = models.ForeignKey(DepositAddress, on_delete=models.PROTECT)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deposits")
    txid = models.CharField(max_length=80)
    output = models.IntegerField(
        help_text=(
            "Bitcoin: the output's number. Ethereum: -1 for a plain transfer, -(2 + n) for the nth transfer (from 0) "
            "that contracts make in the transaction, for a token the place of its log among those of the transaction."
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
    credited_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When its credit was given to the ledger, then when it was seen there; blank again when taken back.",
    )
    lost_at_height = models.BigIntegerField(
        null=True, blank=True, help_text="The chain's height when a credited deposit was first found to be gone."
    )
    reversals = models.PositiveSmallIntegerField(default=0, help_text="How often its credit was taken back.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asset", "txid", "output"], name="deposit_unique_on_chain"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="deposit_amount_not_negative"),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="deposit_by_user"),
            models.Index(
                fields=["status"],
                name="deposit_unfinished",
                condition=Q(status__in=["seen", "confirming", "collecting", "orphaned", "expired", "reversed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.txid}:{self.output}"

    @property
    def reference(self) -> str:
        """The ledger's name for this deposit: the engine credits it once, and once more after each reversal."""
        return f"deposit:{self.pk}:{self.reversals}" if self.reversals else f"deposit:{self.pk}"

    @property
    def reference_before(self) -> str:
        """The name of the credit that was taken back last."""
        return f"deposit:{self.pk}:{self.reversals - 1}" if self.reversals > 1 else f"deposit:{self.pk}"


class ChainTransaction(models.Model):
    """A transaction that we signed. Its bytes are stored before anyone sees them; a retry sends the same bytes."""

    class Kind(models.TextChoices):
        """What it is for."""

        WITHDRAWAL = "withdrawal", "Withdrawal"
        SWEEP = "sweep", "Sweep to the hot wallet"
        GAS = "gas", "Ether for the sweep of a token"
        CONSOLIDATION = "consolidation", "Small coins made one"
        FILLER = "filler", "Takes a nonce that is missing"
        COLD = "cold", "To the cold address, signed elsewhere"

    class Status(models.TextChoices):
        """signed → broadcast → confirmed; or failed: in a block, but without effect; or replaced by another version."""

        SIGNED = "signed", "Signed"
        BROADCAST = "broadcast", "Broadcast"
        CONFIRMED = "confirmed", "Confirmed"
        FAILED = "failed", "Failed on chain"
        REPLACED = "replaced", "Another version was mined"

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, help_text="What it moves.")
    fee_asset = models.ForeignKey(
        Asset,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What its network fee is paid in: the chain's coin.",
    )
    kind = models.CharField(max_length=13, choices=Kind)
    status = models.CharField(max_length=12, choices=Status, default=Status.SIGNED)
    txid = models.CharField(max_length=80, unique=True)
    raw = models.TextField(help_text="The signed bytes, in hex.")
    first_version = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="later_versions",
        help_text="Of a bump: the transaction that was signed first. At most one version gets into the chain.",
    )
    sender = models.CharField(max_length=100, blank=True, help_text="Ethereum: the address whose nonce it uses.")
    nonce = models.BigIntegerField(null=True, blank=True)
    recipient = models.CharField(max_length=100, blank=True, help_text="Where it goes, if that is one address.")
    amount = models.BigIntegerField(
        null=True, blank=True, help_text="Units of its asset that it moves, without the network fee."
    )
    fee_rate = models.BigIntegerField(
        null=True, blank=True, help_text="Bitcoin: satoshis for 1,000 vB. Ethereum: highest fee per gas, in wei."
    )
    tip_rate = models.BigIntegerField(null=True, blank=True, help_text="Ethereum: tip per gas, in wei.")
    network_fee = models.BigIntegerField(
        null=True, blank=True, help_text="Units, rounded up; known for certain once it is in a block."
    )
    fee_sent = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Its network fee was given to the ledger. What it costs otherwise from then on is corrected.",
    )
    fee_in_doubt = models.BooleanField(
        default=False,
        db_default=False,
        help_text="It is final, and the chain may have taken another fee than is booked. The same in all versions.",
    )
    contradicted_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the chain said, deep enough, that it has another outcome than it was settled for.",
    )
    contradiction_note = models.CharField(
        max_length=200, blank=True, db_default="", help_text="What operators decided about that. Blank: nothing yet."
    )
    confirmations = models.IntegerField(default=0)
    block_height = models.BigIntegerField(null=True, blank=True)
    block_hash = models.CharField(max_length=80, blank=True, db_default="")
    created_at = models.DateTimeField(default=timezone.now)
    broadcast_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "nonce"],
                condition=Q(first_version=None) & ~Q(sender=""),
                name="transaction_nonce_once",
            )
        ]
        indexes = [
            models.Index(fields=["sender", "nonce"], name="transaction_by_nonce"),
            models.Index(
                fields=["status"], name="transaction_unfinished", condition=Q(status__in=["signed", "broadcast"])
            ),
            models.Index(fields=["fee_asset"], name="transaction_in_doubt", condition=Q(fee_in_doubt=True)),
            models.Index(
                fields=["asset"],
                name="transaction_contradicted",
                condition=Q(contradicted_at__isnull=False) | ~Q(contradiction_note=""),
            ),
            models.Index(
                fields=["fee_asset", "-block_height"],
                name="transaction_final_by_block",
                condition=Q(status__in=["confirmed", "failed"]),
            ),
        ]

    def __str__(self) -> str:
        return self.txid

    @property
    def has_effect(self) -> bool:
        """Whether the chain has done what this final transaction was for, by what it said last."""
        return (self.status == self.Status.CONFIRMED) != (self.contradicted_at is not None)

    @property
    def family(self) -> int:
        """The id that all versions of this transaction have in common: that of the first one."""
        return self.first_version_id or self.pk

    @property
    def fee_reference(self) -> str:
        """The ledger's name for the network fee of this transaction."""
        return f"network-fee:{self.pk}"


class FeeCorrection(models.Model):
    """What the versions of a final transaction cost more (or less, below zero) than was booked, in units."""

    transaction = models.ForeignKey(
        ChainTransaction, on_delete=models.PROTECT, related_name="corrections", help_text="The first version."
    )
    number = models.PositiveIntegerField()
    amount = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["transaction", "number"], name="fee_correction_once"),
            models.CheckConstraint(condition=~Q(amount=0), name="fee_correction_of_something"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """The ledger's name for this correction."""
        return f"network-fee:{self.transaction_id}:{self.number}"


class ArrivalClaim(models.Model):
    """What an operator said of coins that came into the hot wallet. One row per (asset, transaction): booked once.

    It is stored before the ledger is asked, which cannot tell two bookings of other owners from two arrivals.
    """

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT)
    txid = models.CharField(max_length=80)
    from_cold = models.BooleanField(help_text="They came back from a cold address; else they are the operator's own.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asset", "txid"], name="arrival_claimed_once")]

    def __str__(self) -> str:
        return self.txid


class Withdrawal(models.Model):
    """Coins on their way out. `amount` is what leaves the balance; amount - fee arrives."""

    class Status(models.TextChoices):
        """requested → (e-mail) → (approval) → held → signed → broadcast → confirmed.

        From e-mail on its funds are held. Before it is signed it can end another way: ending until the ledger has given
        its funds back, then cancelled or rejected.
        """

        REQUESTED = "requested", "Requested"
        EMAIL = "email", "Waiting for your confirmation"
        APPROVAL = "approval", "Waiting for approval"
        HELD = "held", "Waiting to be sent"
        SIGNED = "signed", "Signed"
        BROADCAST = "broadcast", "Sent"
        CONFIRMED = "confirmed", "Confirmed"
        ENDING = "ending", "Being given back"
        CANCELLED = "cancelled", "Cancelled"
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
    ends_as = models.CharField(
        max_length=12, choices=Status, blank=True, help_text="While it is ending: cancelled or rejected."
    )
    needs_email = models.BooleanField(default=False, help_text="Its owner has to confirm it by e-mail.")
    emailed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the mail that asks for its confirmation was sent."
    )
    email_confirmed_at = models.DateTimeField(null=True, blank=True)
    needs_approval = models.BooleanField(default=False, help_text="An operator has to approve of it.")
    transaction = models.ForeignKey(
        ChainTransaction, on_delete=models.PROTECT, null=True, blank=True, related_name="withdrawals"
    )
    requested_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("approve_withdrawal", "Can approve and reject withdrawals")]
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
                condition=Q(status__in=["requested", "email", "approval", "held", "signed", "broadcast", "ending"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def reference(self) -> str:
        """The engine's name for this withdrawal's hold."""
        return self.id.hex
