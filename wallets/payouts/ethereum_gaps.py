"""Fills nonces of hot wallets that nothing stored uses: until they are used, nothing after them can be mined.

Such a hole is what a lost row leaves (a database from a backup), or a failed payment that a deep reorganisation took
out of the chain again. It is filled with a payment of nothing to ourselves.
"""

import logging

from django.db import transaction

from wallets.chains import keys
from wallets.chains.ethereum import GAS_PLAIN, EthereumNode
from wallets.chains.health import say_once
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.payouts.ethereum_fees import Fees, fees_now
from wallets.payouts.ethereum_funds import promised_wei, purse_read
from wallets.payouts.ethereum_nonces import takes_nonce
from wallets.payouts.ethereum_records import Call, Purpose, transaction_sign
from wallets.payouts.ethereum_senders import Sender, hot_wallets_old
from wallets.payouts.records import UNFINISHED, Kind

log = logging.getLogger(__name__)
_FILLED_AT_ONCE = 100


def ethereum_gaps_fill(*, asset: Asset, node: EthereumNode) -> None:
    """Sign and store a filler for each missing nonce of a hot wallet; nothing is sent yet. `asset`: the chain's coin.

    Raises ChainUnavailable or ChainRefused.
    """
    for wallet in (*hot_wallets_old(), Sender(keys.hot_address(), keys.generation_newest())):
        _fill_all(asset, node, wallet)


def _fill_all(asset: Asset, node: EthereumNode, wallet: Sender) -> None:
    hot = wallet.address
    if not ChainTransaction.objects.filter(sender=hot, status__in=UNFINISHED, confirmations=0).exists():
        return  # nothing waits
    purse = purse_read(node, hot, asset)
    holes = _holes(hot, purse.chain_nonce)
    if not holes:
        return
    if say_once(f"nonces {hot}", str(holes)):
        log.error("nonces of %s that nothing uses keep later payments waiting: %s", hot, holes)
    fees = fees_now(node)
    if fees is None:
        return
    with transaction.atomic():
        asset_lock(asset.pk)
        left = purse.wei - promised_wei(hot, purse.height)
        for nonce in _holes(hot, purse.chain_nonce):
            left -= GAS_PLAIN * fees.cap
            if left < 0:
                if say_once("fillers", "short"):
                    log.error("the hot wallet %s cannot pay for filling missing nonces", hot)
                return
            _fill(asset, wallet, nonce, fees)


def _holes(hot: str, chain_nonce: int) -> list[int]:
    """Return the nonces from the chain's next one to our last one that nothing uses, and nothing will."""
    rows = ChainTransaction.objects.filter(sender=hot, nonce__gte=chain_nonce)
    used = {row.nonce for row in rows.filter(takes_nonce()).only("nonce") if row.nonce is not None}
    if not used:
        return []
    # One that failed may still pay: its withdrawals must have ended, so that nothing can be settled by the filler.
    open_ones = Withdrawal.objects.filter(status__in=[Withdrawal.Status.SIGNED, Withdrawal.Status.BROADCAST])
    held_back = set(rows.filter(withdrawals__in=open_ones).values_list("nonce", flat=True))
    missing = [nonce for nonce in range(chain_nonce, max(used)) if nonce not in used and nonce not in held_back]
    return missing[:_FILLED_AT_ONCE]


def _fill(coin: Asset, wallet: Sender, nonce: int, fees: Fees) -> None:
    hot = wallet.address
    # Where the nonce was given before, the filler is a version of what can not use it any more.
    first = ChainTransaction.objects.filter(sender=hot, nonce=nonce, first_version=None).first()
    purpose = Purpose(kind=Kind.FILLER, asset=coin, coin=coin, recipient=hot, amount=0)
    call = Call(hot, 0, GAS_PLAIN)
    record = transaction_sign(purpose, call, key=wallet.key(), sender=hot, nonce=nonce, fees=fees, first_version=first)
    record.save(force_insert=True)
    log.info("nonce %d of %s is filled by %s", nonce, hot, record.txid)
