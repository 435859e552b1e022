"""What a withdrawal still needs before it may be signed: its owner's confirmation, an operator's approval."""

from django.conf import settings

from wallets.models import Withdrawal

Status = Withdrawal.Status


def next_stage(withdrawal: Withdrawal) -> str:
    """Return the status of a withdrawal whose funds are held."""
    if withdrawal.needs_email and withdrawal.email_confirmed_at is None:
        return Status.EMAIL
    if withdrawal.needs_approval and approvals_missing(withdrawal):
        return Status.APPROVAL
    return Status.HELD


def approvals_missing(withdrawal: Withdrawal) -> int:
    """Return how many operators more have to approve of a withdrawal that needs it."""
    return max(settings.APPROVALS_NEEDED - withdrawal.decisions.filter(approves=True).count(), 0)


def missing_consent(withdrawal: Withdrawal) -> str:
    """Return what a withdrawal lacks that is about to be signed, or "".

    One approval is enough here: it may have been given while one was needed.
    """
    if withdrawal.needs_email and withdrawal.email_confirmed_at is None:
        return "its owner has not confirmed it"
    if not withdrawal.needs_approval:
        return ""
    decisions = set(withdrawal.decisions.values_list("approves", flat=True))
    if False in decisions:
        return "an operator rejected it"
    return "" if True in decisions else "no operator has approved of it"
