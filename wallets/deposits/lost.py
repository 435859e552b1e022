"""Deposits that were credited and whose coins are gone: until they come back or are taken back, their account waits."""

from django.db.models import QuerySet

from wallets.models import Deposit


def lost_deposits() -> QuerySet[Deposit]:
    """Return the deposits whose credit stands without coins that are deep enough in the chain."""
    rows = Deposit.objects.exclude(lost_at_height=None)
    return rows.exclude(status__in=[Deposit.Status.CREDITED, Deposit.Status.REVERSED])


def accounts_with_lost_deposits() -> set[int]:
    """Return the users whose withdrawals wait for such a deposit."""
    return set(lost_deposits().values_list("user_id", flat=True))


def has_lost_deposit(user_id: int) -> bool:
    """Return whether an account has such a deposit."""
    return lost_deposits().filter(user_id=user_id).exists()
