"""Withdrawals and the ledger: funds are held before anything is signed, and paid out or given back at the end."""

import logging
from functools import partial

from django.db import transaction
from django.utils import timezone

from trading.engine.commands import Command, HoldFunds, ReleaseHold, SettleHold
from trading.engine.enums import HoldState
from wallets.lock_objects import withdrawal_lock
from wallets.models import ChainTransaction, Hold, Withdrawal
from wallets.news import withdrawal_news
from wallets.pace import Send

log = logging.getLogger(__name__)
Status = Withdrawal.Status
_ROWS = 500
FUNDS_MISSING = "insufficient balance"
PAYMENT_REFUSED = "the receiving contract refused the payment"


def withdrawals_advance(*, send: Send) -> None:
    """Take every withdrawal as far as ledger and chain allow. What the engine has not done yet is sent again."""
    _advance_requested(send)
    _advance_final(send)


def hold_command(withdrawal: Withdrawal) -> HoldFunds:
    """Return the command that sets a withdrawal's funds aside."""
    return HoldFunds(withdrawal.reference, withdrawal.user_id, withdrawal.asset_id, withdrawal.amount)


def withdrawal_holds(withdrawal: Withdrawal, state: int) -> None:
    """Note what the ledger says about the hold of a requested withdrawal. A second time changes nothing."""
    if state == HoldState.HELD:
        _move(withdrawal, Status.REQUESTED, Status.HELD)
    elif state == HoldState.REFUSED:
        _move(withdrawal, Status.REQUESTED, Status.REJECTED, reason=FUNDS_MISSING)
    else:
        log.error("withdrawal %s was not signed, but its hold is %s", withdrawal.pk, HoldState(state).name)


def _advance_requested(send: Send) -> None:
    rows = list(Withdrawal.objects.filter(status=Status.REQUESTED).order_by("requested_at")[:_ROWS])
    holds = Hold.objects.in_bulk([row.reference for row in rows])
    send([hold_command(row) for row in rows if row.reference not in holds])
    for row in rows:
        if row.reference in holds:
            withdrawal_holds(row, holds[row.reference].state)


def _advance_final(send: Send) -> None:
    ended = (ChainTransaction.Status.CONFIRMED, ChainTransaction.Status.FAILED)
    rows = list(
        Withdrawal.objects.filter(
            status__in=[Status.SIGNED, Status.BROADCAST], transaction__status__in=ended
        ).select_related("transaction")[:_ROWS]
    )
    holds = Hold.objects.in_bulk([row.reference for row in rows])
    commands: list[Command] = []
    for row in rows:
        assert row.transaction is not None
        hold = holds.get(row.reference)
        is_paid = row.transaction.status == ChainTransaction.Status.CONFIRMED
        if hold is None:
            log.error("withdrawal %s was paid, but the ledger knows no hold of it", row.pk)
        elif hold.state == HoldState.HELD:
            commands.append(SettleHold(row.reference, row.fee) if is_paid else ReleaseHold(row.reference))
        elif is_paid and hold.state == HoldState.SETTLED:
            _move(row, row.status, Status.CONFIRMED)
        elif not is_paid and hold.state == HoldState.RELEASED:
            _move(row, row.status, Status.REJECTED, reason=PAYMENT_REFUSED)
        else:
            log.error("withdrawal %s: its hold is %s", row.pk, HoldState(hold.state).name)
    send(commands)


def _move(withdrawal: Withdrawal, old: str, new: str, *, reason: str = "") -> None:
    with transaction.atomic():
        current = withdrawal_lock(withdrawal.pk)
        if current.status != old:
            return
        current.status = new
        current.reject_reason = reason
        if new in (Status.CONFIRMED, Status.REJECTED):
            current.completed_at = timezone.now()
        current.save(update_fields=["status", "reject_reason", "completed_at"])
        log.info("withdrawal %s is %s %s", current.pk, new, reason)
        transaction.on_commit(partial(withdrawal_news, current))
