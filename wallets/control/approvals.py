"""What operators decide: approve of withdrawals above a threshold, or reject any that is not signed yet.

Decisions are added, never changed.
"""

import logging
import uuid
from functools import partial

from django.db import transaction

from accounts.models import User
from mex.errors import DecisionRefused
from wallets.control.consent import next_stage
from wallets.control.ending import is_endable, withdrawal_end
from wallets.lock_objects import withdrawal_lock
from wallets.models import Withdrawal, WithdrawalDecision
from wallets.news import withdrawal_news

log = logging.getLogger(__name__)
_Status = Withdrawal.Status
PERMISSION = "wallets.approve_withdrawal"
REASON_CHARS_MAX = 100


def withdrawal_approve(*, operator: User, pk: uuid.UUID, reason: str = "") -> Withdrawal:
    """Approve of a withdrawal that waits for it; with enough approvals it is paid. Raises DecisionRefused."""
    with transaction.atomic():
        withdrawal = _decidable(operator, pk)
        if withdrawal.status != _Status.APPROVAL:
            raise DecisionRefused(f"It does not wait for approval: it is {withdrawal.get_status_display().lower()}.")
        _decide(withdrawal, operator, approves=True, reason=reason)
        withdrawal.status = next_stage(withdrawal)
        withdrawal.save(update_fields=["status"])
        transaction.on_commit(partial(withdrawal_news, withdrawal))
    return withdrawal


def withdrawal_reject(*, operator: User, pk: uuid.UUID, reason: str) -> Withdrawal:
    """Reject a withdrawal that is not signed yet; its owner is told why, and gets the funds back.

    Raises DecisionRefused.
    """
    if not reason.strip():
        raise DecisionRefused("Say why: the owner is told.")
    with transaction.atomic():
        withdrawal = _decidable(operator, pk)
        _decide(withdrawal, operator, approves=False, reason=reason.strip())
        withdrawal_end(withdrawal, ends_as=_Status.REJECTED, reason=reason.strip())
    return withdrawal


def _decidable(operator: User, pk: uuid.UUID) -> Withdrawal:
    if not operator.is_active or not operator.is_staff or not operator.has_perm(PERMISSION):
        raise DecisionRefused("You may not decide about withdrawals.")
    if not Withdrawal.objects.filter(pk=pk).exists():
        raise DecisionRefused("There is no such withdrawal.")
    withdrawal = withdrawal_lock(pk)
    if not is_endable(withdrawal):
        raise DecisionRefused(f"There is nothing to decide: it is {withdrawal.get_status_display().lower()}.")
    if withdrawal.user_id == operator.pk:
        raise DecisionRefused("Nobody decides about a withdrawal of his own.")
    if withdrawal.decisions.filter(operator=operator).exists():
        raise DecisionRefused("You have decided about it already: another operator has to.")
    return withdrawal


def _decide(withdrawal: Withdrawal, operator: User, *, approves: bool, reason: str) -> None:
    if len(reason) > REASON_CHARS_MAX:
        raise DecisionRefused(f"A reason is a text of at most {REASON_CHARS_MAX} characters.")
    WithdrawalDecision.objects.create(withdrawal=withdrawal, operator=operator, approves=approves, reason=reason)
    verb = "approved of" if approves else "rejected"
    log.warning("withdrawal %s is %s by operator %d %s", withdrawal.pk, verb, operator.pk, reason)
