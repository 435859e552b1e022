"""Makes one coin out of many small ones while fees are low: to spend them later would cost more."""

import logging
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from wallets.chains.bitcoin import BitcoinNode, Coin, NotSigned, PaymentRefused, SignedBitcoin
from wallets.chains.health import say_once
from wallets.chains.scripts import PaymentWrong
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction
from wallets.payouts.bitcoin_build import merger_build
from wallets.payouts.bitcoin_coins import coins_doubtful, coins_give_back, coins_lock_again, coins_taken
from wallets.payouts.bitcoin_fees import fee_rate, rate_of
from wallets.payouts.records import UNFINISHED, Kind

log = logging.getLogger(__name__)
INPUTS_MAX = 100


def bitcoin_consolidate(*, asset: Asset, node: BitcoinNode) -> None:
    """Sign and store a transaction that merges small coins, if there are too many and fees are low.

    Nothing is sent yet. One at a time. Raises ChainUnavailable or ChainRefused.
    """
    running = ChainTransaction.objects.filter(fee_asset=asset, kind=Kind.CONSOLIDATION, status__in=UNFINISHED)
    if not settings.BITCOIN_CONSOLIDATE_BELOW or running.exists():
        return
    coins = coins_to_merge(node.coins(asset.confirmations))
    doubtful = coins_doubtful(asset, [coin.outpoint for coin in coins])
    coins = [coin for coin in coins if coin.outpoint not in doubtful]
    if len(coins) < 2:
        return
    rate = fee_rate(node)
    if rate > settings.BITCOIN_CONSOLIDATE_BELOW * 1000:
        return
    coins_lock_again(asset, node)
    address = node.change_address()
    inputs = [coin.outpoint for coin in coins]
    try:
        signed = merger_build(node, address, inputs, sum(coin.satoshis for coin in coins), rate)
    except (PaymentRefused, PaymentWrong, NotSigned) as error:
        if say_once("consolidation", str(error)):
            log.error("%d small coins cannot be made one: %s", len(coins), error)
        return
    if _store(asset, address, signed):
        node.inputs_lock(signed.inputs)
        log.info("%d small coins are to be one, for %d satoshis: %s", len(coins), signed.fee_satoshis, signed.txid)
    else:
        coins_give_back(asset, node, signed.inputs)


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


def _store(asset: Asset, address: str, signed: SignedBitcoin) -> bool:
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
            fee_rate=rate_of(signed),
            network_fee=signed.fee_satoshis,
        )
    return True
