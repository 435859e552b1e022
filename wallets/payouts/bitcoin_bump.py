"""Raises the fee of Bitcoin transactions that are in no block: the same payments, with the same coins, for more.

Each raise is a further version (ADR 16). All spend the coins of the first one, so the chain takes at most one of them.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from wallets.chains.bitcoin import BitcoinNode, PaymentRefused, SignedBitcoin, inputs_of
from wallets.chains.bitcoin_signing import NotSigned
from wallets.chains.health import say_once, say_over
from wallets.chains.scripts import PaymentWrong, payments_check, size_of, transaction_of
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction
from wallets.payouts.bitcoin import amount_of
from wallets.payouts.bitcoin_build import merger_build, payment_build
from wallets.payouts.bitcoin_coins import (
    Outpoint,
    coins_doubtful,
    coins_give_back,
    coins_lock_again,
    coins_taken,
    inputs_of_stored,
)
from wallets.payouts.bitcoin_fees import fee_ceiling, fee_rate, rate_of, waiting_before
from wallets.payouts.follow import unfinished
from wallets.payouts.records import UNFINISHED, Kind
from wallets.payouts.versions import NotBumped, versions_of, withdrawals_of

log = logging.getLogger(__name__)
BUMPED = (Kind.WITHDRAWAL, Kind.CONSOLIDATION)
_RAISE_PERCENT = 125
_ROUNDED_PERCENT = 102
"""Signatures are a few bytes shorter than reckoned with, so what a transaction pays is a little more than was asked."""
_RAISE_LEAST = 1_000
"""Satoshis per 1,000 vB: what nodes want to be paid for relaying a replacement."""
Family = list[ChainTransaction]


def bitcoin_bump(*, asset: Asset, node: BitcoinNode, now: Callable[[], datetime] = timezone.now) -> None:
    """Sign and store a further version of what is stuck; nothing is sent yet.

    Stuck is what is in no block MEX_BUMP_AFTER_S after its newest version, though blocks were made since; or what the
    node has dropped, or never took, because it asks for more now. Raises ChainUnavailable or ChainRefused.
    """
    families = _families(asset)
    if not families:
        return
    places = node.places([row.txid for family in families for row in family])
    families = [family for family in families if all(places[row.txid].confirmations < 1 for row in family)]
    pending = node.pending([row.txid for family in families for row in family])
    minimum = node.fee_minimum()
    before = min(now() - timedelta(seconds=settings.BUMP_AFTER_S), _tip_time(node))
    for family in families:
        newest = family[-1]
        is_dropped = pending.isdisjoint(row.txid for row in family) and (newest.fee_rate or 0) < minimum
        if is_dropped or newest.created_at <= before:
            try:
                bump(asset=asset, node=node, family=family)
            except NotBumped as error:
                if say_once(f"bump of {family[0].pk}", str(error)):
                    log.error("%s is in no block, and its fee cannot be raised: %s", newest.txid, error)
            else:
                say_over(f"bump of {family[0].pk}")


def bitcoin_bump_one(*, asset: Asset, node: BitcoinNode, txid: str) -> str:
    """Raise the fee of one transaction now, named by any of its versions, and return the new version's txid.

    Raises NotBumped, ChainUnavailable or ChainRefused.
    """
    for family in _families(asset):
        if any(row.txid == txid for row in family):
            return bump(asset=asset, node=node, family=family)
    raise NotBumped("it is not a payment of ours that waits for a block")


def bump(*, asset: Asset, node: BitcoinNode, family: Family) -> str:
    """Sign and store a version with a higher fee than the newest one of a family, and return its txid.

    Raises NotBumped, ChainUnavailable or ChainRefused.
    """
    newest = family[-1]
    _check_change(asset, family, inputs_of_stored(newest.raw))
    coins_lock_again(asset, node)
    rate = _rate(node, newest)
    try:
        signed = _build(node, asset, family, rate)
    except (PaymentRefused, PaymentWrong, NotSigned) as error:
        raise NotBumped(str(error)) from error
    try:
        record = _store(asset, family, signed, rate)
    except NotBumped:
        coins_give_back(asset, node, signed.inputs)
        raise
    node.inputs_lock(signed.inputs)
    log.warning("%s %s is in no block: a version for %d satoshis is signed: %s", newest.kind, newest.txid,
                signed.fee_satoshis, record.txid)  # fmt: skip
    return record.txid


def _families(asset: Asset) -> list[Family]:
    """Return what may be bumped: of each transaction of which no version is in a block, all versions."""
    families: dict[int, Family] = {}
    for row in unfinished(asset):
        if row.kind in BUMPED:
            families.setdefault(row.family, []).append(row)
    return [family for family in families.values() if all(row.confirmations == 0 for row in family)]


def _tip_time(node: BitcoinNode) -> datetime:
    """Return the end of the second in which the newest block was made."""
    return datetime.fromtimestamp(node.tip_time_s() + 1, tz=UTC)


def _rate(node: BitcoinNode, newest: ChainTransaction) -> int:
    """Return the rate of the next version: what a new payment costs, but enough more than the newest version.

    That is what was asked for when it was signed, or what it pays by now, if that is more: what it made up for may be
    in a block since, so that all it pays is for itself.
    """
    waiting = waiting_before(node, inputs_of_stored(newest.raw))
    last = max(newest.fee_rate or 0, rate_of(newest.network_fee or 0, size_of(newest.raw), waiting))
    least = last + _RAISE_LEAST
    if least > fee_ceiling() * _ROUNDED_PERCENT // 100:
        raise NotBumped(f"it pays {last / 1000:.1f} sat/vB, and MEX_BITCOIN_FEE_CEILING allows no more")
    return min(max(fee_rate(node), last * _RAISE_PERCENT // 100, least), fee_ceiling())


def _check_change(asset: Asset, family: Family, inputs: Sequence[Outpoint]) -> None:
    """See that nothing stored spends a coin that the family makes: with another version that would be worth nothing.

    Nor may it itself spend such a coin, which would be to raise the fee of what is never mined.
    """
    if coins_doubtful(asset, inputs):
        raise NotBumped("it spends change of a version in whose place there is another")
    made = {row.txid for row in family}
    users = ChainTransaction.objects.filter(fee_asset=asset, status__in=UNFINISHED)
    for row in users.exclude(pk__in=[version.pk for version in family]):
        if any(txid in made for txid, _ in inputs_of_stored(row.raw)):
            raise NotBumped(f"{row.txid} spends its change and is to be raised in its place")


def _build(node: BitcoinNode, asset: Asset, family: Family, rate: int) -> SignedBitcoin:
    first, newest = family[0], family[-1]
    inputs = inputs_of(first.raw)
    if first.kind == Kind.CONSOLIDATION:
        total = sum(output.nValue for output in transaction_of(newest.raw).vout) + (newest.network_fee or 0)
        signed = merger_build(node, first.recipient, inputs, total, rate, is_old_fine=True)
    else:
        payments = [(row.address, amount_of(row, asset)) for row in withdrawals_of(first).order_by("pk")]
        payments_check(transaction_of(first.raw), payments)
        signed = payment_build(node, payments, rate, inputs=inputs, confirmations=asset.confirmations)
    if not set(inputs) <= set(signed.inputs):
        raise PaymentWrong("it does not spend all coins of the first version, so both could be mined")
    return signed


def _store(asset: Asset, family: Family, signed: SignedBitcoin, rate: int) -> ChainTransaction:
    first, newest = family[0], family[-1]
    if signed.fee_satoshis <= (newest.network_fee or 0):
        # What it makes up for has become less, or somebody else does; no node takes a version that pays less.
        raise NotBumped(f"it pays {newest.network_fee} satoshis, and now {signed.fee_satoshis} would do")
    with transaction.atomic():
        asset_lock(asset.pk)
        current = list(versions_of(first).order_by("pk"))
        if [row.pk for row in current] != [row.pk for row in family]:
            raise NotBumped("another signer has raised it just now")
        if not _all_waiting(current):
            raise NotBumped("a version of it is in a block")
        if not coins_taken(asset, but_family=first.family).isdisjoint(signed.inputs):
            raise NotBumped("a further coin that it needs is taken by now")
        _check_change(asset, family, signed.inputs)
        return ChainTransaction.objects.create(
            asset=first.asset,
            fee_asset=asset,
            kind=first.kind,
            txid=signed.txid,
            raw=signed.raw,
            first_version=first,
            recipient=first.recipient,
            amount=first.amount,
            fee_rate=rate,
            network_fee=signed.fee_satoshis,
        )


def _all_waiting(rows: Iterable[ChainTransaction]) -> bool:
    return all(row.status in UNFINISHED and row.confirmations == 0 for row in rows)
