"""Finds deposits on Bitcoin. bitcoind's wallet does the looking; what it says is recorded once per (txid, output)."""

import logging

from django.utils import timezone

from wallets.chains.bitcoin import COINBASE_CONFIRMATIONS, BitcoinNode, Received
from wallets.chains.place import Place
from wallets.deposits.cursors import cursor_answered, locator_extend
from wallets.deposits.outcome import deposits_finish
from wallets.deposits.places import deposits_place, is_moved
from wallets.deposits.rows import Sighting, deposits_see, unfinished
from wallets.models import Asset, Chain, ChainCursor, Deposit
from wallets.pace import Send

log = logging.getLogger(__name__)


def bitcoin_scan(*, asset: Asset, node: BitcoinNode, send: Send) -> None:
    """Look once: new deposits, confirmations of known ones, credits. Raises ChainUnavailable or ChainRefused."""
    cursor = ChainCursor.objects.filter(chain=Chain.BITCOIN).first()
    tip = node.tip()
    watched = list(unfinished(asset))
    if cursor is not None:
        cursor_answered(cursor, tip[0])
        fork = _fork_height(node, cursor)
        if fork is not None:
            watched += _done_above(asset, fork)
    received, last_block = node.received_since(cursor.block_hash if cursor else "", asset.confirmations)
    deposits_see(asset=asset, sightings=[_sighting(item) for item in received])
    # A double-spent deposit is in no listing at all: each one that is not final must be asked for.
    watched_txids = sorted({deposit.txid for deposit in watched})
    places = node.places(watched_txids)
    moved = {row.pk: places[row.txid] for row in watched if is_moved(row, places[row.txid])}
    deposits_place(moved)
    _cursor_move(node, cursor, last_block, tip)
    deposits_finish(asset=asset, height=tip[0], send=send)


def _fork_height(node: BitcoinNode, cursor: ChainCursor) -> int | None:
    """Return None while the chain goes on from the last tip that we saw, else the newest height we know it still has.

    -1 when it has none of the blocks that we remember.
    """
    seen = {(int(height), str(block_hash)) for height, block_hash in cursor.recent}
    remembered = sorted(seen | {(cursor.height, cursor.block_hash)})
    for height, block_hash in reversed(remembered):
        if node.height_in_chain(block_hash) is not None:
            return None if (height, block_hash) == remembered[-1] else height
    return -1


def _done_above(asset: Asset, fork: int) -> list[Deposit]:
    """Return the deposits above a fork that nobody asks about any more: their blocks may be gone."""
    log.warning("Bitcoin left our branch after block %d: deposits above it are looked at again", fork)
    done = [Deposit.Status.CREDITED, Deposit.Status.COLLECTING]
    return list(Deposit.objects.filter(asset=asset, status__in=done, block_height__gt=fork))


def _sighting(item: Received) -> Sighting:
    return Sighting(
        txid=item.txid,
        output=item.output,
        address=item.address,
        value=item.satoshis,
        place=Place(item.confirmations, item.block_height, item.block_hash),
        confirmations_least=COINBASE_CONFIRMATIONS if item.is_coinbase else 0,
    )


def _cursor_move(node: BitcoinNode, cursor: ChainCursor | None, last_block: str, tip: tuple[int, str]) -> None:
    """Go on from `last_block` next time, and remember the tip: it tells when the chain has left our branch."""
    recent = cursor.recent if cursor else []
    if cursor is not None and cursor.block_hash == last_block and recent and recent[-1] == list(tip):
        return
    height = node.height_in_chain(last_block)
    if height is None:
        return  # it was reorganised away a moment ago; the next look begins where this one did
    ChainCursor.objects.update_or_create(
        chain=Chain.BITCOIN,
        defaults={
            "height": height,
            "block_hash": last_block,
            "recent": locator_extend([entry for entry in recent if int(entry[0]) < tip[0]], *tip),
            "tip_height": tip[0],
            "seen_at": timezone.now(),
        },
    )
