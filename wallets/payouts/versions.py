"""The versions of a transaction whose fee was raised, and the withdrawals that they all pay."""

from django.db import transaction
from django.db.models import Q, QuerySet

from wallets.lock_objects import withdrawals_lock
from wallets.models import ChainTransaction, Withdrawal


class NotBumped(Exception):
    """Raised with the reason when a transaction's fee cannot be raised now."""


def versions_of(record: ChainTransaction) -> QuerySet[ChainTransaction]:
    """Return all versions of a transaction, itself among them."""
    return ChainTransaction.objects.filter(Q(pk=record.family) | Q(first_version=record.family))


def withdrawals_of(record: ChainTransaction) -> QuerySet[Withdrawal]:
    """Return the withdrawals that a transaction pays, whichever of its versions they name."""
    return Withdrawal.objects.filter(transaction__in=versions_of(record))


def withdrawals_point_to(record: ChainTransaction) -> None:
    """Let withdrawals name this version, which is the one in the chain. A second time changes nothing.

    Does nothing for any other kind of transaction: what merely takes the place of a payment settles no withdrawal.
    """
    if record.kind != ChainTransaction.Kind.WITHDRAWAL:
        return
    elsewhere = withdrawals_of(record).exclude(transaction=record)
    if not elsewhere.exists():
        return
    with transaction.atomic():
        withdrawals_lock(elsewhere.values_list("pk", flat=True))
        elsewhere.update(transaction=record)
