"""Finds deposits on Ethereum: block after block from the cursor, back to the common ancestor when a branch was left.

Ether and tokens are found under one cursor. A sighting is recorded in one transaction with the cursor that it was found
under, so that a worker that was overtaken (another one walked back meanwhile) can write nothing of an abandoned branch.
"""

import logging
from collections.abc import Iterable, Sequence

from django.db import transaction

from mex.limits import SCAN_BLOCKS_MAX
from wallets.chains.ethereum import Block, EthereumNode, Receipt
from wallets.chains.jsonrpc import ChainRefused
from wallets.chains.place import GONE, WAITING, Place
from wallets.chains.traces import InternalPayment
from wallets.deposits.cursors import cursor_answered, locator_extend
from wallets.deposits.finds import (
    INTERNAL_FIRST,
    Find,
    Watched,
    finds_of_contracts,
    finds_of_ether,
    finds_of_tokens,
    is_still_paid,
    record,
)
from wallets.deposits.outcome import deposits_finish
from wallets.deposits.places import deposits_place, is_moved
from wallets.deposits.rows import unfinished
from wallets.lock_objects import cursor_lock
from wallets.models import Asset, Chain, ChainCursor, Deposit
from wallets.pace import Send

log = logging.getLogger(__name__)
_FIRST_BACK = (0, 1, 4, 16, 64, 256)
"""Blocks before the first one that is looked at, remembered in case it is reorganised away."""
_BLOCKS = 20  # asked for in one batch, recorded in one transaction


def ethereum_scan(
    *,
    asset: Asset,
    node: EthereumNode,
    hot_address: str,
    send: Send,
    tokens: Sequence[Asset] = (),
    hot_old: Sequence[str] = (),
    blocks_max: int = SCAN_BLOCKS_MAX,
) -> None:
    """Look once, at no more than `blocks_max` blocks, for the chain's own coin and for tokens whose contract is known.

    `hot_old`: hot wallets from before a rotation of the keys; what they send is no deposit either.
    Raises ChainUnavailable or ChainRefused.
    """
    tip_height = node.height()
    cursor = _cursor_first(node, tip_height)
    if cursor is None:
        return
    watched = Watched(asset, {token.contract: token for token in tokens if token.contract}, (hot_address, *hot_old))
    cursor_answered(cursor, tip_height)
    cursor = _walk_back(node, cursor, tip_height)
    goal = min(tip_height, cursor.height + blocks_max)
    while cursor.height < goal:
        following = _scan_blocks(watched, node, cursor, goal)
        if following is None:
            return  # a reorganisation or another worker came between; the next look sorts it out
        cursor = following
    if cursor.height == tip_height:
        waiting = node.waiting(list(watched.tokens))
        finds = finds_of_ether(watched, [(payment, WAITING) for payment in waiting.payments])
        record(watched, finds + finds_of_tokens(watched, [(payment, WAITING) for payment in waiting.tokens]))
    for one in watched.assets:
        _follow(one, node, cursor.height)
        deposits_finish(asset=one, height=cursor.height, send=send)


def ethereum_rewind(*, node: EthereumNode, height: int) -> int:
    """Let the blocks from a height on be looked at again, and return up to which they had been.

    What was found in them stays as it is. Raises ChainCursor.DoesNotExist before the first look, ValueError for a
    height that was not looked at, ChainUnavailable or ChainRefused.
    """
    block_hash = node.block_hash(height - 1) if height > 0 else ""
    with transaction.atomic():
        cursor = cursor_lock(Chain.ETHEREUM)
        if not 0 <= height <= cursor.height or (height > 0 and not block_hash):
            raise ValueError(f"the blocks that were looked at end with {cursor.height}")
        before = cursor.height
        cursor.height, cursor.block_hash = height - 1, block_hash
        kept = [entry for entry in cursor.recent if entry[0] < height - 1]
        cursor.recent = [*kept, [height - 1, block_hash]] if height else []
        cursor.save(update_fields=["height", "block_hash", "recent"])
    return before


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


def _walk_back(node: EthereumNode, cursor: ChainCursor, tip_height: int) -> ChainCursor:
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
        lost = Deposit.objects.filter(asset__chain=Chain.ETHEREUM, block_height__gt=height).values_list("pk", flat=True)
        deposits_place(dict.fromkeys(lost, WAITING))
    return current


def _scan_blocks(watched: Watched, node: EthereumNode, cursor: ChainCursor, goal: int) -> ChainCursor | None:
    heights = range(cursor.height + 1, min(goal, cursor.height + _BLOCKS) + 1)
    blocks = _linked(node.blocks(heights), cursor.block_hash)
    finds = _finds(watched, node, blocks) if blocks else None
    if finds is None:
        return None
    recent = cursor.recent
    for block in blocks:
        recent = locator_extend(recent, block.height, block.hash)
    with transaction.atomic():
        current = cursor_lock(Chain.ETHEREUM)
        if (current.height, current.block_hash) != (cursor.height, cursor.block_hash):
            return None
        record(watched, finds)
        current.height, current.block_hash, current.recent = blocks[-1].height, blocks[-1].hash, recent
        current.save(update_fields=["height", "block_hash", "recent"])
    return current


def _finds(watched: Watched, node: EthereumNode, blocks: Sequence[Block]) -> list[Find] | None:
    """Return what these blocks pay to our users, or None when one of them is not in the chain any more."""
    payments = [payment for block in blocks for payment in block.payments]
    payees: dict[str, set[str]] = {}
    internal: dict[str, tuple[InternalPayment, ...]] = {}
    try:
        if watched.tokens:
            payees = node.token_payees([block.hash for block in blocks], list(watched.tokens))
        if any(block.runs_code for block in blocks) and node.offers_traces():
            internal = node.internal_payments(blocks)
    except ChainRefused:
        if node.block_hash(blocks[-1].height) == blocks[-1].hash:
            raise
        return None
    recipients = {payment.recipient for payment in payments}.union(*payees.values())
    known = watched.addresses(recipients | {payment.recipient for found in internal.values() for payment in found})
    ours = [payment for payment in payments if payment.recipient in known]
    moving = [txid for txid, recipients in payees.items() if not recipients.isdisjoint(known)]
    receipts = node.receipts(sorted({payment.txid for payment in ours}.union(moving)))
    standing = {block.hash: Place(blocks[-1].height - block.height + 1, block.height, block.hash) for block in blocks}
    places: dict[str, Place] = {}
    for txid, receipt in receipts.items():
        if receipt is None or receipt.block_hash not in standing:
            return None
        places[txid] = standing[receipt.block_hash] if receipt.succeeded else GONE
    tokens = [payment for txid in moving if (receipt := receipts[txid]) for payment in receipt.tokens]
    by_contracts = [
        (payment, standing[block_hash])
        for block_hash, found in internal.items()
        for payment in found
        if payment.recipient in known
    ]
    return [
        *finds_of_ether(watched, [(payment, places[payment.txid]) for payment in ours]),
        *finds_of_tokens(watched, [(payment, places[payment.txid]) for payment in tokens]),
        *finds_of_contracts(watched, by_contracts),
    ]


def _linked(blocks: Sequence[Block], parent: str) -> list[Block]:
    """Return the blocks up to the first one that does not follow the one before it."""
    linked: list[Block] = []
    for block in blocks:
        if parent and block.parent != parent:
            break
        linked.append(block)
        parent = block.hash
    return linked


def _follow(asset: Asset, node: EthereumNode, height: int) -> None:
    """Count confirmations up to the block that we have looked at, and ask the node about whatever is in doubt."""
    rows = list(unfinished(asset).select_related("address"))
    places = {}
    doubtful = []
    for row in rows:
        if row.block_height is not None and row.block_height > height:
            continue  # the scanner was put back, and has not come there again
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
        places[row.pk] = _place_from(asset, row, receipt, height) if receipt or known[row.txid] else GONE
    deposits_place(_news(rows, places))


def _place_from(asset: Asset, deposit: Deposit, receipt: Receipt | None, height: int) -> Place:
    if receipt is None:
        return WAITING
    if not receipt.succeeded:
        return GONE
    if receipt.block_height > height:
        return WAITING  # mined again in a block that we have not looked at yet
    if deposit.output <= INTERNAL_FIRST and receipt.block_hash != deposit.block_hash:
        return WAITING  # that block, when it was looked at, told nothing of this payment
    if not is_still_paid(asset, deposit, receipt):
        return GONE
    return Place(height - receipt.block_height + 1, receipt.block_height, receipt.block_hash)


def _news(rows: Iterable[Deposit], places: dict[int, Place]) -> dict[int, Place]:
    return {row.pk: places[row.pk] for row in rows if row.pk in places and is_moved(row, places[row.pk])}
