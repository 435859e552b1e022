"""What we signed, on its way into the chain: sent, sent again while no block has it, counted, and its fee booked.

Needs no key. The bytes are those that were stored.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from django.db import transaction
from django.utils import timezone

from mex.money import cost_from_chain
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.ethereum import EthereumNode
from wallets.chains.health import say_once
from wallets.chains.place import GONE, WAITING, Place
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainTransaction, Posting
from wallets.pace import Pacer, Send
from wallets.payouts.records import UNFINISHED, Kind, Status, transaction_news, transaction_sent

log = logging.getLogger(__name__)
_ROWS = 500


class Finding(msgspec.Struct, frozen=True):
    """What the chain says about one of our transactions. `fee` in units, None while it is not certain."""

    place: Place
    succeeded: bool = True
    fee: int | None = None


def bitcoin_follow(*, asset: Asset, node: BitcoinNode, send: Send, pacer: Pacer) -> None:
    """Look once at every unfinished transaction. Raises ChainUnavailable or ChainRefused."""
    rows = _unfinished(asset)
    places = node.places([row.txid for row in rows])
    findings = {row.txid: Finding(places[row.txid], fee=row.network_fee) for row in rows}
    _follow(asset, rows, findings, node.broadcast, send, pacer)


def ethereum_follow(*, asset: Asset, node: EthereumNode, send: Send, pacer: Pacer) -> None:
    """Look once at every unfinished transaction. Raises ChainUnavailable or ChainRefused."""
    _lost_send(asset, node, pacer)
    rows = _unfinished(asset)
    if not rows:
        return
    height = node.height()
    receipts = node.receipts([row.txid for row in rows])
    known = node.are_known([row.txid for row in rows])
    findings = {}
    for row in rows:
        receipt = receipts[row.txid]
        if receipt is None or receipt.block_height > height:
            findings[row.txid] = Finding(WAITING if known[row.txid] else GONE)
            continue
        place = Place(height - receipt.block_height + 1, receipt.block_height, receipt.block_hash)
        fee = cost_from_chain(receipt.fee_wei, asset.chain_decimals)
        findings[row.txid] = Finding(place, receipt.succeeded, fee)
    _follow(asset, rows, findings, node.broadcast, send, pacer)


def stored_broadcast(*, asset: Asset, broadcast: Callable[[str], str]) -> None:
    """Send what was signed and not sent yet. Sending twice is harmless: the bytes are the same."""
    rows = ChainTransaction.objects.filter(asset=asset, status=Status.SIGNED).order_by("sender", "nonce", "pk")
    for row in rows[:_ROWS]:
        _broadcast(row, broadcast)


def _lost_send(asset: Asset, node: EthereumNode, pacer: Pacer) -> None:
    """Send final payments again that the chain has lost, after a deep reorganisation or with a killed node's memory.

    Their nonces are missing now: until they are mined again, nothing that was signed after them can be. What failed is
    not sent again, because its funds were given back.
    """
    payments = ChainTransaction.objects.filter(asset=asset, kind=Kind.WITHDRAWAL)
    newest = payments.order_by("-pk").first()
    if newest is None:
        return
    next_nonce = node.transaction_count(newest.sender)
    lost = payments.filter(sender=newest.sender, nonce__gte=next_nonce, status=Status.CONFIRMED)
    for row in lost.order_by("nonce"):
        if pacer.is_due(("lost", row.txid)):
            # The books are in order already: the row stays as it is, only the coins have to go once more.
            log.error("%s was final and is gone from the chain: it is sent again", row.txid)
            _broadcast(row, node.broadcast)


def _unfinished(asset: Asset) -> Sequence[ChainTransaction]:
    rows = ChainTransaction.objects.filter(asset=asset, status__in=UNFINISHED)
    return list(rows.order_by("sender", "nonce", "pk")[:_ROWS])


def _follow(
    asset: Asset,
    rows: Sequence[ChainTransaction],
    findings: dict[str, Finding],
    broadcast: Callable[[str], str],
    send: Send,
    pacer: Pacer,
) -> None:
    for row in rows:
        finding = findings[row.txid]
        place = finding.place
        if place.confirmations >= 0:
            transaction_sent(row)
        is_missing = place.confirmations < 0 or row.status == Status.SIGNED
        if place.confirmations < 1 and (pacer.is_due(("send", row.txid)) or is_missing):
            _broadcast(row, broadcast)
        _count(row, finding)
        if place.confirmations >= asset.confirmations:
            _finish(row, finding, send)


def _broadcast(row: ChainTransaction, broadcast: Callable[[str], str]) -> None:
    complaint = broadcast(row.raw)
    if not complaint:
        transaction_sent(row)
    elif say_once(f"broadcast {row.txid}", complaint):
        # Not a failure: it may be mined, or known, or wait for its turn. The chain decides at the next look.
        log.info("%s was sent, the node says: %s", row.txid, complaint)


def _count(row: ChainTransaction, finding: Finding) -> None:
    confirmations = max(finding.place.confirmations, 0)
    height = finding.place.block_height
    if (row.confirmations, row.block_height) == (confirmations, height):
        return
    row.confirmations, row.block_height = confirmations, height
    if finding.fee not in (None, row.network_fee) and not _has_fee_booked(row):
        row.network_fee = finding.fee
    with transaction.atomic():
        row.save(update_fields=["confirmations", "block_height", "network_fee"])
        transaction.on_commit(partial(transaction_news, row.pk))


def _has_fee_booked(row: ChainTransaction) -> bool:
    """Return whether the ledger has the network fee, which the row must agree with from then on."""
    return Posting.objects.filter(reference=row.fee_reference, reason=Reason.NETWORK_FEE).exists()


def _finish(row: ChainTransaction, finding: Finding, send: Send) -> None:
    """End a transaction that is deep enough, once its network fee is in the ledger."""
    assert row.network_fee is not None
    if row.network_fee and not _has_fee_booked(row):
        fee = Transfer(
            reference=row.fee_reference,
            debit=Owner.NETWORK_FEES,
            credit=Owner.CHAIN,
            asset=row.asset_id,
            amount=row.network_fee,
            reason=Reason.NETWORK_FEE,
        )
        send([fee])
        return
    status = Status.CONFIRMED if finding.succeeded else Status.FAILED
    rows = ChainTransaction.objects.filter(pk=row.pk, status__in=UNFINISHED)
    if rows.update(status=status, confirmed_at=timezone.now()):
        log.info("%s %s is %s", row.kind, row.txid, status)
