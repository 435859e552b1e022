"""What every page's navigation needs to know about markets."""

from django import template

from trading.models import Market

register = template.Library()


@register.simple_tag
def first_market() -> str:
    """Return the symbol of the market that "Trade" leads to, or nothing when there is none."""
    return Market.objects.values_list("symbol", flat=True).first() or ""
