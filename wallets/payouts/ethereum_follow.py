"""What we signed on Ethereum, on its way into the chain; and what the chain has lost of it, or can never take.

Needs no key. A payment of tokens counts as done by the log that the token's own contract wrote, never by its success.
"""

import logging

from mex.money import cost_from_chain, units_from_chain
from wallets.chains import keys
from wallets.chains.ethereum import EthereumNode, Receipt
from wallets.chains.ethereum_raw import call_of
from wallets.chains.health import say_once
from wallets.chains.place import GONE, WAITING, Place
from wallets.control.switch import halt
from wallets.models import Asset, ChainTransaction
from wallets.pace import Pacer, Send
from wallets.payouts.ethereum_lost import lost_versions
from wallets.payouts.ethereum_nonces import is_repeatable
from wallets.payouts.ethereum_overtaken import overtaken_release
from wallets.payouts.fee_doubts import doubtful, doubts_find, doubts_settle
from wallets.payouts.findings import Finding
from wallets.payouts.follow import broadcast_row, families_follow, unfinished
from wallets.payouts.records import Kind

log = logging.getLogger(__name__)
_LOST_ROWS = 500


def ethereum_follow(*, asset: Asset, node: EthereumNode, send: Send, pacer: Pacer) -> None:
    """Look once at every unfinished transaction of ether and tokens; `asset`: the chain's coin.

    Raises ChainUnavailable or ChainRefused.
    """
    doubts_find(coin=asset, block_hashes=node.block_hashes, pacer=pacer)
    _lost_send(asset, node, pacer)
    rows, doubts = unfinished(asset), doubtful(asset)
    if not rows and not doubts:
        return
    height = node.height()
    receipts = node.receipts(sorted({row.txid for row in (*rows, *doubts)}))
    known = node.are_known([row.txid for row in rows])
    findings = {row.txid: _finding(row, receipts[row.txid], known[row.txid], height, asset) for row in rows}
    families_follow(rows=rows, findings=findings, broadcast=node.broadcast, send=send, pacer=pacer)
    overtaken_release(coin=asset, node=node, rows=rows, receipts=receipts, height=height)
    findings = {row.txid: _finding(row, receipts[row.txid], False, height, asset) for row in doubts}
    doubts_settle(coin=asset, rows=doubts, findings=findings, send=send)


def _finding(row: ChainTransaction, receipt: Receipt | None, is_known: bool, height: int, coin: Asset) -> Finding:
    if receipt is None or receipt.block_height > height:
        return Finding(WAITING if is_known else GONE)
    place = Place(height - receipt.block_height + 1, receipt.block_height, receipt.block_hash)
    fee = cost_from_chain(receipt.fee_wei, coin.chain_decimals)
    return Finding(place, receipt.succeeded and (not row.asset.is_token or _are_moved(row, receipt)), fee)


def _are_moved(row: ChainTransaction, receipt: Receipt) -> bool:
    """Return whether a transaction moved the tokens that it should: what its logs say, to whom it was meant for.

    Fewer count, too: they are gone from us, and what the token kept is its receiver's to bear. But nobody else shall
    be paid so. Nothing does not count. The contract is the one that was called: what the asset names may change.
    """
    asked, contract = row.amount or 0, call_of(row.raw).to
    value = sum(
        payment.value
        for payment in receipt.tokens
        if (payment.contract, payment.sender, payment.recipient) == (contract, row.sender, row.recipient)
    )
    moved = units_from_chain(value, row.asset.chain_decimals)[0]
    if moved != asked and say_once(f"moved {row.txid}", str(moved)):
        log.error(
            "%s %s moved %d units of %s instead of %d: the token does not do what it is asked",
            row.kind,
            row.txid,
            moved,
            row.asset.code,
            asked,
        )
    if 0 < moved < asked:
        halt(row.asset, f"{row.asset.code} keeps a part of what is paid")
    return moved > 0


def _lost_send(asset: Asset, node: EthereumNode, pacer: Pacer) -> None:
    """Send final transactions again that the chain has lost, in a deep reorganisation or with a killed node's memory.

    Their nonces are missing now: until they are mined again, nothing that was signed after them can be. The books are
    in order already: the row stays as it is, only the coins have to go once more.
    """
    ours = ChainTransaction.objects.filter(is_repeatable(), fee_asset=asset).exclude(sender="")
    newest = ours.exclude(kind=Kind.SWEEP).order_by("-pk").first()
    senders = [newest.sender] if newest else []
    if pacer.is_due(("lost sweeps", asset.pk)):
        senders += ours.filter(kind=Kind.SWEEP).order_by("-pk").values_list("sender", flat=True)[:_LOST_ROWS]
        # Where nothing was signed yet there may be no keys yet either.
        senders += keys.hot_addresses() if senders else ()
    # By nonce: what was signed last may be another version of an early one.
    last = {
        row.sender: row.nonce or 0
        for sender in dict.fromkeys(senders)
        for row in ours.filter(sender=sender).order_by("-nonce")[:1]
    }
    counts = node.transaction_counts(list(last))
    for sender, nonce in last.items():
        if counts[sender] > nonce:
            continue
        for row in ours.filter(sender=sender, nonce__gte=counts[sender]).order_by("nonce"):
            if pacer.is_due(("lost", row.txid)):
                log.error("%s was final and is gone from the chain: it is sent again", row.txid)
                any(broadcast_row(version, node.broadcast) for version in lost_versions(row))  # until one is taken
