"""What is told in public about coins and debts, what proofs are made from, and how the hot wallets stand."""

from datetime import UTC

from django.db import models
from django.db.models import Q
from django.utils import timezone

from wallets.models.assets import Asset


class SolvencyReport(models.Model):
    """What everybody may know: one root over all that users are owed. Never changed, never deleted."""

    taken_at = models.DateTimeField(default=timezone.now)
    sequence = models.BigIntegerField(help_text="The engine's command that the debts are as of.")
    root = models.CharField(max_length=64, unique=True, help_text="Hash over the trees of all its assets, in hex.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The text by which the root names this report: when it was taken, and as of which command."""
        return f"{self.taken_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ} {self.sequence}"


class SolvencyAsset(models.Model):
    """One asset in a report: what is owed of it, and its coins as of one block. Never changed, never deleted."""

    report = models.ForeignKey(SolvencyReport, on_delete=models.PROTECT, related_name="assets")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT)
    liabilities = models.BigIntegerField(help_text="Units that users are owed: the sum at the top of the tree.")
    tree_hash = models.CharField(max_length=64, help_text="Hash at the top of the tree, in hex.")
    coins = models.BigIntegerField(null=True, help_text="Units on chain, cold ones included. None: not known.")
    in_flight = models.BigIntegerField(
        null=True, help_text="Units that payments of ours took off the chain and that are still among the debts."
    )
    height = models.BigIntegerField(null=True, help_text="The block that the coins are as of.")
    block_hash = models.CharField(max_length=80, blank=True)
    unknown = models.CharField(max_length=200, blank=True, help_text="Why the coins are not known.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["report", "asset"], name="solvency_asset_once"),
            models.CheckConstraint(condition=Q(liabilities__gte=0), name="solvency_liabilities_not_negative"),
            models.CheckConstraint(
                condition=Q(unknown="", coins__gte=0) | (~Q(unknown="") & Q(coins=None)), name="solvency_coins_or_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.report_id}: {self.asset_id}"


class SolvencyAddress(models.Model):
    """Coins of an asset at one address, as of its report's block. Thinned out with the proofs."""

    of = models.ForeignKey(SolvencyAsset, on_delete=models.PROTECT, related_name="addresses")
    address = models.CharField(max_length=100)
    role = models.CharField(max_length=8, help_text="hot, deposit or cold")
    units = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "solvency addresses"
        constraints = [models.UniqueConstraint(fields=["of", "address"], name="solvency_address_once")]
        indexes = [models.Index(fields=["of", "-units"], name="solvency_largest")]

    def __str__(self) -> str:
        return self.address


class SolvencyLeaves(models.Model):
    """A part of a tree, from which proofs are made: as many leaves in a row as tree and part have. Thinned out.

    owners: 8 bytes a leaf; units: 8 bytes; hashes: 32 bytes.
    """

    of = models.ForeignKey(SolvencyAsset, on_delete=models.PROTECT, related_name="leaves")
    number = models.PositiveIntegerField()
    owners = models.BinaryField()
    units = models.BinaryField()
    hashes = models.BinaryField()
    top_hash = models.BinaryField()
    top_units = models.BigIntegerField()
    secret = models.BinaryField(help_text="What the salts of the leaves come from.")

    class Meta:
        verbose_name_plural = "solvency leaves"
        constraints = [models.UniqueConstraint(fields=["of", "number"], name="solvency_leaves_once")]

    def __str__(self) -> str:
        return f"{self.of_id}/{self.number}"


class HotWallet(models.Model):
    """How the hot wallet of an asset stood when it was last looked at, in units."""

    asset = models.OneToOneField(Asset, on_delete=models.PROTECT, primary_key=True, related_name="hot_wallet")
    units = models.BigIntegerField(help_text="Coins that the hot wallet can spend.")
    promised = models.BigIntegerField(help_text="Of these, what signed transactions in no block will take.")
    waiting = models.BigIntegerField(help_text="What withdrawals need that wait to be signed.")
    offered = models.BigIntegerField(default=0, help_text="What open offers to the cold address would take.")
    unexplained = models.BigIntegerField(
        null=True, help_text="Coins of ours on chain that no deposit, transaction or posting explains."
    )
    seen_at = models.DateTimeField(default=timezone.now)
    low_since = models.DateTimeField(null=True, blank=True, help_text="Since when it is below the floor.")
    short_since = models.DateTimeField(null=True, blank=True, help_text="Since when it cannot pay what waits.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(units__gte=0, promised__gte=0, waiting__gte=0, offered__gte=0),
                name="hot_wallet_not_negative",
            )
        ]

    def __str__(self) -> str:
        return f"hot wallet of {self.asset_id}"

    @property
    def free(self) -> int:
        """Return what is neither promised nor offered; less than nothing when too much is."""
        return self.units - self.promised - self.offered
