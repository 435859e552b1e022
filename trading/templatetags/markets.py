"""What every page's navigation needs to know about markets."""

from django import template

from mex.money import DECIMALS, format_units
from trading.models import Market
from trading.page_selectors import decimals_of

register = template.Library()


@register.simple_tag
def first_market() -> str:
    """Return the symbol of the market that "Trade" leads to, or nothing when there is none."""
    return Market.objects.values_list("symbol", flat=True).first() or ""


@register.filter
def on_step(amount: int, step: int) -> str:
    """Return units with as many decimals as the market's step has, so that columns align."""
    return format_units(amount)[: decimals_of(step) - DECIMALS or None].rstrip(".")
