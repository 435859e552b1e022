"""The admin of wallets: assets can be changed, money can only be looked at."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from mex.admin import ReadOnlyAdmin, UnitsFormField, amount_column, time_column
from trading.engine.enums import HoldState, Reason
from wallets import control_admin, operations_admin  # noqa: F401  # their models are registered by importing them
from wallets.approval_admin import ApprovalQueueAdmin
from wallets.chains.addresses import address_normalize
from wallets.chains.segwit import AddressMalformed
from wallets.control.switch import keep_closed, signers_wait
from wallets.ledger.chart import Owner
from wallets.models import (
    ArrivalClaim,
    Asset,
    Balance,
    Chain,
    ChainCursor,
    ChainTransaction,
    Deposit,
    DepositAddress,
    FeeCorrection,
    Hold,
    Posting,
    Withdrawal,
)


def owner_name(owner: int) -> str:
    """Return who an owner of a ledger account is: a person's e-mail or one of mex's own accounts."""
    if owner < 0:
        return Owner(owner).name.lower().replace("_", " ")
    user = User.objects.filter(pk=owner).only("email").first()
    return user.email if user else f"user {owner}"


class AssetForm(forms.ModelForm):
    """An asset, with its amounts as decimals."""

    withdrawal_fee = UnitsFormField(help_text="In whole coins; taken out of the withdrawn amount.")
    withdrawal_min = UnitsFormField(help_text="In whole coins; smallest amount to withdraw, with the fee in it.")
    deposit_min = UnitsFormField(
        required=False, help_text="Deposits of less are kept, and credited once those of an account add up to it."
    )
    large_amount = UnitsFormField(
        required=False, help_text="A deposit of so much or more needs the confirmations for large ones."
    )
    approval_above = UnitsFormField(
        required=False,
        help_text="A withdrawal waits for an operator when, with it, more than this would leave the account in 24 hours"
        " that no operator looks at. Empty: none does.",
    )
    hot_floor = UnitsFormField(required=False, help_text="With less in the hot wallet, operators are told.")
    hot_ceiling = UnitsFormField(
        required=False, help_text="With more in the hot wallet, a transfer to the cold address is offered."
    )

    class Meta:
        model = Asset
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What the operator saw comes back with the form: a halt meanwhile is not taken back by whatever else he saves.
        if "withdrawals_open" in self.fields:
            self.fields["withdrawals_open"].show_hidden_initial = True

    def clean_withdrawals_open(self) -> bool:
        """Return the switch as it is now, unless the operator turned it."""
        if self.instance.pk is not None and "withdrawals_open" not in self.changed_data:
            return bool(Asset.objects.values_list("withdrawals_open", flat=True).get(pk=self.instance.pk))
        return bool(self.cleaned_data["withdrawals_open"])

    def clean_deposit_min(self) -> int:
        """Return the smallest deposit; empty is 0."""
        return self.cleaned_data["deposit_min"] or 0

    def clean_cold_address(self) -> str:
        """Return the cold address in its usual spelling. Raises ValidationError for one of another network."""
        address = self.cleaned_data["cold_address"].strip()
        chain = self.instance.chain or self.cleaned_data.get("chain", "")
        if not address or not chain:
            return str(address)
        try:
            return address_normalize(chain, address)
        except AddressMalformed as error:
            raise ValidationError(f"This is not an address of this network: {error}.") from None

    def clean(self) -> dict[str, Any]:
        """Raise for links without their placeholder, and where nothing would be left after the fee."""
        data = super().clean() or self.cleaned_data
        for field, mark in (("transaction_url", "{txid}"), ("address_url", "{address}")):
            if data.get(field) and mark not in data[field]:
                self.add_error(field, f"The link must contain {mark}.")
            if data.get(field) and not data[field].startswith(("/", "https://", "http://")):
                self.add_error(field, "The link must begin with https://, http:// or /.")
        fee, least = data.get("withdrawal_fee"), data.get("withdrawal_min")
        if fee is not None and least is not None and least <= fee:
            raise ValidationError({"withdrawal_min": "The minimum must be more than the fee."})
        # The database lets one alone pass: a comparison with nothing is neither true nor false.
        if (data.get("large_amount") is None) != (data.get("large_confirmations") is None):
            problem = "Large deposits need an amount, and at least the usual confirmations."
            raise ValidationError({"large_confirmations": problem})
        if data.get("is_token") and data.get("chain") == Chain.BITCOIN:
            raise ValidationError({"is_token": "Only Ethereum has tokens."})
        return data


@admin.register(Asset)
class AssetAdmin(admin.ModelAdmin):
    """Assets: confirmations, fee, minimum, links, and whether deposits and withdrawals are open."""

    form = AssetForm
    list_display = (
        "code",
        "name",
        "chain",
        "network",
        "confirmations",
        amount_column("withdrawal_fee"),
        amount_column("withdrawal_min", "withdrawal minimum"),
        "deposits_open",
        "withdrawals_open",
    )
    actions = ("keep_closed",)
    list_filter = ("chain", "deposits_open", "withdrawals_open")
    search_fields = ("code", "name")
    fieldsets = (
        (None, {"fields": ("code", "name", "chain", "network", "chain_decimals", "is_token", "contract")}),
        ("Confirmations and withdrawals", {"fields": ("confirmations", "withdrawal_fee", "withdrawal_min")}),
        ("Deposits", {"fields": ("deposit_min", ("large_amount", "large_confirmations"))}),
        ("Approval", {"fields": ("approval_above",)}),
        ("Hot and cold wallet", {"fields": (("hot_floor", "hot_ceiling"), "cold_address")}),
        ("Open", {"fields": ("deposits_open", "withdrawals_open", "closed_because")}),
        ("Explorer links", {"fields": ("transaction_url", "address_url")}),
    )

    def get_readonly_fields(self, request: Any, obj: Asset | None = None) -> tuple[str, ...]:
        """Return what must not change once rows refer to it; a contract is found by workers and by the miner."""
        fixed = ("code", "chain", "network", "chain_decimals", "is_token") if obj else ()
        return (*fixed, "contract", "closed_because")

    def save_model(self, request: Any, obj: Asset, form: Any, change: bool) -> None:
        """Save what was changed; withdrawals are opened and closed while no signer is half-way."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        columns = [name for name in form.changed_data if name in form.cleaned_data]
        if "withdrawals_open" in columns:
            signers_wait(obj)
            # Closed by an operator it is closed by nobody else; opened, the reason is over.
            obj.closed_because = ""
            columns.append("closed_because")
        if columns:
            obj.save(update_fields=columns)

    @admin.action(description="Close withdrawals, and keep them closed", permissions=["change"])
    def keep_closed(self, request: HttpRequest, assets: QuerySet[Asset]) -> None:
        """Close assets in the operator's name: what mex halted for a reason of its own goes on by itself no more."""
        for asset in assets:
            because = keep_closed(asset)
            was = f": was {because}" if because else ""
            self.log_change(request, asset, f"Withdrawals closed, and kept closed{was}")
            self.message_user(request, f"Withdrawals of {asset.code} stay closed until an operator opens them.")

    def has_delete_permission(self, request: Any, obj: Asset | None = None) -> bool:
        """Refuse: the ledger refers to assets for ever. Close its deposits and withdrawals instead."""
        return False


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin):
    """The ledger."""

    list_display = (
        "id",
        "time",
        "from_owner",
        "to_owner",
        "amount_text",
        "asset",
        "reason_name",
        "reference",
        "sequence",
    )
    list_filter = ("asset", "reason")
    list_select_related = ("asset",)
    search_fields = ("=reference", "=debit", "=credit")
    search_help_text = "Reference, or the number of a user or account"
    ordering = ("-id",)
    time = staticmethod(time_column("time_ms", "time"))
    amount_text = staticmethod(amount_column("amount"))

    @admin.display(description="from (debit)")
    def from_owner(self, posting: Posting) -> str:
        """Return whom it left."""
        return owner_name(posting.debit)

    @admin.display(description="to (credit)")
    def to_owner(self, posting: Posting) -> str:
        """Return whom it reached."""
        return owner_name(posting.credit)

    @admin.display(description="reason", ordering="reason")
    def reason_name(self, posting: Posting) -> str:
        """Return why."""
        return Reason(posting.reason).name.lower().replace("_", " ")


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    """What everyone has."""

    list_display = ("owner_text", "asset", "balance_text", "held_text")
    list_filter = ("asset",)
    list_select_related = ("asset",)
    search_fields = ("=owner",)
    search_help_text = "Number of a user or account"
    balance_text = staticmethod(amount_column("balance"))
    held_text = staticmethod(amount_column("held"))

    @admin.display(description="owner", ordering="owner")
    def owner_text(self, balance: Balance) -> str:
        """Return who."""
        return owner_name(balance.owner)


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    """Funds set aside for withdrawals."""

    list_display = ("reference", "owner_text", "asset", "amount_text", "state_name")
    list_filter = ("asset", "state")
    list_select_related = ("asset",)
    search_fields = ("=reference", "=account")
    amount_text = staticmethod(amount_column("amount"))

    @admin.display(description="account", ordering="account")
    def owner_text(self, hold: Hold) -> str:
        """Return whose."""
        return owner_name(hold.account)

    @admin.display(description="state", ordering="state")
    def state_name(self, hold: Hold) -> str:
        """Return what became of it."""
        return HoldState(hold.state).name.lower()


@admin.register(ChainCursor)
class ChainCursorAdmin(ReadOnlyAdmin):
    """How far each chain has been looked at."""

    list_display = ("chain", "height", "tip_height", "block_hash", "seen_at")


@admin.register(DepositAddress)
class DepositAddressAdmin(ReadOnlyAdmin):
    """Addresses of ours."""

    list_display = ("address", "asset", "user", "assigned_at", "generation", "derivation_index")
    list_filter = ("asset", "generation", ("user", admin.EmptyFieldListFilter))
    list_select_related = ("asset", "user")
    search_fields = ("address", "user__email")
    date_hierarchy = "assigned_at"


@admin.register(Deposit)
class DepositAdmin(ReadOnlyAdmin):
    """Coins that arrived."""

    list_display = (
        "id",
        "user",
        "amount_text",
        "asset",
        "status",
        "confirmations",
        "confirmations_needed",
        "block_height",
        "txid",
        "seen_at",
    )
    list_filter = ("status", "asset")
    list_select_related = ("asset", "user")
    search_fields = ("txid", "user__email", "address__address")
    date_hierarchy = "seen_at"
    ordering = ("-id",)
    amount_text = staticmethod(amount_column("amount"))


@admin.register(ChainTransaction)
class ChainTransactionAdmin(ReadOnlyAdmin):
    """Transactions that we signed."""

    list_display = (
        "txid",
        "asset",
        "kind",
        "status",
        "confirmations",
        "fee_text",
        "sender",
        "nonce",
        "created_at",
        "confirmed_at",
    )
    list_filter = ("status", "kind", "asset")
    list_select_related = ("asset",)
    search_fields = ("txid", "sender")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    fee_text = staticmethod(amount_column("network_fee"))


@admin.register(FeeCorrection)
class FeeCorrectionAdmin(ReadOnlyAdmin):
    """What transactions cost more or less than was booked, after a deep reorganisation."""

    list_display = ("reference", "transaction", "amount_text", "created_at")
    list_select_related = ("transaction",)
    search_fields = ("transaction__txid",)
    ordering = ("-id",)
    amount_text = staticmethod(amount_column("amount"))


@admin.register(ArrivalClaim)
class ArrivalClaimAdmin(ReadOnlyAdmin):
    """What operators said of coins that came into the hot wallet."""

    list_display = ("txid", "asset", "from_cold", "created_at")
    list_select_related = ("asset",)
    search_fields = ("=txid",)
    ordering = ("-id",)


@admin.register(Withdrawal)
class WithdrawalAdmin(ApprovalQueueAdmin):
    """Coins on their way out."""

    list_display = (
        "id",
        "user",
        "amount_text",
        "fee_text",
        "asset",
        "status",
        "reject_reason",
        "address",
        "transaction",
        "requested_at",
    )
    list_filter = ("status", "asset", "needs_approval", "needs_email")
    list_select_related = ("asset", "user", "transaction")
    search_fields = ("=id", "address", "user__email", "transaction__txid", "client_id")
    date_hierarchy = "requested_at"
    ordering = ("-requested_at",)
    amount_text = staticmethod(amount_column("amount"))
    fee_text = staticmethod(amount_column("fee"))
