"""Signed transactions in the database: stored before anybody else sees them, and never two for one withdrawal."""

import logging
import uuid
from collections.abc import Iterable, Sequence
from functools import partial

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from mex.bulk import rows_insert
from trading.engine.enums import HoldState
from wallets.control.accounts import frozen, frozen_accounts
from wallets.control.consent import missing_consent
from wallets.control.switch import withdrawals_halted
from wallets.lock_objects import withdrawals_lock
from wallets.models import Asset, ChainTransaction, Hold, Withdrawal
from wallets.news import withdrawals_news
from wallets.payouts.versions import withdrawals_of

log = logging.getLogger(__name__)
Kind = ChainTransaction.Kind
Status = ChainTransaction.Status
UNFINISHED = (Status.SIGNED, Status.BROADCAST)
FINAL = (Status.CONFIRMED, Status.FAILED)
_Hold = tuple[int, int, int, int]
_TIE = """
UPDATE wallets_withdrawal
SET transaction_id = (SELECT id FROM wallets_chaintransaction WHERE txid = %s), status = %s WHERE id = %s
"""


def payable(asset: Asset, limit: int) -> Sequence[Withdrawal]:
    """Return withdrawals whose funds are held and which nothing was signed for, oldest first.

    None while the asset's withdrawals are halted: what was requested before waits. Those of frozen accounts wait, too,
    and stand in nobody's way. What it does not need to be paid is read when it is claimed.
    """
    if withdrawals_halted(asset):
        return []
    rows = Withdrawal.objects.filter(~frozen(), asset=asset, status=Withdrawal.Status.HELD, transaction=None)
    return list(rows.only("pk", "address", "amount", "fee", "requested_at").order_by("requested_at")[:limit])


def withdrawal_claim(pk: uuid.UUID) -> Withdrawal | None:
    """Lock a withdrawal that may be signed for, as `withdrawals_claim` does; None when it may not (any more)."""
    return withdrawals_claim([pk]).get(pk)


def withdrawals_claim(pks: Iterable[uuid.UUID]) -> dict[uuid.UUID, Withdrawal]:
    """Lock withdrawals, inside a transaction, and return those that may be signed for.

    Everything is looked at again: the switches, the accounts, what had to be confirmed or approved, and the ledger's
    own rows. Nothing is paid that is not held. To be called with the asset's lock, which `halt` waits for.
    """
    rows = [row for row in withdrawals_lock(pks) if row.status == Withdrawal.Status.HELD and not row.transaction_id]
    halted = {asset.pk for asset in {row.asset for row in rows} if withdrawals_halted(asset)}
    frozen_users = frozen_accounts({row.user_id for row in rows})
    holds = _holds([row.reference for row in rows])
    claimed = {}
    for row in rows:
        if row.asset_id in halted or row.user_id in frozen_users:
            continue
        if problem := missing_consent(row) or _missing_hold(row, holds.get(row.reference)):
            log.error("withdrawal %s is not signed: %s", row.pk, problem)
            continue
        claimed[row.pk] = row
    return claimed


def _holds(references: Sequence[str]) -> dict[str, _Hold]:
    """Return what the ledger holds by each reference: whose, which asset, how much, and in which state."""
    rows = Hold.objects.filter(reference__in=references)
    return {row[0]: row[1:] for row in rows.values_list("reference", "account", "asset_id", "amount", "state")}


def _missing_hold(withdrawal: Withdrawal, hold: _Hold | None) -> str:
    expected = (withdrawal.user_id, withdrawal.asset_id, withdrawal.amount, HoldState.HELD)
    return "" if hold == expected else "its funds are not held in the ledger"


def withdrawal_signed(withdrawal: Withdrawal, record: ChainTransaction) -> None:
    """Store a signed transaction and tie a claimed withdrawal to it, in the caller's transaction."""
    withdrawals_signed([withdrawal], record)


def withdrawals_signed(withdrawals: Sequence[Withdrawal], record: ChainTransaction) -> None:
    """Store a signed transaction and tie every claimed withdrawal that it pays to it, in the caller's transaction."""
    assert record.kind == Kind.WITHDRAWAL
    record.save(force_insert=True)
    for withdrawal in withdrawals:
        withdrawal.transaction = record
        withdrawal.status = Withdrawal.Status.SIGNED
        log.info("withdrawal %s is signed: %s", withdrawal.pk, record.txid)
    rows = Withdrawal.objects.filter(pk__in=[withdrawal.pk for withdrawal in withdrawals])
    rows.update(transaction=record, status=Withdrawal.Status.SIGNED)
    transaction.on_commit(partial(withdrawals_news, withdrawals))


def payments_signed(payments: Sequence[tuple[Withdrawal, ChainTransaction]]) -> None:
    """Store signed transactions that pay one claimed withdrawal each, in the caller's transaction."""
    rows_insert([record for _, record in payments])
    pk = Withdrawal._meta.get_field("id")
    tied = []
    for withdrawal, record in payments:
        withdrawal.transaction = record
        withdrawal.status = Withdrawal.Status.SIGNED
        tied.append((record.txid, withdrawal.status, pk.get_db_prep_value(withdrawal.pk, connection)))
        log.info("withdrawal %s is signed: %s", withdrawal.pk, record.txid)
    transaction.on_commit(partial(withdrawals_news, [withdrawal for withdrawal, _ in payments]))
    with connection.cursor() as cursor:
        cursor.executemany(_TIE, tied)


def transactions_sent(records: Sequence[ChainTransaction]) -> None:
    """Note that a node has these transactions, all in one commit. A second time changes nothing."""
    families = {record.family for record in records}
    waiting = Withdrawal.objects.filter(
        Q(transaction__in=families) | Q(transaction__first_version__in=families), status=Withdrawal.Status.SIGNED
    )
    with transaction.atomic():
        signed = ChainTransaction.objects.filter(pk__in=[record.pk for record in records], status=Status.SIGNED)
        if not signed.update(status=Status.BROADCAST, broadcast_at=timezone.now()):
            return
        locked = withdrawals_lock(waiting.values_list("pk", flat=True))
        rows = [row for row in locked if row.status == Withdrawal.Status.SIGNED]
        Withdrawal.objects.filter(pk__in=[row.pk for row in rows]).update(status=Withdrawal.Status.BROADCAST)
        known = {record.pk: record for record in records}
        for row in rows:
            row.status = Withdrawal.Status.BROADCAST
            if row.transaction_id in known:
                row.transaction = known[row.transaction_id]
        transaction.on_commit(partial(withdrawals_news, rows))


def transaction_sent(record: ChainTransaction) -> None:
    """Note that a node has a transaction. A second time changes nothing."""
    with transaction.atomic():
        rows = ChainTransaction.objects.filter(pk=record.pk, status=Status.SIGNED)
        if not rows.update(status=Status.BROADCAST, broadcast_at=timezone.now()):
            return
        waiting = withdrawals_of(record).filter(status=Withdrawal.Status.SIGNED)
        withdrawals_lock(waiting.values_list("pk", flat=True))
        waiting.update(status=Withdrawal.Status.BROADCAST)
        transaction.on_commit(partial(transaction_news, record.pk))


def transaction_news(pk: int) -> None:
    """Tell the browsers of everyone whose withdrawal a transaction pays."""
    record = ChainTransaction.objects.get(pk=pk)
    withdrawals_news(list(withdrawals_of(record).select_related("asset", "transaction")))
