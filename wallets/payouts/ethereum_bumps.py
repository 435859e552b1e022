"""Replaces Ethereum transactions that no block takes: the same nonce and purpose at a higher fee, as a new version.

Every version is kept and any may be the one that is mined. Only what keeps its sender's line waiting is replaced: the
first of the line, and what offers less than the chain takes now. What was final and is lost, only an operator raises:
its new version is noted as one in whose place another one is, until the chain says otherwise.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from mex.money import units_from_chain
from wallets.chains.ethereum import EthereumNode
from wallets.chains.ethereum_raw import call_of, cost_max_of
from wallets.chains.health import say_once, say_over
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction
from wallets.payouts.ethereum_fees import Fees, fees_bumped, fees_now
from wallets.payouts.ethereum_funds import Purse, promised_wei, purse_read
from wallets.payouts.ethereum_lost import lost_final, lost_versions
from wallets.payouts.ethereum_records import Call, Purpose, fees_offered, transaction_sign
from wallets.payouts.ethereum_senders import sender_find
from wallets.payouts.ethereum_sweeps import gas_fund
from wallets.payouts.follow import unfinished
from wallets.payouts.records import UNFINISHED, Kind, Status
from wallets.payouts.versions import NotBumped, versions_of

log = logging.getLogger(__name__)


def ethereum_bump(*, asset: Asset, node: EthereumNode) -> None:
    """Sign and store a new version of each transaction that waits for too long; nothing is sent yet.

    `asset`: the chain's coin. Raises ChainUnavailable or ChainRefused.
    """
    before = timezone.now() - timedelta(seconds=settings.BUMP_AFTER_S)
    if not ChainTransaction.objects.filter(fee_asset=asset, status__in=UNFINISHED, created_at__lte=before).exists():
        return  # as nearly always
    rows = [row for row in _newest(asset) if row.created_at <= before]
    if not rows:
        return
    fees = fees_now(node)
    if fees is None:
        return
    counts = node.transaction_counts(sorted({row.sender for row in rows}))
    last_block_s = node.block_time()
    for row in rows:
        assert row.nonce is not None
        if counts[row.sender] > row.nonce or int(row.created_at.timestamp()) > last_block_s:
            continue  # it is mined, or there was no block that could have taken it
        if counts[row.sender] == row.nonce or (row.fee_rate or 0) < fees.base:
            try:
                _bump(asset, row, fees, node)
            except NotBumped as reason:
                if say_once(f"bump {row.txid}", str(reason)):
                    log.error("%s %s waits for a block: %s", row.kind, row.txid, reason)


def ethereum_bump_one(*, asset: Asset, node: EthereumNode, txid: str) -> None:
    """Sign and store a new version of one transaction, given by any of its versions, because an operator asks for it.

    `asset`: the chain's coin. Raises NotBumped, ChainUnavailable or ChainRefused.
    """
    record = ChainTransaction.objects.get(txid=txid)
    rows = [row for row in _newest(asset) if row.family == record.family]
    row = rows[0] if rows else lost_final(record)
    if row is None or (not rows and node.transaction_count(row.sender) > (row.nonce or 0)):
        raise NotBumped("it is in a block, or it is final")
    fees = fees_now(node)
    if fees is None:
        raise NotBumped("the chain asks for more than our ceiling")
    _bump(asset, row, fees, node)


def _newest(coin: Asset) -> Sequence[ChainTransaction]:
    """Return the newest version of everything that is in no block.

    Transfers to the cold address are among them, though they were signed elsewhere: with the key that we sign with, and
    what comes after them waits. A replacement has the same nonce, so that one of the two is mined, to the same address.
    """
    newest: dict[int, ChainTransaction] = {}
    mined = set()
    for row in unfinished(coin):
        if row.confirmations:
            mined.add(row.family)
        if row.family not in newest or row.pk > newest[row.family].pk:
            newest[row.family] = row
    return [row for family, row in newest.items() if family not in mined]


def _bump(coin: Asset, row: ChainTransaction, wanted: Fees, node: EthereumNode) -> None:
    """Sign and store a new version, or have the ether sent that it needs. Raises NotBumped."""
    old = call_of(row.raw)
    # A filler must outbid what had its nonce before: nodes put back into their pools what a block had that is gone.
    rivals = versions_of(row) if row.kind == Kind.FILLER else versions_of(row).filter(kind=row.kind)
    fees = fees_bumped(fees_offered(rivals), wanted)
    if fees is None:
        raise NotBumped("its fee is as high as it may be")
    sender = sender_find(coin, row.sender)
    if sender is None:
        raise NotBumped("its sender is no address of our seeds")
    purse = purse_read(node, row.sender, coin)
    wei = old.wei
    if row.kind == Kind.SWEEP and not row.asset.is_token:
        # All that is there, or what is left of it where a deposit was taken back.
        wei = min(wei, purse.wei - old.gas * fees.cap)
        if wei <= 0:
            raise NotBumped("what it should move is gone")
    call = Call(old.to, wei, old.gas, old.data)
    missing = _store(coin, row, call, fees, sender.key(), purse)
    if missing > 0 and row.kind == Kind.SWEEP:
        gas_fund(coin=coin, node=node, fees=wanted, missing={row.sender: missing})
    elif missing > 0:
        raise NotBumped(f"{row.sender} cannot pay a higher fee")


def _store(coin: Asset, row: ChainTransaction, call: Call, fees: Fees, key: bytes, purse: Purse) -> int:
    """Store a new version unless another worker did, or a block has one; return the wei that are missing for it."""
    with transaction.atomic():
        asset_lock(coin.pk)
        versions = list(versions_of(row).order_by("pk"))
        is_lost = lost_final(row) == row and (lost_versions(row)[0].fee_rate or 0) < fees.cap
        waits = versions[-1].status in UNFINISHED and not any(map(_is_in_chain, versions))
        if not is_lost and (versions[-1].pk != row.pk or not waits):
            return 0
        dearest = max(cost_max_of(one.raw) for one in versions)
        # What was final is not promised any more.
        others = promised_wei(row.sender, purse.height) - (0 if is_lost else dearest)
        missing = call.wei + call.gas * fees.cap - (purse.wei - others)
        if missing > 0:
            return missing
        is_ether = row.asset_id == coin.pk
        amount = units_from_chain(call.wei, coin.chain_decimals)[0] if is_ether else row.amount or 0
        purpose = Purpose(kind=Kind(row.kind), asset=row.asset, coin=coin, recipient=row.recipient, amount=amount)
        assert row.nonce is not None
        bump = transaction_sign(
            purpose, call, key=key, sender=row.sender, nonce=row.nonce, fees=fees, first_version=versions[0]
        )
        if is_lost:
            bump.status, bump.fee_in_doubt = Status.REPLACED, True
        bump.save(force_insert=True)
    say_over(f"bump {row.txid}")
    log.info("%s %s waits for a block: %s offers %d wei per gas", row.kind, row.txid, bump.txid, fees.cap)
    return 0


def _is_in_chain(version: ChainTransaction) -> bool:
    """Return whether a block has it. In a chain that is gone it had a nonce that is free again, whatever its end."""
    if version.status == Status.CONFIRMED:
        return not version.fee_in_doubt
    return version.status in UNFINISHED and version.confirmations > 0
