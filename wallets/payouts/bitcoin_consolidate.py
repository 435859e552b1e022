"""Makes one coin out of many small ones while fees are low: to spend them later would cost more.

And brings coins of keys from before a rotation to the newest ones, however few and large they are.
"""

import logging
from collections.abc import Collection, Sequence

from django.conf import settings
from django.db import transaction

from wallets.chains import keys
from wallets.chains.bitcoin import BitcoinNode, Coin, PaymentRefused, SignedBitcoin
from wallets.chains.bitcoin_signing import NotSigned
from wallets.chains.health import say_once
from wallets.chains.ownership import origin_of
from wallets.chains.scripts import PaymentWrong
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction
from wallets.payouts.bitcoin import amount_of
from wallets.payouts.bitcoin_build import merger_build
from wallets.payouts.bitcoin_coins import coins_doubtful, coins_give_back, coins_lock_again, coins_taken
from wallets.payouts.bitcoin_fees import fee_rate
from wallets.payouts.records import UNFINISHED, Kind, payable

log = logging.getLogger(__name__)
INPUTS_MAX = 100
_INPUT_VB, _PAYMENT_VB = 68, 200
"""What a coin of ours adds to a transaction, and what a payment takes of one at most."""
_COST_MULTIPLE, _WORTH_MIN = 10, 1_000
"""A coin is brought to the newest keys when it is at least so many times what that costs, and so many satoshis."""
_WAITING_MAX = 10_000


def bitcoin_consolidate(*, asset: Asset, node: BitcoinNode) -> None:
    """Sign and store a transaction that merges small coins, if there are too many, or coins of old keys; at low fees.

    Nothing is sent yet. One at a time. Raises ChainUnavailable or ChainRefused.
    """
    running = ChainTransaction.objects.filter(fee_asset=asset, kind=Kind.CONSOLIDATION, status__in=UNFINISHED)
    if not settings.BITCOIN_CONSOLIDATE_BELOW or running.exists():
        return
    final = node.coins(asset.confirmations)
    old, small = coins_of(final, {one.fingerprint for one in keys.generations()[:-1]}), coins_to_merge(final)
    doubtful = coins_doubtful(asset, [coin.outpoint for coin in (*old, *small)])
    old, small = ([coin for coin in coins if coin.outpoint not in doubtful] for coins in (old, small))
    if not old and len(small) < 2:
        return
    rate = fee_rate(node)
    if rate > settings.BITCOIN_CONSOLIDATE_BELOW * 1000:
        return
    coins = coins_to_move(old, rate=rate, spare=_spare(asset, final, rate)) or (small if len(small) > 1 else [])
    if not coins:
        return
    coins_lock_again(asset, node)
    address = node.change_address()
    inputs = [coin.outpoint for coin in coins]
    try:
        signed = merger_build(node, address, inputs, sum(coin.satoshis for coin in coins), rate)
    except (PaymentRefused, PaymentWrong, NotSigned) as error:
        if say_once("consolidation", str(error)):
            log.error("%d coins cannot be made one: %s", len(coins), error)
        return
    if _store(asset, address, signed, rate):
        node.inputs_lock(signed.inputs)
        log.info("%d coins are to be one, for %d satoshis: %s", len(coins), signed.fee_satoshis, signed.txid)
    else:
        coins_give_back(asset, node, signed.inputs)


def coins_of(coins: Sequence[Coin], fingerprints: Collection[str]) -> list[Coin]:
    """Return the coins of these seeds, as the node tells it: a lie would cost a fee, they go to our newest keys."""
    found: list[Coin] = []
    for coin in coins if fingerprints else ():
        origin = origin_of(coin.descriptor)
        if origin is not None and origin.fingerprint in fingerprints:
            found.append(coin)
    return found


def coins_to_move(coins: Sequence[Coin], *, rate: int, spare: int) -> list[Coin]:
    """Return those coins that are worth moving, the largest first, as long as together they are not above `spare`.

    `coins`: final ones of old keys that are not locked; `rate`: satoshis per 1,000 vB; `spare`: satoshis.
    """
    least = max(_COST_MULTIPLE * _INPUT_VB * rate // 1000, _WORTH_MIN)
    chosen: list[Coin] = []
    for coin in sorted(coins, key=_by_worth, reverse=True):
        if coin.satoshis >= least and coin.satoshis <= spare and len(chosen) < INPUTS_MAX:
            chosen.append(coin)
            spare -= coin.satoshis
    return chosen


def _spare(asset: Asset, coins: Sequence[Coin], rate: int) -> int:
    """Return the satoshis of final coins that no withdrawal waits for."""
    waiting = payable(asset, _WAITING_MAX)
    needed = sum(amount_of(row, asset) + _PAYMENT_VB * rate // 1000 for row in waiting)
    return sum(coin.satoshis for coin in coins) - needed


def coins_to_merge(coins: Sequence[Coin]) -> list[Coin]:
    """Return the smallest of too many small coins, or none. `coins`: final ones that are not locked.

    At most half of the small ones: while the new coin is on its way, withdrawals are paid with the others.
    """
    small = sorted((coin for coin in coins if coin.satoshis <= settings.BITCOIN_SMALL_COIN), key=_by_worth)
    if len(small) <= settings.BITCOIN_SMALL_COINS_MAX:
        return []
    chosen = small[: min(INPUTS_MAX, len(small) // 2)]
    return chosen if len(chosen) > 1 else []


def _by_worth(coin: Coin) -> tuple[int, str, int]:
    return coin.satoshis, coin.txid, coin.number


def _store(asset: Asset, address: str, signed: SignedBitcoin, rate: int) -> bool:
    """Store a transaction unless another signer has taken one of its coins, or raised what made it, meanwhile."""
    with transaction.atomic():
        asset_lock(asset.pk)
        if not coins_taken(asset).isdisjoint(signed.inputs) or coins_doubtful(asset, signed.inputs):
            return False
        ChainTransaction.objects.create(
            asset=asset,
            fee_asset=asset,
            kind=Kind.CONSOLIDATION,
            txid=signed.txid,
            raw=signed.raw,
            recipient=address,
            fee_rate=rate,
            network_fee=signed.fee_satoshis,
        )
    return True
