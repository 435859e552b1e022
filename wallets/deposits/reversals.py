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
from wallets.deposits.credits import credit_of, posted_references
from wallets.ledger.chart import Owner
from wallets.lock_objects import deposits_lock
from wallets.models import Asset, Deposit
from wallets.news import deposit_news
from wallets.pace import Send

log = logging.getLogger(__name__)
Status = Deposit.Status
_ROWS = 500


def deposits_reverse(*, asset: Asset, height: int, send: Send) -> None:
    """Take back the credits of deposits that are gone for good; `height` is that of the chain we have looked at.

    To be called when the node has just been asked about every deposit that is lost.
    """
    gone = Deposit.objects.filter(
        asset=asset, status__in=[Status.SEEN, Status.ORPHANED], credited_at__isnull=False, confirmations__lte=0
    )
    _decide([row.pk for row in gone if row.lost_at_height is None or _is_gone_for_good(row, height)], height)
    leaving = list(Deposit.objects.filter(asset=asset, status=Status.REVERSED, credited_at__isnull=False)[:_ROWS])
    if not leaving:
        return
    credited = posted_references(leaving, Reason.DEPOSIT)
    reversed_ = posted_references(leaving, Reason.REVERSAL)
    # A credit that was handed over and is not there yet may still come: it is made certain before it is taken back.
    send([credit_of(row) for row in leaving if row.reference not in credited])
    send([_reversal(row) for row in leaving if row.reference in credited - reversed_])
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
        for deposit in deposits_lock(pks):
            if deposit.status not in (Status.SEEN, Status.ORPHANED) or deposit.credited_at is None:
                continue
            if deposit.lost_at_height is None:
                # Gone since before a version that remembers when.
                deposit.lost_at_height = height
                deposit.save(update_fields=["lost_at_height"])
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


def _reversal(deposit: Deposit) -> Transfer:
    return Transfer(
        reference=deposit.reference,
        debit=deposit.user_id,
        credit=Owner.CHAIN,
        asset=deposit.asset_id,
        amount=deposit.amount,
        reason=Reason.REVERSAL,
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
