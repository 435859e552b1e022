"""The admin of what controls withdrawals: tiers and limits, rules of accounts, decisions, the switch."""

from django import forms
from django.contrib import admin

from mex.admin import ReadOnlyAdmin, UnitsFormField, amount_column
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


@admin.register(TierLimit)
class TierLimitAdmin(admin.ModelAdmin):
    """How much accounts of a tier may withdraw in a day."""

    form = TierLimitForm
    list_display = ("tier", "asset", amount_column("daily"))
    list_filter = ("tier", "asset")
    list_select_related = ("tier", "asset")


@admin.register(WithdrawalTier)
class WithdrawalTierAdmin(admin.ModelAdmin):
    """Tiers of accounts."""

    list_display = ("name", "is_default")


@admin.register(WithdrawalRules)
class WithdrawalRulesAdmin(admin.ModelAdmin):
    """Tier, freeze and address book of single accounts."""

    list_display = ("user", "tier", "frozen_at", "frozen_because", "book_only")
    list_select_related = ("user", "tier")
    search_fields = ("user__email",)
    autocomplete_fields = ("user",)


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
    list_select_related = ("withdrawal", "operator")


@admin.register(WithdrawalSwitch)
class WithdrawalSwitchAdmin(admin.ModelAdmin):
    """Halts the withdrawals of all assets."""

    list_display = ("__str__", "because", "changed_at")
    readonly_fields = ("changed_at",)


@admin.register(ColdOffer)
class ColdOfferAdmin(ReadOnlyAdmin):
    """Transfers to cold addresses, to be signed elsewhere."""

    list_display = ("asset", amount_column("amount"), "address", "created_at", "transaction", "withdrawn_at")
    list_select_related = ("asset", "transaction")
