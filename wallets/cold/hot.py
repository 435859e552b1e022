"""Looks after the hot wallets: what each can pay, alarms below the floor, a halt while it is short."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Sum
from django.utils import timezone

from mex.money import cost_from_chain, format_short, units_from_chain
from wallets.chains.bitcoin import BitcoinNode, satoshis
from wallets.chains.ethereum import EthereumNode
from wallets.cold.inputs import offers_open
from wallets.control.accounts import frozen
from wallets.control.switch import halt, resume
from wallets.models import Asset, ChainTransaction, HotWallet, Withdrawal
from wallets.payouts.ethereum_funds import promised_tokens, promised_wei, purse_read

log = logging.getLogger(__name__)


def short_reason(asset: Asset) -> str:
    """Return the text for which mex halts, and resumes, an asset whose hot wallet cannot pay."""
    return f"the hot wallet of {asset.code} is short of funds"


def bitcoin_hot(*, asset: Asset, node: BitcoinNode) -> HotWallet:
    """Return how the Bitcoin hot wallet stands, and note it. Raises ChainUnavailable or ChainRefused."""
    # Confirmed coins and our own change, less what transactions that the node knows spend already.
    units = units_from_chain(satoshis(node.rpc.call("getbalances")["mine"]["trusted"]), asset.chain_decimals)[0]
    return _noted(asset, units, _not_sent(asset))


def ethereum_hot(*, asset: Asset, node: EthereumNode, hot_address: str) -> HotWallet:
    """Return how the hot wallet stands with ether or a token, and note it. Raises ChainUnavailable or ChainRefused."""
    if asset.is_token and not asset.contract:
        return _noted(asset, 0, 0)
    purse = purse_read(node, hot_address, asset)
    if asset.is_token:
        value, promised = purse.tokens, promised_tokens(asset, hot_address, purse.height)
    else:
        value, promised = purse.wei, promised_wei(hot_address, purse.height)
    units = units_from_chain(value, asset.chain_decimals)[0]
    return _noted(asset, units, cost_from_chain(promised, asset.chain_decimals))


def hot_judge(asset: Asset, wallet: HotWallet, *, now: datetime | None = None) -> None:
    """Raise the alarm when the hot wallet goes below its floor; halt withdrawals that it cannot pay for too long.

    What mex halted for this it resumes itself, as soon as the wallet can pay again. Call it without a lock.
    """
    now = now or timezone.now()
    if wallet.low_since is not None and wallet.low_since == wallet.seen_at:
        log.error(
            "the hot wallet of %s is below its floor: %s of %s are free",
            asset.code,
            format_short(wallet.units - wallet.promised),
            format_short(asset.hot_floor or 0),
        )
    if wallet.short_since is None:
        if asset.closed_because and resume(asset, halted_because=short_reason(asset)):
            log.info("the hot wallet of %s can pay what waits", asset.code)
    elif now - wallet.short_since >= timedelta(seconds=settings.HOT_SHORT_HALT_S):
        halt(asset, short_reason(asset))


def _noted(asset: Asset, units: int, promised: int) -> HotWallet:
    now = timezone.now()
    old = HotWallet.objects.filter(asset=asset).first()
    waiting = _waiting(asset)
    free = units - promised
    is_low = asset.hot_floor is not None and free < asset.hot_floor
    is_short = waiting > free
    columns = {
        "units": units,
        "promised": promised,
        "waiting": waiting,
        "offered": offers_open(asset).aggregate(total=Sum("amount"))["total"] or 0,
        "seen_at": now,
        "low_since": ((old.low_since if old else None) or now) if is_low else None,
        "short_since": ((old.short_since if old else None) or now) if is_short else None,
    }
    return HotWallet.objects.update_or_create(asset=asset, defaults=columns)[0]


def _waiting(asset: Asset) -> int:
    """Return what withdrawals will take that could be signed now; those of frozen accounts could not."""
    rows = Withdrawal.objects.filter(~frozen(), asset=asset, status=Withdrawal.Status.HELD, transaction=None)
    return rows.aggregate(total=Sum(F("amount") - F("fee")))["total"] or 0


def _not_sent(asset: Asset) -> int:
    """Return what transactions will take that no node has seen yet."""
    rows = ChainTransaction.objects.filter(asset=asset, status=ChainTransaction.Status.SIGNED, first_version=None)
    rows = rows.exclude(kind=ChainTransaction.Kind.CONSOLIDATION)
    return rows.aggregate(total=Sum(F("amount") + F("network_fee")))["total"] or 0
