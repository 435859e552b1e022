"""How much an account may withdraw in 24 hours: the limits of its tier, and what of them it has used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from mex.errors import WithdrawalLimitExceeded
from mex.limits import WITHDRAWAL_WINDOW_HOURS
from wallets.models import Asset, ChainTransaction, TierLimit, Withdrawal, WithdrawalRules

_Status = Withdrawal.Status
_DOES_NOT_COUNT = (_Status.ENDING, _Status.CANCELLED, _Status.REJECTED)


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account may withdraw of an asset in 24 hours, and has, in units with fees. `daily` None: no limit."""

    daily: int | None
    used: int

    @property
    def left(self) -> int | None:
        """Return what it may still withdraw now. None: no limit."""
        return None if self.daily is None else max(self.daily - self.used, 0)


NO_LIMIT = Quota(None, 0)


def quotas_of(user_id: int) -> Mapping[int, Quota]:
    """Return the quotas of an account by asset; assets without a limit are left out."""
    used = _used(user_id, timezone.now())
    return {limit.asset_id: Quota(limit.daily, used.get(limit.asset_id, 0)) for limit in _limits(user_id)}


def quota_of(user_id: int, asset: Asset) -> Quota:
    """Return what an account may withdraw of an asset in 24 hours, and has."""
    return quotas_of(user_id).get(asset.pk, NO_LIMIT)


def limit_check(*, user_id: int, asset: Asset, amount: int) -> None:
    """Raise WithdrawalLimitExceeded where a withdrawal would be one too many.

    To be called with the account's lock in the transaction that stores the withdrawal: of two at once, the second sees
    the first.
    """
    left = quota_of(user_id, asset).left
    if left is not None and amount > left:
        raise WithdrawalLimitExceeded()


def is_to_be_approved(*, user_id: int, asset: Asset, amount: int) -> bool:
    """Return whether an operator has to look at a withdrawal: with it, more would leave in 24 hours that none looks at.

    Else a large one could go out in parts. To be called with the account's lock, as `limit_check`.
    """
    if asset.approval_above is None:
        return False
    unseen = _counted(user_id, timezone.now()).filter(asset=asset, needs_approval=False)
    return amount + (unseen.aggregate(total=Sum("amount"))["total"] or 0) > asset.approval_above


def _limits(user_id: int) -> QuerySet[TierLimit]:
    tier = WithdrawalRules.objects.filter(user_id=user_id).exclude(tier=None).values_list("tier", flat=True).first()
    return TierLimit.objects.filter(Q(tier__is_default=True) if tier is None else Q(tier=tier))


def _used(user_id: int, now: datetime) -> dict[int, int]:
    return dict(_counted(user_id, now).values_list("asset").annotate(total=Sum("amount")))


def _counted(user_id: int, now: datetime) -> QuerySet[Withdrawal]:
    """Return what was asked for and may leave, has left, or has cost us gas in vain: whoever repeats that has a limit.

    What left and was undone on the chain, and given back, does not count.
    """
    since = now - timedelta(hours=WITHDRAWAL_WINDOW_HOURS)
    burnt = Q(status=_Status.REJECTED, transaction__status=ChainTransaction.Status.FAILED)
    counts = ~Q(status__in=_DOES_NOT_COUNT) | burnt
    return Withdrawal.objects.filter(counts, user_id=user_id, requested_at__gt=since)
