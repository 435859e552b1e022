"""Finds deposits on Ethereum: block after block from the cursor, back to the common ancestor when a branch was left.

A sighting is recorded in one transaction with the cursor that it was found under, so that a worker that was overtaken
(another one walked back meanwhile) can write nothing of an abandoned branch.
"""

import logging
from collections.abc import Iterable, Sequence

from django.db import transaction

from mex.limits import SCAN_BLOCKS_MAX
from wallets.chains.ethereum import Block, EthereumNode, Payment, Receipt
from wallets.chains.place import GONE, WAITING, Place
from wallets.deposits.credits import deposits_credit
from wallets.deposits.cursors import cursor_answered, locator_extend
from wallets.deposits.rows import Sighting, deposits_place, deposits_see, is_moved, unfinished
from wallets.lock_objects import cursor_lock
from wallets.models import Asset, Chain, ChainCursor, ChainTransaction, Deposit, DepositAddress
from wallets.pace import Send

log = logging.getLogger(__name__)
PLAIN_TRANSFER = -1
_FIRST_BACK = (0, 1, 4, 16, 64, 256)
"""Blocks before the first one that is looked at, remembered in case it is reorganised away."""
_BLOCKS = 20  # asked for in one batch, recorded in one transaction


def ethereum_scan(
    *, asset: Asset, node: EthereumNode, hot_address: str, send: Send, blocks_max: int = SCAN_BLOCKS_MAX
) -> None:
    """Look once, at no more than `blocks_max` blocks. Raises ChainUnavailable or ChainRefused."""
    tip_height = node.height()
    cursor = _cursor_first(node, tip_height)
    if cursor is None:
        return
    cursor_answered(cursor, tip_height)
    cursor = _walk_back(asset, node, cursor, tip_height)
    goal = min(tip_height, cursor.height + blocks_max)
    while cursor.height < goal:
        following = _scan_blocks(asset, node, hot_address, cursor, goal)
        if following is None:
            return  # a reorganisation or another worker came between; the next look sorts it out
        cursor = following
    if cursor.height == tip_height:
        _see(asset, hot_address, [(payment, WAITING) for payment in node.pending()])
    _follow(asset, node, cursor.height)
    deposits_credit(asset=asset, send=send)


def _cursor_first(node: EthereumNode, tip_height: int) -> ChainCursor | None:
    """Return the cursor; at the very first look it begins at the tip, because no address was given out before."""
    cursor = ChainCursor.objects.filter(chain=Chain.ETHEREUM).first()
    if cursor is not None:
        return cursor
    heights = sorted({max(tip_height - back, 0) for back in _FIRST_BACK})
    recent = [[height, node.block_hash(height)] for height in heights]
    height, block_hash = recent[-1]
    if not block_hash:
        return None
    defaults = {"height": height, "block_hash": block_hash, "recent": recent}
    return ChainCursor.objects.get_or_create(chain=Chain.ETHEREUM, defaults=defaults)[0]


def _walk_back(asset: Asset, node: EthereumNode, cursor: ChainCursor, tip_height: int) -> ChainCursor:
    """Return the cursor at the newest remembered block that is still in the chain."""
    kept = list(cursor.recent)
    while kept and not (kept[-1][0] <= tip_height and node.block_hash(kept[-1][0]) == kept[-1][1]):
        kept.pop()
    if len(kept) == len(cursor.recent):
        return cursor
    if not kept:
        log.error("no block that was looked at before is in the Ethereum chain any more: looking at all of it again")
    height, block_hash = kept[-1] if kept else (-1, "")
    log.warning("Ethereum left our branch: back from block %d to %d", cursor.height, height)
    with transaction.atomic():
        current = cursor_lock(Chain.ETHEREUM)
        if (current.height, current.block_hash) != (cursor.height, cursor.block_hash):
            return current
        current.height, current.block_hash, current.recent = height, block_hash, kept
        current.save(update_fields=["height", "block_hash", "recent"])
        lost = Deposit.objects.filter(asset=asset, block_height__gt=height).values_list("pk", flat=True)
        deposits_place(dict.fromkeys(lost, WAITING))
    return current


def _scan_blocks(
    asset: Asset, node: EthereumNode, hot_address: str, cursor: ChainCursor, goal: int
) -> ChainCursor | None:
    heights = range(cursor.height + 1, min(goal, cursor.height + _BLOCKS) + 1)
    blocks = _linked(node.blocks(heights), cursor.block_hash)
    if not blocks:
        return None
    ours = _ours(asset, [payment for block in blocks for payment in block.payments])
    receipts = node.receipts([payment.txid for payment in ours])
    at = {payment.txid: block for block in blocks for payment in block.payments}
    placed: list[tuple[Payment, Place]] = []
    for payment in ours:
        receipt, block = receipts[payment.txid], at[payment.txid]
        if receipt is None or receipt.block_hash != block.hash:
            return None
        confirmations = blocks[-1].height - block.height + 1
        placed.append((payment, Place(confirmations, block.height, block.hash) if receipt.succeeded else GONE))
    recent = cursor.recent
    for block in blocks:
        recent = locator_extend(recent, block.height, block.hash)
    with transaction.atomic():
        current = cursor_lock(Chain.ETHEREUM)
        if (current.height, current.block_hash) != (cursor.height, cursor.block_hash):
            return None
        _see(asset, hot_address, placed)
        current.height, current.block_hash, current.recent = blocks[-1].height, blocks[-1].hash, recent
        current.save(update_fields=["height", "block_hash", "recent"])
    return current


def _linked(blocks: Sequence[Block], parent: str) -> list[Block]:
    """Return the blocks up to the first one that does not follow the one before it."""
    linked: list[Block] = []
    for block in blocks:
        if parent and block.parent != parent:
            break
        linked.append(block)
        parent = block.hash
    return linked


def _ours(asset: Asset, payments: Sequence[Payment]) -> list[Payment]:
    if not payments:
        return []
    recipients = {payment.recipient for payment in payments}
    known = DepositAddress.objects.filter(asset=asset, address__in=recipients, user__isnull=False)
    addresses = set(known.values_list("address", flat=True))
    return [payment for payment in payments if payment.recipient in addresses]


def _see(asset: Asset, hot_address: str, placed: Sequence[tuple[Payment, Place]]) -> None:
    own = {payment.txid for payment, _ in placed if payment.sender == hot_address}
    # What the hot wallet pays is gas for a sweep, unless it is one customer's withdrawal to another one's address.
    paid = set(
        ChainTransaction.objects.filter(txid__in=own, kind=ChainTransaction.Kind.WITHDRAWAL).values_list(
            "txid", flat=True
        )
    )
    deposits_see(
        asset=asset,
        sightings=[
            Sighting(payment.txid, PLAIN_TRANSFER, payment.recipient, payment.wei, place)
            for payment, place in placed
            if payment.txid not in own or payment.txid in paid
        ],
    )


def _follow(asset: Asset, node: EthereumNode, height: int) -> None:
    """Count confirmations up to the block that we have looked at, and ask the node about whatever is in doubt."""
    rows = list(unfinished(asset))
    places = {}
    doubtful = []
    for row in rows:
        if row.block_height is None or height - row.block_height + 1 >= row.confirmations_needed:
            # Before anything is credited, the node must say once more that it is there.
            doubtful.append(row)
        else:
            places[row.pk] = Place(height - row.block_height + 1, row.block_height, row.block_hash)
    receipts = node.receipts([row.txid for row in doubtful])
    nowhere = [row.txid for row in doubtful if receipts[row.txid] is None]
    known = node.are_known(nowhere)
    for row in doubtful:
        receipt = receipts[row.txid]
        places[row.pk] = _place_from(receipt, height) if receipt or known[row.txid] else GONE
    deposits_place(_news(rows, places))


def _place_from(receipt: Receipt | None, height: int) -> Place:
    if receipt is None:
        return WAITING
    if not receipt.succeeded:
        return GONE
    if receipt.block_height > height:
        return WAITING  # mined again in a block that we have not looked at yet
    return Place(height - receipt.block_height + 1, receipt.block_height, receipt.block_hash)


def _news(rows: Iterable[Deposit], places: dict[int, Place]) -> dict[int, Place]:
    return {row.pk: places[row.pk] for row in rows if row.pk in places and is_moved(row, places[row.pk])}
