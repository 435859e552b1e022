"""Credits without coins are taken back: when the chain has gone on for long enough without a credited deposit.

The decision is written down (reversed, with `credited_at` still set) before the ledger is asked, and there is no way
back from it: a deposit that is mined again meanwhile is credited anew, under a new reference, when it was taken back.
"""

import logging
from functools import partial

from django.db import transaction

from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.control.accounts import account_freeze
from wallets.control.ending import UNSIGNED, is_endable, withdrawal_end
from wallets.control.switch import signers_wait
from wallets.deposits.credits import costs_of, credit_of, posted_references
from wallets.ledger.chart import Owner
from wallets.lock_objects import deposits_lock, withdrawals_lock
from wallets.models import Asset, Deposit, Withdrawal
from wallets.news import deposit_news
from wallets.pace import Send

log = logging.getLogger(__name__)
Status = Deposit.Status
_ROWS = 500
TAKEN_BACK = "a deposit was taken back: the chain lost it"
"""Why a withdrawal is rejected, as its owner reads it."""


def deposits_reverse(*, asset: Asset, height: int, send: Send) -> None:
    """Take back the credits of deposits that are gone for good; `height` is that of the chain we have looked at.

    To be called when the node has just been asked about every deposit that is lost.
    """
    gone = Deposit.objects.filter(
        asset=asset, status__in=[Status.SEEN, Status.ORPHANED], credited_at__isnull=False, confirmations__lte=0
    )
    _remember([row.pk for row in gone if row.lost_at_height is None], height)
    _decide([row.pk for row in gone if _is_gone_for_good(row, height)], height)
    leaving = list(Deposit.objects.filter(asset=asset, status=Status.REVERSED, credited_at__isnull=False)[:_ROWS])
    if not leaving:
        return
    credited = posted_references(leaving, Reason.DEPOSIT)
    reversed_ = posted_references(leaving, Reason.REVERSAL)
    # What a withdrawal holds is not available: it is given back first. Else it would be our loss, and still be his.
    ending = Withdrawal.objects.filter(asset=asset, status=Withdrawal.Status.ENDING)
    waiting = set(ending.filter(user__in={row.user_id for row in leaving}).values_list("user", flat=True))
    # A credit that was handed over and is not there yet may still come: it is made certain before it is taken back.
    cost = costs_of(leaving)
    send([credit_of(row, cost.get(row.pk, 0)) for row in leaving if row.reference not in credited])
    ready = [row for row in leaving if row.user_id not in waiting and row.reference in credited - reversed_]
    send([_reversal(row, cost.get(row.pk, 0)) for row in ready])
    _finish([row.pk for row in leaving if row.reference in reversed_], reversed_)


def _is_gone_for_good(deposit: Deposit, height: int) -> bool:
    if deposit.lost_at_height is None or deposit.confirmations > 0:
        return False
    has_outlasted = height >= deposit.lost_at_height + deposit.confirmations_needed
    # Bitcoin counts below zero how deep another spend of the same coins is.
    return has_outlasted or deposit.confirmations <= -deposit.confirmations_needed


def _decide(pks: list[int], height: int) -> None:
    if not pks:
        return
    with transaction.atomic():
        signers_wait(None)  # accounts are frozen below, and assets are locked before withdrawals and deposits
        _reject_withdrawals(pks)
        for deposit in deposits_lock(pks):
            if deposit.status not in (Status.SEEN, Status.ORPHANED) or deposit.credited_at is None:
                continue
            if not _is_gone_for_good(deposit, height):
                continue
            deposit.status = Status.REVERSED
            deposit.save(update_fields=["status"])
            because = f"deposit {deposit.pk} was taken back: the chain lost it after it was credited"
            account_freeze(user=deposit.user, because=because)
            log.error(
                "deposit %s (%s, %d units of %s, user %d) is gone for good: its credit is taken back, the account is "
                "frozen until an operator has looked at it",
                deposit.pk,
                deposit,
                deposit.amount,
                deposit.asset.code,
                deposit.user_id,
            )
            transaction.on_commit(partial(deposit_news, deposit))


def _remember(pks: list[int], height: int) -> None:
    """Note when deposits were found to be gone, where a version that did not remember it has lost them."""
    Deposit.objects.filter(pk__in=pks, lost_at_height=None, credited_at__isnull=False).update(lost_at_height=height)


def _reject_withdrawals(pks: list[int]) -> None:
    """Let the unsigned withdrawals end that deposits (by id) were to pay; what is signed is beyond recall."""
    of = Deposit.objects.filter(pk__in=pks).values("user", "asset")
    rows = Withdrawal.objects.filter(status__in=UNSIGNED, transaction=None, user__in=of.values("user"))
    for withdrawal in withdrawals_lock(rows.filter(asset__in=of.values("asset")).values_list("pk", flat=True)):
        if is_endable(withdrawal):
            withdrawal_end(withdrawal, ends_as=Withdrawal.Status.REJECTED, reason=TAKEN_BACK)


def _reversal(deposit: Deposit, cost: int) -> Transfer:
    return Transfer(
        reference=deposit.reference,
        debit=deposit.user_id,
        credit=Owner.CHAIN,
        asset=deposit.asset_id,
        amount=deposit.amount,
        reason=Reason.REVERSAL,
        recoup=cost,
    )


def _finish(pks: list[int], reversed_: set[str]) -> None:
    if not pks:
        return
    with transaction.atomic():
        for deposit in deposits_lock(pks):
            if deposit.credited_at is None or deposit.reference not in reversed_:
                continue  # another worker was faster
            log.info("deposit %s: its credit was taken back", deposit.pk)
            deposit.reversals += 1  # so that a later credit has a reference of its own
            deposit.credited_at = deposit.lost_at_height = None
            if deposit.confirmations > 0:
                deposit.status = Status.CONFIRMING  # mined again meanwhile
            deposit.save(update_fields=["status", "reversals", "credited_at", "lost_at_height"])
            transaction.on_commit(partial(deposit_news, deposit))
