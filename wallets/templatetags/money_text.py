"""How templates print amounts, times and long identifiers."""

from datetime import UTC, datetime

from django import template

from mex import money

register = template.Library()


@register.filter
def units(amount: int) -> str:
    """Return units with exactly eight decimals, so that columns align."""
    return money.format_units(amount)


@register.filter
def short(amount: int) -> str:
    """Return units without trailing zeros."""
    return money.format_short(amount)


@register.filter
def percent(ppm: int) -> str:
    """Return parts per million as percent: 1000 is 0.1%."""
    return money.format_short(ppm * (money.UNITS // 10_000)) + "%"


@register.filter
def at_ms(time_ms: int) -> datetime:
    """Return milliseconds since the epoch as a time."""
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC)


@register.filter
def middle(text: str, ends: int = 8) -> str:
    """Return a long identifier with its middle left out."""
    return text if len(text) <= 2 * ends + 1 else f"{text[:ends]}…{text[-ends:]}"


@register.filter
def filled(link: str, txid: str) -> str:
    """Return an explorer link with its {txid} replaced."""
    return link.replace("{txid}", txid)


@register.filter
def counted(confirmations: int, needed: int) -> int:
    """Return confirmations as people count them: up to `needed`, and none where a node says -1 for a conflict."""
    return min(max(confirmations, 0), needed)
