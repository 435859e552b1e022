"""Withdrawals and the ledger: funds are held before anything is signed, and paid out or given back at the end."""

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from mex.limits import CONFIRMATION_HOURS
from trading.engine.commands import Command, HoldFunds, ReleaseHold, SettleHold
from trading.engine.enums import HoldState
from wallets.control.consent import next_stage
from wallets.control.ending import is_endable, withdrawal_end
from wallets.lock_objects import withdrawal_lock
from wallets.models import ChainTransaction, Hold, Posting, Withdrawal
from wallets.news import withdrawal_news
from wallets.pace import Send
from wallets.payouts.contradictions import TOUCHED, given_back_reference

log = logging.getLogger(__name__)
Status = Withdrawal.Status
_ROWS = 500
FUNDS_MISSING = "insufficient balance"
PAYMENT_REFUSED = "the receiving contract refused the payment"
GIVEN_BACK = "undone on the chain later: given back without the fee"
PAID_AFTER_ALL = "given back, and paid on the chain after all"
UNDONE = "undone on the chain later: the operators have decided about it"
NOT_CONFIRMED = f"not confirmed by e-mail within {CONFIRMATION_HOURS} hours"


def withdrawals_advance(*, send: Send) -> None:
    """Take every withdrawal as far as ledger and chain allow. What the engine has not done yet is sent again."""
    _advance_requested(send)
    _advance_consented()
    _end_unconfirmed()
    _advance_ending(send)
    _advance_final(send)
    _advance_decided()


def hold_command(withdrawal: Withdrawal) -> HoldFunds:
    """Return the command that sets a withdrawal's funds aside."""
    return HoldFunds(withdrawal.reference, withdrawal.user_id, withdrawal.asset_id, withdrawal.amount)


def withdrawal_holds(withdrawal: Withdrawal, state: int) -> None:
    """Note what the ledger says about the hold of a requested withdrawal. A second time changes nothing."""
    if state == HoldState.HELD:
        _move(withdrawal, Status.REQUESTED, "")
    elif state == HoldState.REFUSED:
        _move(withdrawal, Status.REQUESTED, Status.REJECTED, reason=FUNDS_MISSING)
    else:
        log.error("withdrawal %s was not signed, but its hold is %s", withdrawal.pk, HoldState(state).name)


def _pages(rows: QuerySet[Withdrawal]) -> Iterator[Sequence[Withdrawal]]:
    """Yield all rows, oldest first, so many at a time: those that cannot go on hide none that can."""
    rows = rows.order_by("requested_at", "pk")
    page = list(rows[:_ROWS])
    while page:
        yield page
        time, pk = page[-1].requested_at, page[-1].pk
        page = list(rows.filter(Q(requested_at__gt=time) | Q(requested_at=time, pk__gt=pk))[:_ROWS])


def _advance_requested(send: Send) -> None:
    for rows in _pages(Withdrawal.objects.filter(status=Status.REQUESTED)):
        holds = Hold.objects.in_bulk([row.reference for row in rows])
        send([hold_command(row) for row in rows if row.reference not in holds])
        for row in rows:
            if row.reference in holds:
                withdrawal_holds(row, holds[row.reference].state)


def _advance_consented() -> None:
    """Take on what has all that it needs: after a crash, or since fewer approvals are needed than before."""
    approvals = Count("decisions", filter=Q(decisions__approves=True))
    rows = Withdrawal.objects.filter(status=Status.APPROVAL).alias(approvals=approvals)
    for row in rows.filter(approvals__gte=settings.APPROVALS_NEEDED)[:_ROWS]:
        _move(row, Status.APPROVAL, "")


def _end_unconfirmed() -> None:
    """Cancel what its owner did not confirm in time."""
    since = timezone.now() - timedelta(hours=CONFIRMATION_HOURS)
    late = Withdrawal.objects.filter(status=Status.EMAIL, requested_at__lte=since)
    for pk in late.values_list("pk", flat=True)[:_ROWS]:
        with transaction.atomic():
            withdrawal = withdrawal_lock(pk)
            if withdrawal.status == Status.EMAIL and is_endable(withdrawal):
                withdrawal_end(withdrawal, ends_as=Status.CANCELLED, reason=NOT_CONFIRMED)


def _advance_ending(send: Send) -> None:
    """Give back what ended before it was signed.

    A hold that is not made yet may still be on its way to the engine: it is made, and then released.
    """
    for rows in _pages(Withdrawal.objects.filter(status=Status.ENDING)):
        holds = Hold.objects.in_bulk([row.reference for row in rows])
        commands: list[Command] = []
        for row in rows:
            hold = holds.get(row.reference)
            if hold is None:
                commands.append(hold_command(row))
            elif hold.state == HoldState.HELD:
                commands.append(ReleaseHold(row.reference))
            elif hold.state in (HoldState.RELEASED, HoldState.REFUSED):
                _move(row, Status.ENDING, row.ends_as, reason=row.reject_reason)
            else:
                log.error("withdrawal %s was not signed, but its hold is %s", row.pk, HoldState(hold.state).name)
        send(commands)


def _advance_final(send: Send) -> None:
    ended = (ChainTransaction.Status.CONFIRMED, ChainTransaction.Status.FAILED)
    final = Withdrawal.objects.filter(status__in=[Status.SIGNED, Status.BROADCAST], transaction__status__in=ended)
    for rows in _pages(final.select_related("transaction")):
        holds = Hold.objects.in_bulk([row.reference for row in rows])
        send([command for row in rows if (command := _final_step(row, holds.get(row.reference))) is not None])


def _final_step(row: Withdrawal, hold: Hold | None) -> Command | None:
    """Return what the engine has still to do for a withdrawal whose transaction is final; without that, end it."""
    assert row.transaction is not None
    is_paid = row.transaction.status == ChainTransaction.Status.CONFIRMED
    if hold is None:
        log.error("withdrawal %s was paid, but the ledger knows no hold of it", row.pk)
    elif hold.state == HoldState.HELD:
        return SettleHold(row.reference, row.fee) if is_paid else ReleaseHold(row.reference)
    elif is_paid and hold.state == HoldState.SETTLED:
        _move(row, row.status, Status.CONFIRMED)
    elif not is_paid and hold.state == HoldState.RELEASED:
        _move(row, row.status, Status.REJECTED, reason=PAYMENT_REFUSED)
    else:
        log.error("withdrawal %s: its hold is %s", row.pk, HoldState(hold.state).name)
    return None


def _advance_decided() -> None:
    """Let settled withdrawals say what became of them where the chain has another outcome, and operators have decided.

    The status says where their funds are: rejected, once the ledger has given them back. The reason says the rest.
    """
    touched = ChainTransaction.objects.filter(TOUCHED)
    settled = Withdrawal.objects.filter(transaction__in=touched, status__in=[Status.CONFIRMED, Status.REJECTED])
    for rows in _pages(settled.select_related("transaction")):
        _tell_decided(rows)


def _tell_decided(rows: Sequence[Withdrawal]) -> None:
    names = [given_back_reference(row) for row in rows]
    given_back = set(Posting.objects.filter(reference__in=names).values_list("reference", flat=True))
    for row in rows:
        assert row.transaction is not None
        is_given_back = given_back_reference(row) in given_back
        if not is_given_back and not row.transaction.contradiction_note:
            continue  # operators have not decided yet
        status, has_paid = Status.REJECTED if is_given_back else Status(row.status), row.transaction.has_effect
        if status == Status.CONFIRMED:
            reason = "" if has_paid else UNDONE
        else:
            reason = PAID_AFTER_ALL if has_paid else GIVEN_BACK if is_given_back else PAYMENT_REFUSED
        if (row.status, row.reject_reason) != (status, reason):
            _retell(row, status, reason)


def _retell(withdrawal: Withdrawal, status: str, reason: str) -> None:
    with transaction.atomic():
        current = withdrawal_lock(withdrawal.pk)
        current.status, current.reject_reason = status, reason
        current.save(update_fields=["status", "reject_reason"])
        log.warning("withdrawal %s is %s: %s", current.pk, status, reason)
        transaction.on_commit(partial(withdrawal_news, current))


def _move(withdrawal: Withdrawal, old: str, new: str, *, reason: str = "") -> None:
    """Move a withdrawal on, if it still is where it was; `new` empty: as far as it may go with its funds held."""
    with transaction.atomic():
        current = withdrawal_lock(withdrawal.pk)
        if current.status != old:
            return
        current.status = new or next_stage(current)
        if current.status == old:
            return
        current.reject_reason = reason
        if new in (Status.CONFIRMED, Status.CANCELLED, Status.REJECTED):
            current.completed_at = timezone.now()
        current.save(update_fields=["status", "reject_reason", "completed_at"])
        log.info("withdrawal %s is %s %s", current.pk, current.status, reason)
        transaction.on_commit(partial(withdrawal_news, current))
