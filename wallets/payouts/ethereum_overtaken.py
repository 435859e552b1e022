"""Transactions that can never be mined, because something else took their nonce.

What they should have paid is signed anew, with another nonce; but only when the chain shows, deep enough, which other
transaction took it. That a receipt is missing proves nothing: nodes lag, and forget.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial

from django.db import transaction

from wallets.chains.ethereum import EthereumNode, Receipt
from wallets.chains.health import say_once
from wallets.chains.jsonrpc import ChainRefused
from wallets.lock_objects import asset_lock, withdrawals_lock
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.news import withdrawal_news
from wallets.payouts.records import UNFINISHED, Status
from wallets.payouts.versions import versions_of, withdrawals_of

log = logging.getLogger(__name__)


def overtaken_release(
    *,
    coin: Asset,
    node: EthereumNode,
    rows: Sequence[ChainTransaction],
    receipts: Mapping[str, Receipt | None],
    height: int,
) -> None:
    """Give up transactions whose nonce another one has, as soon as that is beyond doubt. Alarms at the first sight.

    `rows`: all unfinished ones, with their receipts. Raises ChainUnavailable or ChainRefused.
    """
    mined = {row.family for row in rows if receipts[row.txid] is not None}
    waiting = {row.family: row for row in rows if row.family not in mined and row.nonce is not None}
    if not waiting:
        return
    counts = node.transaction_counts(sorted({row.sender for row in waiting.values()}))
    for row in waiting.values():
        assert row.nonce is not None
        if counts[row.sender] <= row.nonce:
            continue
        if say_once(f"overtaken {row.txid}", "nonce"):
            log.error("nonce %d of %s is used, and not by our %s %s", row.nonce, row.sender, row.kind, row.txid)
        other = nonce_user(node, row.sender, row.nonce, height - row.asset.confirmations + 1)
        if other is not None:
            _give_up(coin, row, other)


def nonce_user(node: EthereumNode, sender: str, nonce: int, height: int) -> str | None:
    """Return the transaction that used a nonce in a block at `height` or before; None where the chain cannot tell.

    Steps back, ever further, to a block before which the nonce was free, and from there to the very block. Nodes know
    the counts of recent blocks only: what they cannot tell is left to people.
    Raises ChainUnavailable, and ChainRefused by what is asked about that block.
    """
    try:
        if height < 1 or node.transaction_count(sender, height) <= nonce:
            return None
        used, free, step = height, height, 1
        while free == used or node.transaction_count(sender, free) > nonce:
            used, free, step = free, max(free - step, 0), step * 2
            if used == 0:
                return None
        while used - free > 1:
            middle = (used + free) // 2
            if node.transaction_count(sender, middle) > nonce:
                used = middle
            else:
                free = middle
    except ChainRefused as refusal:
        if say_once(f"overtaken {sender} {nonce}", str(refusal)):
            log.error("who used nonce %d of %s cannot be found: %s", nonce, sender, refusal)
        return None
    return node.transaction_at(sender, nonce, used)


def _give_up(coin: Asset, row: ChainTransaction, other: str) -> None:
    """End all versions of a transaction that was overtaken, and let what it should have paid be signed anew."""
    with transaction.atomic():
        asset_lock(coin.pk)
        versions = versions_of(row)
        if versions.filter(status__in=UNFINISHED, txid=other).exists():
            return  # it was ours after all, and is counted at the next look
        if not versions.filter(status__in=UNFINISHED).update(status=Status.REPLACED):
            return
        waiting = [Withdrawal.Status.SIGNED, Withdrawal.Status.BROADCAST]
        withdrawals = withdrawals_lock(withdrawals_of(row).filter(status__in=waiting).values_list("pk", flat=True))
        for withdrawal in withdrawals:
            withdrawal.transaction = None
            withdrawal.status = Withdrawal.Status.HELD
            withdrawal.save(update_fields=["transaction", "status"])
            transaction.on_commit(partial(withdrawal_news, withdrawal))
    log.error(
        "%s %s can never be mined, %s has its nonce: %d withdrawals are signed anew",
        row.kind,
        row.txid,
        other,
        len(withdrawals),
    )
