"""The admin of trading: orders and trades can only be looked at; what can be changed has modules of its own."""

from django.contrib import admin

from mex.admin import ReadOnlyAdmin, amount_column, time_column
from mex.money import format_short
from trading.market_admin import MarketAdmin
from trading.models import EngineState, MarketState, Order, OrderCondition, OrderList, PreventedMatch, Trade
from trading.operator_admin import OperatorChangeAdmin, TermsAdmin

__all__ = ["MarketAdmin", "OperatorChangeAdmin", "TermsAdmin"]
"""Django looks for an app's admin here."""


@admin.register(MarketState)
class MarketStateAdmin(ReadOnlyAdmin):
    """Where each market's counters stand."""

    list_display = ("market", "last_trade", "price_text", "last_update", "last_prevented")
    list_select_related = ("market",)
    price_text = staticmethod(amount_column("last_price"))


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
        "condition_text",
        "quantity_text",
        "executed_text",
        "prevented_text",
        "stp",
        "client_order_id",
        "created",
        "updated",
    )
    list_filter = ("market", "status", "side", "type", "time_in_force", "stp")
    list_select_related = ("account", "market", "condition")
    search_fields = ("=id", "=client_order_id", "=condition__list_id", "account__email")
    search_help_text = "Number, client id, number of an order list, or e-mail"
    ordering = ("-id",)
    price_text = staticmethod(amount_column("price"))
    quantity_text = staticmethod(amount_column("quantity"))
    executed_text = staticmethod(amount_column("executed"))
    prevented_text = staticmethod(amount_column("prevented"))
    created = staticmethod(time_column("created_ms", "created"))
    updated = staticmethod(time_column("updated_ms", "updated"))

    @admin.display(description="condition")
    def condition_text(self, order: Order) -> str:
        """Return what a stop, trailing or iceberg order, or one of a list, waits for and shows."""
        condition = getattr(order, "condition", None)
        if condition is None:
            return "–"
        parts = [
            (condition.stop_price, f"stop {format_short(condition.stop_price)}"),
            (condition.trailing_delta, f"trailing {condition.trailing_delta} bp"),
            (condition.iceberg_quantity, f"iceberg {format_short(condition.iceberg_quantity)}"),
            (condition.list_id, f"list {condition.list_id}"),
            (condition.state, condition.get_state_display().lower()),
        ]
        return ", ".join(text for value, text in parts if value)


@admin.register(OrderCondition)
class OrderConditionAdmin(ReadOnlyAdmin):
    """What only stops, trailing stops, icebergs and orders of a list have."""

    list_display = ("order", "state", "stop_text", "trailing_delta", "iceberg_text", "list_id", "trail_from")
    list_filter = ("state",)
    list_select_related = ("order",)
    search_fields = ("=order__id", "=list_id")
    search_help_text = "Number of an order or of an order list"
    ordering = ("-order",)
    stop_text = staticmethod(amount_column("stop_price"))
    iceberg_text = staticmethod(amount_column("iceberg_quantity"))


@admin.register(OrderList)
class OrderListAdmin(ReadOnlyAdmin):
    """Pairs of orders of which one can trade."""

    list_display = ("id", "account", "market", "status", "above", "below", "client_list_id", "created", "updated")
    list_filter = ("market", "status")
    list_select_related = ("account", "market")
    search_fields = ("=id", "=client_list_id", "=above", "=below", "account__email")
    ordering = ("-id",)
    created = staticmethod(time_column("created_ms", "created"))
    updated = staticmethod(time_column("updated_ms", "updated"))


@admin.register(PreventedMatch)
class PreventedMatchAdmin(ReadOnlyAdmin):
    """Trades of an account with itself that did not happen."""

    list_display = (
        "number",
        "market",
        "time",
        "account",
        "mode",
        "price_text",
        "taker_order",
        "taker_quantity_text",
        "maker_order",
        "maker_quantity_text",
    )
    list_filter = ("market", "mode")
    list_select_related = ("market", "account")
    search_fields = ("=number", "=taker_order", "=maker_order", "account__email")
    ordering = ("-id",)
    time = staticmethod(time_column("time_ms", "time"))
    price_text = staticmethod(amount_column("price"))
    taker_quantity_text = staticmethod(amount_column("taker_quantity"))
    maker_quantity_text = staticmethod(amount_column("maker_quantity"))


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

    list_display = ("shard", "leader", "epoch", "sequence", "batch", "last_order", "last_list", "position", "time")
    exclude = ("last_batch",)
    time = staticmethod(time_column("time_ms", "last commit"))
