"""What templates say about where a deposit stands."""

from collections.abc import Iterable, Mapping

from django import template

from wallets import deposit_notes as notes
from wallets.models import Deposit

register = template.Library()


@register.simple_tag
def deposit_notes(deposits: Iterable[Deposit]) -> dict[int, str]:
    """Return what is to be said about deposits, by their ids."""
    return notes.deposit_notes(deposits)


@register.filter
def note_of(said: Mapping[int, str], deposit: Deposit) -> str:
    """Return what is to be said about one of them."""
    return said.get(deposit.pk, "")
