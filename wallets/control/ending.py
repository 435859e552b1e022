"""Withdrawals that end before they are signed: cancelled by their owner or by time, rejected by an operator.

Decided under the withdrawal's lock, as signing is: it is either signed or ended, never both. What it holds is given
back by wallets/payouts/progress.py, and only then it is over.
"""

import logging
import uuid
from functools import partial

from django.db import transaction

from mex.errors import WithdrawalNotCancelled, WithdrawalUnknown
from wallets.lock_objects import withdrawal_lock
from wallets.models import Withdrawal
from wallets.news import withdrawal_news

log = logging.getLogger(__name__)
_Status = Withdrawal.Status
UNSIGNED = (_Status.REQUESTED, _Status.EMAIL, _Status.APPROVAL, _Status.HELD)
CANCELLED_BY_OWNER = "cancelled by you"


def is_endable(withdrawal: Withdrawal) -> bool:
    """Return whether a withdrawal (locked, if it matters) can still be cancelled or rejected."""
    return withdrawal.status in UNSIGNED and withdrawal.transaction_id is None


def withdrawal_end(withdrawal: Withdrawal, *, ends_as: str, reason: str) -> None:
    """Let a locked withdrawal that `is_endable` end as cancelled or rejected, in the caller's transaction."""
    assert is_endable(withdrawal)
    assert ends_as in (_Status.CANCELLED, _Status.REJECTED)
    withdrawal.status = _Status.ENDING
    withdrawal.ends_as = ends_as
    withdrawal.reject_reason = reason
    withdrawal.save(update_fields=["status", "ends_as", "reject_reason"])
    log.info("withdrawal %s is being %s: %s", withdrawal.pk, ends_as, reason)
    transaction.on_commit(partial(withdrawal_news, withdrawal))


def withdrawal_cancel(*, user_id: int, pk: uuid.UUID) -> Withdrawal:
    """Cancel a withdrawal of one's own that is not signed yet. A second time changes nothing.

    Raises WithdrawalUnknown, also for someone else's, and WithdrawalNotCancelled.
    """
    if not Withdrawal.objects.filter(pk=pk, user_id=user_id).exists():
        raise WithdrawalUnknown()
    with transaction.atomic():
        withdrawal = withdrawal_lock(pk)
        if withdrawal.ends_as == _Status.CANCELLED:
            return withdrawal
        if not is_endable(withdrawal):
            raise WithdrawalNotCancelled()
        withdrawal_end(withdrawal, ends_as=_Status.CANCELLED, reason=CANCELLED_BY_OWNER)
    return withdrawal
