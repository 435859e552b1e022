"""What we signed, on its way into the chain: sent, sent again while no block has it, counted, and its fee booked.

Needs no key. The bytes are those that were stored. A transaction whose fee was raised has several versions, its family:
they exclude each other, so at most one gets into the chain. Whichever it is settles what all of them were for, once.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.health import say_once, say_over
from wallets.chains.jsonrpc import ChainRefused
from wallets.cold.booking import cold_posting
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction
from wallets.pace import Pacer, Send
from wallets.payouts.bitcoin_void import void_release
from wallets.payouts.fee_doubts import doubtful, doubts_find, doubts_settle, fee_command, fees_booked, is_fee_booked
from wallets.payouts.findings import Finding
from wallets.payouts.records import UNFINISHED, Status, transaction_news, transaction_sent, transactions_sent
from wallets.payouts.versions import versions_of, withdrawals_point_to

log = logging.getLogger(__name__)
_ROWS = 500
_SENT_AT_ONCE = 1_000
_NOTED_AT_ONCE = 250
"""Transactions that are sent before it is noted that they were: what a crash forgets is sent again."""
_SENT_FIELDS = ("pk", "txid", "raw", "first_version", "confirmations", "block_height")
"""What is read of a transaction to send it, and to tell its owner that it was sent."""
_FINAL_ROWS = 200
"""The newest final transactions, which a deep reorganisation could take out of the chain."""


def bitcoin_follow(*, asset: Asset, node: BitcoinNode, send: Send, pacer: Pacer) -> None:
    """Look once at every unfinished transaction. Raises ChainUnavailable or ChainRefused."""
    doubts_find(coin=asset, block_hashes=node.block_hashes, pacer=pacer)
    _lost_send(asset, node, pacer)
    rows = unfinished(asset)
    places = node.places([row.txid for row in rows])
    void_release(coin=asset, rows=rows, places=places, ask=node.places)
    findings = {row.txid: Finding(places[row.txid], fee=row.network_fee) for row in rows}
    families_follow(rows=rows, findings=findings, broadcast=node.broadcast, send=send, pacer=pacer)
    doubts = doubtful(asset)
    places = node.places([row.txid for row in doubts])
    findings = {row.txid: Finding(places[row.txid], fee=row.network_fee) for row in doubts}
    doubts_settle(coin=asset, rows=doubts, findings=findings, send=send)


def _lost_send(asset: Asset, node: BitcoinNode, pacer: Pacer) -> None:
    """Send final payments again that the chain has lost: a node that also lost its memory knows nothing of them.

    Not those about which operators have decided: their receivers have got their money some other way.
    """
    if not pacer.is_due(("lost", asset.pk)):
        return
    ours = ChainTransaction.objects.filter(fee_asset=asset, status=Status.CONFIRMED, contradiction_note="")
    final = list(ours.order_by("-pk")[:_FINAL_ROWS])
    places = node.places([row.txid for row in final])
    for row in reversed(final):
        if places[row.txid].confirmations < 1:
            # The books are in order already: the row stays as it is, only the coins have to go once more.
            if say_once(f"lost {row.txid}", "lost"):
                log.error("%s was final and is gone from the chain: it is sent again", row.txid)
            broadcast_row(row, node.broadcast)
        else:
            say_over(f"lost {row.txid}")


def stored_broadcast(*, asset: Asset, broadcast: Callable[[str], str]) -> None:
    """Send what was signed and not sent yet, of each family the newest version. `asset`: the chain's coin.

    Sending twice is harmless: the bytes are the same.
    """
    newer = ChainTransaction.objects.filter(first_version=OuterRef("family_id"), pk__gt=OuterRef("pk"))
    rows = ChainTransaction.objects.filter(fee_asset=asset, status=Status.SIGNED)
    rows = rows.annotate(family_id=Coalesce("first_version", "pk")).exclude(Exists(newer))
    waiting = list(rows.only(*_SENT_FIELDS).order_by("sender", "nonce", "pk")[:_SENT_AT_ONCE])
    for start in range(0, len(waiting), _NOTED_AT_ONCE):
        transactions_sent([row for row in waiting[start : start + _NOTED_AT_ONCE] if _is_taken(row, broadcast)])


def unfinished(coin: Asset) -> Sequence[ChainTransaction]:
    """Return what we signed on a coin's chain and is not final, tokens with it, in the order of nonces.

    Families are whole: a version that is not final is never without the others.
    """
    rows = ChainTransaction.objects.filter(fee_asset=coin, status__in=UNFINISHED)
    oldest = rows.order_by("sender", "nonce", "pk").values_list("pk", "first_version")[:_ROWS]
    families = {first or pk for pk, first in oldest}
    whole = rows.filter(Q(pk__in=families) | Q(first_version__in=families))
    return list(whole.select_related("asset").order_by("sender", "nonce", "pk"))


def families_follow(
    *,
    rows: Sequence[ChainTransaction],
    findings: Mapping[str, Finding],
    broadcast: Callable[[str], str],
    send: Send,
    pacer: Pacer,
) -> None:
    """Take transactions on by what the chain says about each, by txid. `rows`: what `unfinished` returned.

    While no version of a family is in a block, the newest one is sent again, and an older one only if the node refuses
    the newer ones. The version that is in a block is counted; once it is deep enough its fee is booked, it ends, and
    the other versions are replaced. May raise ChainUnavailable.
    """
    families: dict[int, list[ChainTransaction]] = {}
    for row in rows:
        families.setdefault(row.family, []).append(row)
    for versions in families.values():
        _follow(versions, findings, broadcast, send, pacer)


def _follow(
    versions: Sequence[ChainTransaction],
    findings: Mapping[str, Finding],
    broadcast: Callable[[str], str],
    send: Send,
    pacer: Pacer,
) -> None:
    mined = None
    for row in versions:
        confirmations = findings[row.txid].place.confirmations
        if confirmations >= 0 and row.status == Status.SIGNED:
            transaction_sent(row)
        if confirmations >= 1:
            mined = row
    if mined is None:
        _send_again(versions, findings, broadcast, pacer)
    for row in versions:
        _count(row, findings[row.txid])
    if mined is None:
        return
    withdrawals_point_to(mined)
    if findings[mined.txid].place.confirmations >= mined.asset.confirmations:
        _finish(mined, findings[mined.txid], send)


def _send_again(
    versions: Sequence[ChainTransaction],
    findings: Mapping[str, Finding],
    broadcast: Callable[[str], str],
    pacer: Pacer,
) -> None:
    """Send the newest version if it is time or if it is missing; older ones only as long as the node refuses."""
    for row in reversed(versions):
        is_missing = findings[row.txid].place.confirmations < 0 or row.status == Status.SIGNED
        if not (pacer.is_due(("send", row.txid)) or is_missing) or broadcast_row(row, broadcast):
            return


def broadcast_row(row: ChainTransaction, broadcast: Callable[[str], str]) -> bool:
    """Send a transaction, note it, and return whether the node has it."""
    if not _is_taken(row, broadcast):
        return False
    transaction_sent(row)
    return True


def _is_taken(row: ChainTransaction, broadcast: Callable[[str], str]) -> bool:
    """Send a transaction and return whether the node has it. One that is refused must not keep the others waiting."""
    try:
        complaint = broadcast(row.raw)
    except ChainRefused as refusal:
        if say_once(f"broadcast {row.txid}", str(refusal)):
            log.exception("%s was sent, and the node refuses what it should not", row.txid)
        return False
    if not complaint:
        return True
    if say_once(f"broadcast {row.txid}", complaint):
        # Not a failure: it may be mined, or known, or wait for its turn. The chain decides at the next look.
        log.info("%s was sent, the node says: %s", row.txid, complaint)
    return False


def _count(row: ChainTransaction, finding: Finding) -> None:
    place = finding.place
    confirmations = max(place.confirmations, 0)
    if (row.confirmations, row.block_height, row.block_hash) == (confirmations, place.block_height, place.block_hash):
        return
    row.confirmations, row.block_height, row.block_hash = confirmations, place.block_height, place.block_hash
    with transaction.atomic():
        if finding.fee not in (None, row.network_fee) and not is_fee_booked(row):
            unsent = ChainTransaction.objects.filter(pk=row.pk, fee_sent=False)
            if unsent.update(network_fee=finding.fee):
                row.network_fee = finding.fee
        row.save(update_fields=["confirmations", "block_height", "block_hash"])
        transaction.on_commit(partial(transaction_news, row.pk))


def _finish(row: ChainTransaction, finding: Finding, send: Send) -> None:
    """End a family whose mined version is deep enough, once its network fee is in the ledger: that of this version.

    If something else is booked for the family, of another version or before a reorganisation, that is corrected next.
    """
    assert row.network_fee is not None
    if row.network_fee and not is_fee_booked(row):
        send([fee_command(row)])
        return
    posting = cold_posting(row, finding.succeeded)
    if posting is not None:
        send([posting])
        return
    status = Status.CONFIRMED if finding.succeeded else Status.FAILED
    with transaction.atomic():
        asset_lock(row.fee_asset_id)  # no further version is stored while this goes on
        withdrawals_point_to(row)
        versions_of(row).filter(status__in=UNFINISHED).exclude(pk=row.pk).update(status=Status.REPLACED)
        ended = ChainTransaction.objects.filter(pk=row.pk, status__in=UNFINISHED)
        if ended.update(status=status, confirmed_at=timezone.now()):
            log.info("%s %s is %s", row.kind, row.txid, status)
            if finding.fee not in (None, fees_booked(row)):
                versions_of(row).update(fee_in_doubt=True)
