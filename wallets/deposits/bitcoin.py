"""Finds deposits on Bitcoin. bitcoind's wallet does the looking; what it says is recorded once per (txid, output)."""

from django.utils import timezone

from wallets.chains.bitcoin import BitcoinNode, Received
from wallets.chains.place import Place
from wallets.deposits.credits import deposits_credit
from wallets.deposits.cursors import cursor_answered
from wallets.deposits.rows import Sighting, deposits_place, deposits_see, is_moved, unfinished
from wallets.models import Asset, Chain, ChainCursor, Deposit
from wallets.pace import Send

_REORG_BLOCKS = 1_000
"""How far below a cursor that lost its block credited deposits are looked at again."""


def bitcoin_scan(*, asset: Asset, node: BitcoinNode, send: Send) -> None:
    """Look once: new deposits, confirmations of known ones, credits. Raises ChainUnavailable or ChainRefused."""
    cursor = ChainCursor.objects.filter(chain=Chain.BITCOIN).first()
    tip_height, _ = node.tip()
    watched = list(unfinished(asset))
    if cursor is not None and node.height_in_chain(cursor.block_hash) is None:
        # A block that we had passed is gone, and deposits that were credited may be gone with it.
        watched += Deposit.objects.filter(
            asset=asset, status=Deposit.Status.CREDITED, block_height__gt=cursor.height - _REORG_BLOCKS
        )
    received, last_block = node.received_since(cursor.block_hash if cursor else "", asset.confirmations)
    deposits_see(asset=asset, sightings=[_sighting(item) for item in received])
    # A double-spent deposit is in no listing at all: each one that is not final must be asked for.
    watched_txids = sorted({deposit.txid for deposit in watched})
    places = node.places(watched_txids)
    moved = {row.pk: places[row.txid] for row in watched if is_moved(row, places[row.txid])}
    deposits_place(moved)
    _cursor_move(node, cursor, last_block, tip_height)
    deposits_credit(asset=asset, send=send)


def _sighting(item: Received) -> Sighting:
    return Sighting(
        txid=item.txid,
        output=item.output,
        address=item.address,
        value=item.satoshis,
        place=Place(item.confirmations, item.block_height, item.block_hash),
    )


def _cursor_move(node: BitcoinNode, cursor: ChainCursor | None, last_block: str, tip_height: int) -> None:
    if cursor is not None and cursor.block_hash == last_block:
        cursor_answered(cursor, tip_height)
        return
    height = node.height_in_chain(last_block)
    if height is None:
        return  # it was reorganised away a moment ago; the next look begins where this one did
    ChainCursor.objects.update_or_create(
        chain=Chain.BITCOIN,
        defaults={
            "height": height,
            "block_hash": last_block,
            "tip_height": tip_height,
            "seen_at": timezone.now(),
        },
    )
