"""What templates ask about a withdrawal."""

from django import template

from wallets.control.ending import is_endable
from wallets.models import Withdrawal

register = template.Library()
_OVER = (Withdrawal.Status.CONFIRMED, Withdrawal.Status.CANCELLED, Withdrawal.Status.REJECTED)


@register.filter
def can_be_cancelled(withdrawal: Withdrawal) -> bool:
    """Return whether its owner can still cancel it, as far as this page knows."""
    return is_endable(withdrawal)


@register.filter
def is_under_way(withdrawal: Withdrawal) -> bool:
    """Return whether its status will still change."""
    return withdrawal.status not in _OVER
