"""Signed transactions in the database: stored before anybody else sees them, and never two for one withdrawal."""

import logging
import uuid
from collections.abc import Sequence
from functools import partial

from django.db import transaction
from django.utils import timezone

from trading.engine.enums import HoldState
from wallets.lock_objects import withdrawal_lock
from wallets.models import Asset, ChainTransaction, Hold, Withdrawal
from wallets.news import withdrawal_news

log = logging.getLogger(__name__)
Kind = ChainTransaction.Kind
Status = ChainTransaction.Status
UNFINISHED = (Status.SIGNED, Status.BROADCAST)


def payable(asset: Asset, limit: int) -> Sequence[Withdrawal]:
    """Return withdrawals whose funds are held and which nothing was signed for, oldest first.

    None while the asset's withdrawals are closed: what was requested before waits.
    """
    if not asset.takes_withdrawals:
        return []
    rows = Withdrawal.objects.filter(asset=asset, status=Withdrawal.Status.HELD, transaction=None)
    return list(rows.order_by("requested_at")[:limit])


def withdrawal_claim(pk: uuid.UUID) -> Withdrawal | None:
    """Lock a withdrawal that may be signed for, inside a transaction; None when it may not (any more).

    The ledger's own row is asked too: nothing is paid that is not held.
    """
    withdrawal = withdrawal_lock(pk)
    if withdrawal.status != Withdrawal.Status.HELD or withdrawal.transaction_id is not None:
        return None
    hold = Hold.objects.filter(reference=withdrawal.reference).first()
    expected = (withdrawal.user_id, withdrawal.asset_id, withdrawal.amount, HoldState.HELD)
    if hold is None or (hold.account, hold.asset_id, hold.amount, hold.state) != expected:
        log.error("withdrawal %s is not signed: its funds are not held in the ledger", withdrawal.pk)
        return None
    return withdrawal


def withdrawal_signed(withdrawal: Withdrawal, record: ChainTransaction) -> None:
    """Store a signed transaction and tie a claimed withdrawal to it, in the caller's transaction."""
    assert record.kind == Kind.WITHDRAWAL
    record.save(force_insert=True)
    withdrawal.transaction = record
    withdrawal.status = Withdrawal.Status.SIGNED
    withdrawal.save(update_fields=["transaction", "status"])
    log.info("withdrawal %s is signed: %s", withdrawal.pk, record.txid)
    transaction.on_commit(partial(withdrawal_news, withdrawal))


def transaction_sent(record: ChainTransaction) -> None:
    """Note that a node has a transaction. A second time changes nothing."""
    with transaction.atomic():
        rows = ChainTransaction.objects.filter(pk=record.pk, status=Status.SIGNED)
        if not rows.update(status=Status.BROADCAST, broadcast_at=timezone.now()):
            return
        Withdrawal.objects.filter(transaction=record, status=Withdrawal.Status.SIGNED).update(
            status=Withdrawal.Status.BROADCAST
        )
        transaction.on_commit(partial(transaction_news, record.pk))


def transaction_news(pk: int) -> None:
    """Tell the browsers of everyone whose withdrawal a transaction pays."""
    for withdrawal in Withdrawal.objects.filter(transaction=pk).select_related("asset", "transaction"):
        withdrawal_news(withdrawal)
