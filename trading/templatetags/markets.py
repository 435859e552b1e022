"""What pages say about markets and orders."""

from django import template

from mex.money import DECIMALS, UNITS, format_short, format_units
from trading.engine.enums import MarketStatus, OrderType, Side
from trading.engine.triggers import rises_to_stop
from trading.models import Market, Order
from trading.page_selectors import decimals_of

register = template.Library()


@register.simple_tag
def first_market() -> str:
    """Return the symbol of the market that "Trade" leads to, or nothing when there is none."""
    listed = Market.objects.exclude(status=MarketStatus.DELISTED)
    return listed.values_list("symbol", flat=True).first() or ""


@register.filter
def on_step(amount: int, step: int) -> str:
    """Return units with as many decimals as the market's step has, so that columns align."""
    return format_units(amount)[: decimals_of(step) - DECIMALS or None].rstrip(".")


@register.filter
def condition(order: Order) -> str:
    """Return what an order waits or waited for, such as "≥ 0.05000" or "1% back"; nothing for most."""
    found = getattr(order, "condition", None)
    if found is None:
        return ""
    words = []
    if found.trailing_delta:
        words.append(f"{format_short(found.trailing_delta * (UNITS // 100))}% back")
    if found.stop_price:
        sign = "≥" if rises_to_stop(Side(order.side), OrderType(order.type)) else "≤"
        words.append(f"{sign} {on_step(found.stop_price, order.market.tick)}")
    if found.iceberg_quantity:
        words.append(f"shows {on_step(found.iceberg_quantity, order.market.lot)}")
    return ", ".join(words)
