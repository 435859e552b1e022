"""Fills nonces of hot wallets that nothing stored uses: until they are used, nothing after them can be mined.

Such a hole is what a lost row leaves (a database from a backup), or a payment that a deep reorganisation took out of
the chain again, and that is not to be made any more: it had failed, or operators have decided about it. It is filled
with a payment of nothing to ourselves, which offers more than what had the nonce: nodes may still have that.
"""

import logging

from django.db import transaction
from django.db.models import QuerySet

from wallets.chains import keys
from wallets.chains.ethereum import GAS_PLAIN, EthereumNode
from wallets.chains.health import say_once, say_over
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.payouts.ethereum_fees import Fees, fees_bumped, fees_now
from wallets.payouts.ethereum_funds import promised_wei, purse_read
from wallets.payouts.ethereum_nonces import is_repeatable, takes_nonce
from wallets.payouts.ethereum_records import Call, Purpose, fees_offered, transaction_sign
from wallets.payouts.ethereum_senders import Sender, hot_wallets_old
from wallets.payouts.records import FINAL, UNFINISHED, Kind
from wallets.payouts.versions import versions_of

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
    waits = ChainTransaction.objects.filter(sender=hot, status__in=UNFINISHED, confirmations=0).exists()
    if not waits and not _not_to_return(hot).exists():
        return
    purse = purse_read(node, hot, asset)
    holes = _holes(hot, purse.chain_nonce)
    if not holes:
        return
    if say_once(f"nonces {hot}", str(holes)):
        harm = "keep later payments waiting" if waits else "let a payment return that is not to be made any more"
        log.error("nonces of %s that nothing uses %s: %s", hot, harm, holes)
    wanted = fees_now(node)
    if wanted is None:
        return
    with transaction.atomic():
        asset_lock(asset.pk)
        left = purse.wei - promised_wei(hot, purse.height)
        for nonce in _holes(hot, purse.chain_nonce):
            # Where the nonce was given before, the filler is a version of what can not use it any more.
            first = ChainTransaction.objects.filter(sender=hot, nonce=nonce, first_version=None).first()
            fees = fees_bumped(fees_offered(versions_of(first)), wanted) if first else wanted
            if fees is None:
                if say_once(f"filler {nonce} of {hot}", "ceiling"):
                    log.error("nonce %d of %s is not filled: what had it offers as much as may be", nonce, hot)
                continue
            say_over(f"filler {nonce} of {hot}")
            left -= GAS_PLAIN * fees.cap
            if left < 0:
                if say_once("fillers", "short"):
                    log.error("the hot wallet %s cannot pay for filling missing nonces", hot)
                return
            _fill(asset, wallet, nonce, fees, first)


def _not_to_return(hot: str) -> QuerySet[ChainTransaction]:
    """Return final transactions that lost their block and are not sent again: some node may, and then they pay."""
    return ChainTransaction.objects.filter(sender=hot, fee_in_doubt=True, status__in=FINAL).exclude(is_repeatable())


def _holes(hot: str, chain_nonce: int) -> list[int]:
    """Return the nonces from the chain's next one on that nothing uses, and nothing will.

    Up to our last one in use, or to the last one of something that is not to return.
    """
    rows = ChainTransaction.objects.filter(sender=hot, nonce__gte=chain_nonce)
    used = {row.nonce for row in rows.filter(takes_nonce()).only("nonce") if row.nonce is not None}
    lost = {row.nonce for row in _not_to_return(hot).filter(nonce__gte=chain_nonce) if row.nonce is not None}
    # One that failed may still pay: its withdrawals must have ended, so that nothing can be settled by the filler.
    open_ones = Withdrawal.objects.filter(status__in=[Withdrawal.Status.SIGNED, Withdrawal.Status.BROADCAST])
    held_back = set(rows.filter(withdrawals__in=open_ones).values_list("nonce", flat=True))
    end = max((*used, *(nonce + 1 for nonce in lost)), default=chain_nonce)
    missing = [nonce for nonce in range(chain_nonce, end) if nonce not in used and nonce not in held_back]
    return missing[:_FILLED_AT_ONCE]


def _fill(coin: Asset, wallet: Sender, nonce: int, fees: Fees, first: ChainTransaction | None) -> None:
    hot = wallet.address
    purpose = Purpose(kind=Kind.FILLER, asset=coin, coin=coin, recipient=hot, amount=0)
    call = Call(hot, 0, GAS_PLAIN)
    record = transaction_sign(purpose, call, key=wallet.key(), sender=hot, nonce=nonce, fees=fees, first_version=first)
    record.save(force_insert=True)
    log.info("nonce %d of %s is filled by %s", nonce, hot, record.txid)
