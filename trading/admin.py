"""The admin of trading: markets can be changed, orders and trades can only be looked at."""

from typing import Any

from django import forms
from django.contrib import admin

from mex.admin import ReadOnlyAdmin, UnitsFormField, amount_column, time_column
from mex.money import PPM, steps_are_exact
from trading.models import EngineState, Market, MarketState, Order, Trade
from trading.selectors import has_open_orders

_QUANTITY_MAX = 10**15
"""Units: a level of nine thousand such orders still fits the 64 bits of a column."""


class MarketForm(forms.ModelForm):
    """A market, with its steps and bounds as decimals."""

    tick = UnitsFormField(help_text="Price step, in the quote asset per whole base asset.")
    lot = UnitsFormField(help_text="Quantity step, in the base asset.")
    price_min = UnitsFormField()
    price_max = UnitsFormField()
    quantity_min = UnitsFormField()
    quantity_max = UnitsFormField()
    notional_min = UnitsFormField(help_text="Smallest price x quantity, in the quote asset.")
    notional_max = UnitsFormField(help_text="Largest price x quantity, in the quote asset.")

    class Meta:
        model = Market
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        """Raise for rules that the engine would refuse: steps that round, bounds off the steps or crossed."""
        data = super().clean() or self.cleaned_data
        self._clean_steps(data)
        for low, high in (
            ("price_min", "price_max"),
            ("quantity_min", "quantity_max"),
            ("notional_min", "notional_max"),
        ):
            if _both(data, low, high) and data[low] > data[high]:
                self.add_error(high, "The maximum must not be below the minimum.")
        if data.get("quantity_max") is not None and data["quantity_max"] > _QUANTITY_MAX:
            self.add_error("quantity_max", "The sum of a price level would not fit: at most 10000000.")
        for fee in ("maker_fee_ppm", "taker_fee_ppm"):
            if data.get(fee) is not None and data[fee] >= PPM:
                self.add_error(fee, "A fee must be less than 1000000 ppm.")
        return data

    def _clean_steps(self, data: dict[str, Any]) -> None:
        # Steps that must not change are no fields of this form, but the bounds must still fit them.
        steps = {step: data.get(step, getattr(self.instance, step)) for step in ("tick", "lot")}
        if not _both(steps, "tick", "lot"):
            return
        if not steps_are_exact(tick=steps["tick"], lot=steps["lot"]):
            self.add_error("lot", "Price x quantity would round: tick x lot must be a multiple of 0.00000001.")
            return
        for bound, step in (("price_min", "tick"), ("quantity_min", "lot")):
            if data.get(bound) is not None and (data[bound] <= 0 or data[bound] % steps[step]):
                self.add_error(bound, f"This must be more than zero and a multiple of the {step}.")


def _both(data: dict[str, Any], one: str, other: str) -> bool:
    return data.get(one) is not None and data.get(other) is not None


_WHEN = "The engine takes changes when it starts next: restart it after saving."
_STEPS = "Steps can only be changed while no order is open in the market."


@admin.register(Market)
class MarketAdmin(admin.ModelAdmin):
    """Markets. The engine reads their rules when it starts, and the page says so."""

    form = MarketForm
    list_display = (
        "symbol",
        "base",
        "quote",
        "status",
        amount_column("tick"),
        amount_column("lot"),
        amount_column("notional_min"),
        "maker_fee_ppm",
        "taker_fee_ppm",
    )
    list_filter = ("status", "base", "quote")
    list_select_related = ("base", "quote")
    search_fields = ("symbol",)
    fieldsets = (
        (None, {"fields": ("symbol", "base", "quote", "status"), "description": _WHEN}),
        ("Steps", {"fields": ("tick", "lot"), "description": _STEPS}),
        (
            "Bounds",
            {
                "fields": (
                    ("price_min", "price_max"),
                    ("quantity_min", "quantity_max"),
                    ("notional_min", "notional_max"),
                    "orders_max",
                )
            },
        ),
        ("Fees", {"fields": ("maker_fee_ppm", "taker_fee_ppm")}),
    )

    def get_readonly_fields(self, request: Any, obj: Market | None = None) -> tuple[str, ...]:
        """Return what must not change once orders refer to it."""
        if obj is None:
            return ()
        fixed = ("symbol", "base", "quote")
        # An order that rests off the new steps could not be valued exactly: the engine would not start on it.
        return (*fixed, "tick", "lot") if has_open_orders(obj) else fixed

    def has_delete_permission(self, request: Any, obj: Market | None = None) -> bool:
        """Refuse: orders and trades refer to markets for ever. Halt it instead."""
        return False


@admin.register(MarketState)
class MarketStateAdmin(ReadOnlyAdmin):
    """Where each market's counters stand."""

    list_display = ("market", "last_trade", "last_update")
    list_select_related = ("market",)


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Orders, open and closed."""

    list_display = (
        "id",
        "account",
        "market",
        "side",
        "type",
        "time_in_force",
        "status",
        "price_text",
        "quantity_text",
        "executed_text",
        "client_order_id",
        "created",
        "updated",
    )
    list_filter = ("market", "status", "side", "type", "time_in_force")
    list_select_related = ("account", "market")
    search_fields = ("=id", "=client_order_id", "account__email")
    ordering = ("-id",)
    price_text = staticmethod(amount_column("price"))
    quantity_text = staticmethod(amount_column("quantity"))
    executed_text = staticmethod(amount_column("executed"))
    created = staticmethod(time_column("created_ms", "created"))
    updated = staticmethod(time_column("updated_ms", "updated"))


@admin.register(Trade)
class TradeAdmin(ReadOnlyAdmin):
    """Trades, with both sides and their fees."""

    list_display = (
        "number",
        "market",
        "time",
        "price_text",
        "quantity_text",
        "quote_text",
        "buyer",
        "seller",
        "buyer_is_maker",
        "buyer_fee_text",
        "seller_fee_text",
    )
    list_filter = ("market", "buyer_is_maker")
    list_select_related = ("market", "buyer", "seller")
    search_fields = ("=number", "=buyer_order", "=seller_order", "buyer__email", "seller__email")
    ordering = ("-id",)
    time = staticmethod(time_column("time_ms", "time"))
    price_text = staticmethod(amount_column("price"))
    quantity_text = staticmethod(amount_column("quantity"))
    quote_text = staticmethod(amount_column("quote", "total"))
    buyer_fee_text = staticmethod(amount_column("buyer_fee"))
    seller_fee_text = staticmethod(amount_column("seller_fee"))


@admin.register(EngineState)
class EngineStateAdmin(ReadOnlyAdmin):
    """Who leads each shard, and how far it has come."""

    list_display = ("shard", "leader", "epoch", "sequence", "batch", "last_order", "position", "time")
    exclude = ("last_batch",)
    time = staticmethod(time_column("time_ms", "last commit"))
