"""The admin of markets: every change goes through the engine, and takes effect while it runs."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from mex.admin import UnitsFormField, amount_column
from mex.errors import MexError
from trading.engine.enums import MarketStatus
from trading.engine.markets import MarketSpec
from trading.models import Market
from trading.operator_admin import AskingAdmin, AskingForm
from trading.rules import RULES, TWO_ASSETS
from trading.selectors import has_open_orders
from trading.services import (
    NOTE_CHARS_MAX,
    market_change,
    market_create,
    market_delist,
    market_halt,
    market_resume,
)


class MarketForm(AskingForm):
    """A market, with its steps and bounds as decimals."""

    tick = UnitsFormField(help_text="Price step, in the quote asset per whole base asset.")
    lot = UnitsFormField(
        help_text="Quantity step, in the base asset. Tick x lot must be a multiple of 0.00000001. While orders are "
        "open, steps can only be changed to ones that fit them."
    )
    price_min = UnitsFormField()
    price_max = UnitsFormField()
    quantity_min = UnitsFormField()
    quantity_max = UnitsFormField()
    notional_min = UnitsFormField(help_text="Smallest price x quantity, in the quote asset.")
    notional_max = UnitsFormField(help_text="Largest price x quantity, in the quote asset.")
    position_max = UnitsFormField(
        initial=0, help_text="What a buyer may have of the base asset, what he has ordered included. 0: any."
    )

    class Meta:
        model = Market
        fields = ("symbol", "base", "quote", "status", *RULES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "status" in self.fields:
            self.fields["status"] = forms.TypedChoiceField(
                choices=[(MarketStatus.TRADING.value, "Trading"), (MarketStatus.HALT.value, "Halted")], coerce=int
            )

    def clean(self) -> dict[str, Any]:
        """Raise for a market of one asset, before the database's constraint says it in its own words."""
        data = super().clean()
        if data.get("base") is not None and data["base"] == data.get("quote"):
            self.add_error("quote", TWO_ASSETS)
        return data


Act = Callable[..., MarketSpec]


@admin.register(Market)
class MarketAdmin(AskingAdmin):
    """Markets. What is changed here takes effect between two commands of traders."""

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
    actions = ("halt", "resume", "delist")
    fieldsets = (
        (None, {"fields": ("symbol", "base", "quote", "status")}),
        ("Steps", {"fields": ("tick", "lot")}),
        ("Bounds", {"fields": (("price_min", "price_max"), ("quantity_min", "quantity_max"))}),
        ("Value of an order", {"fields": (("notional_min", "notional_max"),)}),
        ("Of one account", {"fields": ("orders_max", "algo_orders_max", "iceberg_parts_max", "position_max")}),
        (
            "Distance from the last price",
            {
                "fields": (("bid_down_ppm", "bid_up_ppm"), ("ask_down_ppm", "ask_up_ppm")),
                "description": "Of limit prices, in ppm of the last price: 1200000 is 120 %. 0: any.",
            },
        ),
        ("Trailing delta", {"fields": (("trailing_min", "trailing_max"),)}),
        ("Fees", {"fields": ("maker_fee_ppm", "taker_fee_ppm")}),
        (None, {"fields": ("note",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what orders refer to for ever, and the status, which has actions of its own."""
        return ("symbol", "base", "quote", "status") if obj else ()

    def save_model(self, request: HttpRequest, obj: Market, form: Any, change: bool) -> None:
        """Ask the engine. Raises MexError."""
        data = form.cleaned_data
        asked = {"actor": request.user.get_username(), "note": data["note"]}
        if change:
            changes = {name: data[name] for name in RULES if name in form.changed_data}
            market_change(symbol=obj.symbol, changes=changes, **asked)
            return
        spec = MarketSpec(
            id=0,
            symbol=data["symbol"],
            base=data["base"].pk,
            quote=data["quote"].pk,
            status=MarketStatus(data["status"]),
            **{name: data[name] for name in RULES},
        )
        obj.pk = market_create(spec=spec, **asked).id

    # --- actions -----------------------------------------------------------------------------------

    @admin.action(description="Halt: no new orders, open ones stay", permissions=["change"])
    def halt(self, request: HttpRequest, markets: QuerySet[Market]) -> HttpResponse | None:
        """Halt markets, once confirmed."""
        return self._act(request, markets, "halt", market_halt)

    @admin.action(description="Resume: take orders again", permissions=["change"])
    def resume(self, request: HttpRequest, markets: QuerySet[Market]) -> HttpResponse | None:
        """Resume markets, once confirmed."""
        return self._act(request, markets, "resume", market_resume)

    @admin.action(description="Delist: open orders expire", permissions=["change"])
    def delist(self, request: HttpRequest, markets: QuerySet[Market]) -> HttpResponse | None:
        """Delist markets, once confirmed."""
        return self._act(request, markets, "delist", market_delist)

    def _act(self, request: HttpRequest, markets: QuerySet[Market], name: str, act: Act) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._confirmation(request, markets, name)
        note = request.POST.get("note", "")
        for market in markets:
            try:
                spec = act(symbol=market.symbol, actor=request.user.get_username(), note=note)
            except MexError as refusal:
                self.message_user(request, f"{market.symbol}: {refusal.message}", messages.ERROR)
                continue
            self.log_change(request, market, f"{name}: {note}" if note else name)
            self.message_user(request, f"{spec.symbol} is now: {spec.status.name}.", messages.SUCCESS)
        return None

    def _confirmation(self, request: HttpRequest, markets: QuerySet[Market], name: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{name.capitalize()} markets",
            "opts": self.opts,
            "action": name,
            "markets": [(market, has_open_orders(market)) for market in markets],
            "checkbox": ACTION_CHECKBOX_NAME,
            "note_chars_max": NOTE_CHARS_MAX,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/trading/market/confirm.html", context)
