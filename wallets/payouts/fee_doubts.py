"""Network fees of final transactions that the chain took out of their block, and mined again at another price.

A fee that was given to the ledger stays what it was. When the chain says, deep enough again, that the versions of a
transaction cost something else than is booked for all of them, the difference is booked as a correction: stored before
it is sent, one after the other, so that each is booked once.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from django.db import transaction
from django.db.models import Sum

from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.ledger.chart import Owner
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction, FeeCorrection, Posting
from wallets.pace import Pacer, Send
from wallets.payouts.contradictions import contradiction_halt, outcome_set
from wallets.payouts.findings import Finding
from wallets.payouts.records import FINAL, UNFINISHED
from wallets.payouts.versions import versions_of, withdrawals_point_to

log = logging.getLogger(__name__)
BlockHashes: TypeAlias = Callable[[Sequence[int]], Mapping[int, str]]
"""Asks a node for the hashes of blocks by height; one that there is not is left out, or blank."""
_BLOCKS = 100
_ROWS = 500


def fee_command(row: ChainTransaction) -> Transfer:
    """Return what the ledger learns of a transaction's network fee; from now on the row's is never changed.

    That is stored before anybody can send it: what is on its way to the engine may be booked at any later time.
    """
    if not row.fee_sent:
        # Another worker may have sent another fee meanwhile: what the row says is what counts.
        with transaction.atomic():
            asset_lock(row.fee_asset_id)
            current = ChainTransaction.objects.get(pk=row.pk)
            if not current.fee_sent:
                current.network_fee, current.fee_sent = row.network_fee, True
                current.save(update_fields=["network_fee", "fee_sent"])
        row.network_fee, row.fee_sent = current.network_fee, True
    return _transfer(row.fee_reference, row.fee_asset_id, row.network_fee or 0)


def is_fee_booked(row: ChainTransaction) -> bool:
    """Return whether the ledger has the network fee of this version."""
    return Posting.objects.filter(reference=row.fee_reference, reason=Reason.NETWORK_FEE).exists()


def fees_booked(row: ChainTransaction) -> int:
    """Return the units that the ledger has for all versions of a transaction together, corrections with them."""
    versions = [version.fee_reference for version in versions_of(row)]
    corrections = [one.reference for one in FeeCorrection.objects.filter(transaction=row.family)]
    legs = Posting.objects.filter(reference__in=[*versions, *corrections], reason=Reason.NETWORK_FEE)
    paid = legs.filter(debit=Owner.NETWORK_FEES).aggregate(units=Sum("amount"))["units"] or 0
    back = legs.filter(credit=Owner.NETWORK_FEES).aggregate(units=Sum("amount"))["units"] or 0
    return int(paid - back)


def doubts_find(*, coin: Asset, block_hashes: BlockHashes, pacer: Pacer) -> None:
    """Put in doubt what is final and whose block is not in the chain any more. Raises ChainUnavailable or ChainRefused.

    Looks at the newest block that has something final of ours; only when that one is gone, and once a minute, at the
    earlier ones: newest first, a hundred at a time, until a hundred are all where they were.
    """
    rows = ChainTransaction.objects.filter(fee_asset=coin, status__in=FINAL, fee_in_doubt=False)
    rows = rows.exclude(block_hash="").exclude(block_height=None)
    newest = rows.order_by("-block_height").values_list("block_height", "block_hash").first()
    if newest is None:
        return
    height, block_hash = newest
    assert height is not None
    if block_hashes([height]).get(height) == block_hash and not pacer.is_due(("final", coin.pk)):
        return
    below = height + 1
    while True:
        blocks = rows.filter(block_height__lt=below).order_by("-block_height")
        some = list(blocks.values_list("block_height", "block_hash").distinct()[:_BLOCKS])
        heights = sorted({height for height, _ in some if height is not None})
        there = block_hashes(heights)
        gone = [block_hash for height, block_hash in some if there.get(height or 0) != block_hash]
        if not gone:
            return
        for row in rows.filter(block_hash__in=gone):
            log.error("%s %s was final, and its block %s is gone", row.kind, row.txid, row.block_hash)
            versions_of(row).update(fee_in_doubt=True)
        below = heights[0]


def doubtful(coin: Asset) -> list[ChainTransaction]:
    """Return the versions of what is in doubt, whole families."""
    rows = ChainTransaction.objects.filter(fee_asset=coin, fee_in_doubt=True)
    families = {first or pk for pk, first in rows.order_by("pk").values_list("pk", "first_version")[:_ROWS]}
    found: list[ChainTransaction] = []
    for row in ChainTransaction.objects.filter(pk__in=families).order_by("pk"):
        found += versions_of(row).select_related("asset").order_by("pk")
    return found


def doubts_settle(
    *, coin: Asset, rows: Sequence[ChainTransaction], findings: Mapping[str, Finding], send: Send
) -> None:
    """Correct the books where the chain took another fee, as soon as it is deep enough. `rows`: those in doubt."""
    families: dict[int, list[ChainTransaction]] = {}
    for row in rows:
        families.setdefault(row.family, []).append(row)
    for versions in families.values():
        mined = next((row for row in versions if findings[row.txid].place.confirmations >= 1), None)
        if mined is None or findings[mined.txid].place.confirmations < mined.asset.confirmations:
            continue
        if any(row.status in UNFINISHED for row in versions):
            continue  # what is under way ends first
        contradiction_halt(mined, findings[mined.txid].succeeded)
        command = _settle(coin, mined, findings[mined.txid])
        if command is not None:
            send([command])


def _settle(coin: Asset, mined: ChainTransaction, finding: Finding) -> Transfer | None:
    """Return what the ledger must have next for a transaction in doubt; without that, it is in doubt no more.

    A version that was not the final one takes its place: it gets its own fee first, as everything that is mined, and
    what was booked for the other is taken back. Nothing else is done for it: what it pays was settled.
    """
    assert finding.fee is not None
    with transaction.atomic():
        asset_lock(coin.pk)
        versions = {row.pk: row for row in versions_of(mined).order_by("pk")}
        row = versions[mined.pk]
        if not row.fee_in_doubt or any(one.status in UNFINISHED for one in versions.values()):
            return None  # another worker was faster
        if not row.fee_sent and not is_fee_booked(row):
            row.network_fee, row.fee_sent = finding.fee, True
            row.save(update_fields=["network_fee", "fee_sent"])
        if row.network_fee and not is_fee_booked(row):
            return _transfer(row.fee_reference, coin.pk, row.network_fee)
        last = FeeCorrection.objects.filter(transaction=row.family).order_by("-number").first()
        if last is not None and not Posting.objects.filter(reference=last.reference).exists():
            return _transfer(last.reference, coin.pk, last.amount)
        difference = finding.fee - fees_booked(row)
        if difference:
            number = last.number + 1 if last else 1
            correction = FeeCorrection.objects.create(transaction_id=row.family, number=number, amount=difference)
            log.error("%s %s costs %d units more than is booked: corrected", row.kind, row.txid, difference)
            return _transfer(correction.reference, coin.pk, difference)
        _end(row, finding)
    return None


def _end(row: ChainTransaction, finding: Finding) -> None:
    outcome_set(row, finding.succeeded)
    row.confirmations, row.block_height = finding.place.confirmations, finding.place.block_height
    row.block_hash = finding.place.block_hash
    outcome = ["status", "confirmed_at", "contradicted_at", "contradiction_note"]
    row.save(update_fields=[*outcome, "confirmations", "block_height", "block_hash"])
    withdrawals_point_to(row)
    # Blocks of the others say nothing any more: only what is in the chain is looked after.
    versions_of(row).exclude(pk=row.pk).update(block_hash="")
    versions_of(row).update(fee_in_doubt=False)
    log.info("%s %s is final again", row.kind, row.txid)


def _transfer(reference: str, asset: int, units: int) -> Transfer:
    more = units > 0
    return Transfer(
        reference=reference,
        debit=Owner.NETWORK_FEES if more else Owner.CHAIN,
        credit=Owner.CHAIN if more else Owner.NETWORK_FEES,
        asset=asset,
        amount=units if more else -units,
        reason=Reason.NETWORK_FEE,
    )
