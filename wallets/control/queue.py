"""What operators are shown of withdrawals that wait for approval."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.utils import timezone

from wallets.control.accounts import frozen_because
from wallets.control.book import book_entry
from wallets.control.limits import Quota, quota_of
from wallets.models import Deposit, Withdrawal, WithdrawalDecision

_Status = Withdrawal.Status
_SHOWN = 50
_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A withdrawal in the queue, and what tells whether it is in order. Amounts in units."""

    withdrawal: Withdrawal
    age: timedelta
    approvals: list[WithdrawalDecision]
    approvals_needed: int
    deposited: int
    """Credited to the account of this asset, ever."""
    withdrawn: int
    """Confirmed withdrawals of the account of this asset, ever."""
    withdrawn_month: int
    """Requested in the last 30 days, without what was cancelled or rejected, without this one."""
    earlier_payments: int
    """Confirmed withdrawals of the account to this very address."""
    quota: Quota
    book: str
    frozen: str


def approvals_waiting() -> int:
    """Return how many withdrawals wait for approval."""
    return Withdrawal.objects.filter(status=_Status.APPROVAL).count()


def approval_queue() -> list[Waiting]:
    """Return the withdrawals that wait for approval, oldest first: at most fifty."""
    rows = Withdrawal.objects.filter(status=_Status.APPROVAL).select_related("user", "asset")
    now = timezone.now()
    return [_waiting(row, now) for row in rows.order_by("requested_at")[:_SHOWN]]


def _waiting(row: Withdrawal, now: datetime) -> Waiting:
    others = Withdrawal.objects.filter(user=row.user, asset=row.asset).exclude(pk=row.pk)
    ended = Q(status__in=[_Status.ENDING, _Status.CANCELLED, _Status.REJECTED])
    paid = Q(status=_Status.CONFIRMED)
    sums = others.aggregate(
        withdrawn=Sum("amount", filter=paid),
        month=Sum("amount", filter=~ended & Q(requested_at__gt=now - _MONTH)),
        same=Count("pk", filter=paid & Q(address=row.address)),
    )
    credited = Deposit.objects.filter(user=row.user, asset=row.asset, status=Deposit.Status.CREDITED)
    return Waiting(
        withdrawal=row,
        age=now - row.requested_at,
        approvals=list(row.decisions.select_related("operator")),
        approvals_needed=settings.APPROVALS_NEEDED,
        deposited=credited.aggregate(total=Sum("amount"))["total"] or 0,
        withdrawn=sums["withdrawn"] or 0,
        withdrawn_month=sums["month"] or 0,
        earlier_payments=sums["same"],
        quota=quota_of(row.user_id, row.asset),
        book=_book_state(row, now),
        frozen=frozen_because(row.user_id),
    )


def _book_state(row: Withdrawal, now: datetime) -> str:
    entry = book_entry(row.user_id, row.asset.chain, row.address)
    if entry is None:
        return "not in the book"
    if entry.usable_at > now:
        return f"in the book as “{entry.label}”, still cooling down"
    return f"in the book as “{entry.label}” since {entry.created_at:%Y-%m-%d}"
