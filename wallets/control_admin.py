"""The admin of what controls withdrawals: tiers and limits, rules of accounts, decisions, the switch."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from mex.admin import ReadOnlyAdmin, UnitsFormField, amount_column
from wallets.control.switch import signers_wait
from wallets.models import (
    BookAddress,
    ColdOffer,
    TierLimit,
    WithdrawalDecision,
    WithdrawalRules,
    WithdrawalSwitch,
    WithdrawalTier,
)


class TierLimitForm(forms.ModelForm):
    """A limit, with its amount as a decimal."""

    daily = UnitsFormField(help_text="In whole coins, fees included, for 24 hours.")

    class Meta:
        model = TierLimit
        fields = "__all__"


class TierLimitInline(admin.TabularInline):
    """The limits of one tier."""

    model = TierLimit
    form = TierLimitForm
    extra = 0


@admin.register(TierLimit)
class TierLimitAdmin(admin.ModelAdmin):
    """How much accounts of a tier may withdraw in a day."""

    form = TierLimitForm
    list_display = ("tier", "asset", amount_column("daily"))
    list_filter = ("tier", "asset")
    list_select_related = ("tier", "asset")


class WithdrawalTierForm(forms.ModelForm):
    """A tier. The default one is unticked by ticking another, and in no other way."""

    # Not the column itself, of which one row at most may be true: the other one is unticked when this one is saved.
    default = forms.BooleanField(
        required=False, help_text="Of accounts without a tier of their own. It takes the place of the one that was it."
    )

    class Meta:
        model = WithdrawalTier
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["default"].initial = self.instance.is_default

    def clean_default(self) -> bool:
        """Raise where most accounts would be left without limits."""
        is_default = bool(self.cleaned_data["default"])
        if self.instance.is_default and not is_default:
            raise forms.ValidationError("Accounts without a tier would have no limits: tick another tier instead.")
        return is_default


@admin.register(WithdrawalTier)
class WithdrawalTierAdmin(admin.ModelAdmin):
    """Tiers of accounts, with their limits. An asset without a limit can be withdrawn without one."""

    form = WithdrawalTierForm
    list_display = ("name", "is_default")
    inlines = (TierLimitInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse for the default tier: without it most accounts had no limits."""
        is_default = isinstance(obj, WithdrawalTier) and obj.is_default
        return not is_default and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: WithdrawalTier, form: Any, change: bool) -> None:
        """Save a tier; one that becomes the default takes the place of the other, in the transaction of the admin."""
        if form.cleaned_data["default"]:
            WithdrawalTier.objects.exclude(pk=obj.pk).filter(is_default=True).update(is_default=False)
            obj.is_default = True
        super().save_model(request, obj, form, change)


class WithdrawalRulesForm(forms.ModelForm):
    """Rules of one account. Freezing and unfreezing ask for a reason, which stays in the history."""

    frozen = forms.BooleanField(required=False, help_text="Nothing can be withdrawn; what is not signed yet waits.")
    reason = forms.CharField(required=False, max_length=200, help_text="Why it is frozen, or not any more.")

    class Meta:
        model = WithdrawalRules
        fields = ("user", "tier")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["frozen"].initial = self.instance.frozen_at is not None

    def clean(self) -> dict[str, Any]:
        """Raise for a freeze, or its end, without a reason."""
        data = super().clean() or self.cleaned_data
        if "frozen" in self.changed_data and not data.get("reason", "").strip():
            self.add_error("reason", "Say why: it is kept.")
        return data


@admin.register(WithdrawalRules)
class WithdrawalRulesAdmin(admin.ModelAdmin):
    """Tier, freeze and address book of single accounts."""

    form = WithdrawalRulesForm
    list_display = ("user", "tier", "frozen_at", "frozen_because", "book_only")
    list_filter = (("frozen_at", admin.EmptyFieldListFilter), "tier")
    list_select_related = ("user", "tier")
    search_fields = ("user__email",)
    autocomplete_fields = ("user",)
    readonly_fields = ("frozen_at", "frozen_because", "book_only", "book_only_until")
    fieldsets = (
        (None, {"fields": ("user", "tier")}),
        ("Freeze", {"fields": ("frozen", "reason", "frozen_at", "frozen_because")}),
        ("Chosen by its owner", {"fields": ("book_only", "book_only_until")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Return what only others change; rules stay with their account."""
        return (*self.readonly_fields, "user") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: with its rules an account would lose its freeze, silently."""
        return False

    def save_model(self, request: HttpRequest, obj: WithdrawalRules, form: Any, change: bool) -> None:
        """Save what was changed only: its owner chooses, and mex freezes, meanwhile."""
        columns = ["tier"]
        if "frozen" in form.changed_data:
            signers_wait(None)
            is_frozen = form.cleaned_data["frozen"]
            obj.frozen_at = timezone.now() if is_frozen else None
            obj.frozen_because = form.cleaned_data["reason"].strip() if is_frozen else ""
            columns += ["frozen_at", "frozen_because"]
        if change:
            obj.save(update_fields=columns)
        else:
            obj.save(force_insert=True)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Put the reason into the history, too."""
        if "frozen" not in form.changed_data:
            return super().construct_change_message(request, form, formsets, add)
        verb = "Frozen" if form.cleaned_data["frozen"] else "Unfrozen"
        return f"{verb}: {form.cleaned_data['reason'].strip()}"


@admin.register(BookAddress)
class BookAddressAdmin(ReadOnlyAdmin):
    """Addresses that users keep."""

    list_display = ("user", "chain", "address", "label", "created_at", "usable_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "address")


@admin.register(WithdrawalDecision)
class WithdrawalDecisionAdmin(ReadOnlyAdmin):
    """What operators decided."""

    list_display = ("withdrawal", "operator", "approves", "reason", "made_at")
    list_filter = ("approves",)
    list_select_related = ("withdrawal", "operator")
    search_fields = ("=withdrawal__id", "operator__email")
    date_hierarchy = "made_at"


class WithdrawalSwitchForm(forms.ModelForm):
    """The switch; whoever halts says why."""

    class Meta:
        model = WithdrawalSwitch
        fields = ("is_halted", "because")
        help_texts = {"is_halted": "Nothing is signed for any asset, and nothing new can be requested."}

    def clean(self) -> dict[str, Any]:
        """Raise for a halt without a reason; one that is over has none."""
        data = super().clean() or self.cleaned_data
        if not data.get("is_halted"):
            data["because"] = ""
        elif not data.get("because", "").strip():
            self.add_error("because", "Say why: it is kept.")
        return data


@admin.register(WithdrawalSwitch)
class WithdrawalSwitchAdmin(admin.ModelAdmin):
    """Halts the withdrawals of all assets. The history says who did when, and why."""

    form = WithdrawalSwitchForm
    list_display = ("__str__", "because", "changed_at")
    readonly_fields = ("changed_at",)
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: there is one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: there is always one."""
        return False

    def save_model(self, request: HttpRequest, obj: WithdrawalSwitch, form: Any, change: bool) -> None:
        """Turn the switch while no signer is half-way."""
        signers_wait(None)
        obj.changed_at = timezone.now()
        super().save_model(request, obj, form, change)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Put the reason into the history."""
        return f"Halted: {form.cleaned_data['because']}" if form.cleaned_data["is_halted"] else "Resumed"


@admin.register(ColdOffer)
class ColdOfferAdmin(ReadOnlyAdmin):
    """Transfers to cold addresses, to be signed elsewhere."""

    list_display = ("asset", amount_column("amount"), "address", "created_at", "transaction", "withdrawn_at")
    list_select_related = ("asset", "transaction")
