"""Signs Ethereum withdrawals and sweeps. Runs in signing workers only: nothing else loads a key.

Nonces come from our own table, taken under the asset's lock: a node's idea of "pending" is lost when it restarts.
"""

import logging
from collections.abc import Iterable

from django.db import transaction
from django.db.models import F, Max, OuterRef, Q, Subquery, Sum

from mex.money import cost_from_chain, units_to_chain
from wallets.chains import keys
from wallets.chains.ethereum import GAS_PLAIN, EthereumNode
from wallets.chains.health import say_once, say_over
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction, Deposit, DepositAddress, Withdrawal
from wallets.payouts.records import UNFINISHED, Kind, payable, withdrawal_claim, withdrawal_signed

log = logging.getLogger(__name__)
_BATCH = 25
_SWEEP_ADDRESSES = 500
_SWEEP_GAS_MULTIPLE = 10
"""A balance is swept when it is at least so many times what the sweep may cost."""


def ethereum_sign(*, asset: Asset, node: EthereumNode) -> None:
    """Sign and store one transaction for each withdrawal that can be paid; nothing is sent yet.

    Raises ChainUnavailable or ChainRefused.
    """
    waiting = payable(asset, _BATCH)
    if not waiting:
        return
    hot = keys.hot_address()
    fee_per_gas, tip = node.fee_per_gas()
    chain_nonce = node.transaction_count(hot)
    balance = node.balances([hot])[hot]
    for withdrawal in waiting:
        wei = units_to_chain(withdrawal.amount - withdrawal.fee, asset.chain_decimals)
        gas = node.gas_limit(withdrawal.address)
        with transaction.atomic():
            asset_lock(asset.pk)
            claimed = withdrawal_claim(withdrawal.pk)
            if claimed is None:
                continue
            if balance - _promised(asset, hot) < wei + gas * fee_per_gas:
                if say_once(f"funds for {withdrawal.pk}", "short"):
                    log.error("withdrawal %s waits, the hot wallet %s cannot pay it", withdrawal.pk, hot)
                continue
            nonce = _next_nonce(asset, hot, chain_nonce)
            signed = keys.payment_sign(
                keys.hot_key(),
                to=withdrawal.address,
                wei=wei,
                nonce=nonce,
                gas=gas,
                fee_per_gas=fee_per_gas,
                tip_per_gas=tip,
            )
            fee = cost_from_chain(gas * fee_per_gas, asset.chain_decimals)
            record = ChainTransaction(
                asset=asset,
                fee_asset=asset,
                kind=Kind.WITHDRAWAL,
                txid=signed.txid,
                raw=signed.raw,
                sender=hot,
                nonce=nonce,
                network_fee=fee,
            )
            withdrawal_signed(claimed, record)
        say_over(f"funds for {withdrawal.pk}")


def ethereum_sweep(*, asset: Asset, node: EthereumNode) -> None:
    """Sign and store transfers of credited deposits to the hot wallet; nothing is sent yet.

    Raises ChainUnavailable or ChainRefused.
    """
    rows = {row.address: row for row in _sweepable(asset)}
    if not rows:
        return
    hot = keys.hot_address()
    fee_per_gas, tip = node.fee_per_gas()
    cost = GAS_PLAIN * fee_per_gas
    for address, balance in node.balances(list(rows)).items():
        if balance >= cost * _SWEEP_GAS_MULTIPLE:
            chain_nonce = node.transaction_count(address)
            _sweep_one(asset, rows[address], hot, chain_nonce, balance - cost, fee_per_gas, tip)


def _sweep_one(
    asset: Asset, row: DepositAddress, hot: str, chain_nonce: int, wei: int, fee_per_gas: int, tip: int
) -> None:
    assert row.derivation_index is not None
    if keys.deposit_address(row.derivation_index) != row.address:
        if say_once(f"sweep {row.address}", "foreign"):
            log.error("%s was not derived from the seed that we have: its coins cannot be swept", row.address)
        return
    with transaction.atomic():
        asset_lock(asset.pk)
        own = ChainTransaction.objects.filter(asset=asset, sender=row.address)
        if own.filter(status__in=UNFINISHED).exists():
            return
        nonce = _next_nonce(asset, row.address, chain_nonce)
        signed = keys.payment_sign(
            keys.deposit_key(row.derivation_index),
            to=hot,
            wei=wei,
            nonce=nonce,
            gas=GAS_PLAIN,
            fee_per_gas=fee_per_gas,
            tip_per_gas=tip,
        )
        ChainTransaction.objects.create(
            asset=asset,
            fee_asset=asset,
            kind=Kind.SWEEP,
            txid=signed.txid,
            raw=signed.raw,
            sender=row.address,
            nonce=nonce,
            network_fee=cost_from_chain(GAS_PLAIN * fee_per_gas, asset.chain_decimals),
        )
    log.info("sweep of %d wei from %s is signed: %s", wei, row.address, signed.txid)


def _sweepable(asset: Asset) -> Iterable[DepositAddress]:
    """Return addresses with something credited since their last sweep, and nothing that may still change."""
    moving = Deposit.objects.filter(
        asset=asset, status__in=[Deposit.Status.SEEN, Deposit.Status.CONFIRMING], amount__gt=0
    )
    swept = ChainTransaction.objects.filter(asset=asset, kind=Kind.SWEEP, sender=OuterRef("address__address"))
    last = swept.order_by("-pk").values("created_at")[:1]
    unswept = (
        Deposit.objects.filter(asset=asset, status=Deposit.Status.CREDITED)
        .annotate(swept_at=Subquery(last))
        .filter(Q(swept_at=None) | Q(credited_at__gt=F("swept_at")))
    )
    rows = DepositAddress.objects.filter(pk__in=unswept.values("address")).exclude(pk__in=moving.values("address"))
    return rows.order_by("-pk")[:_SWEEP_ADDRESSES]


def _promised(asset: Asset, hot: str) -> int:
    """Return the wei that stored transactions of the hot wallet will still take out of its balance."""
    rows = ChainTransaction.objects.filter(asset=asset, sender=hot, status__in=UNFINISHED, confirmations=0)
    fees = rows.aggregate(total=Sum("network_fee"))["total"] or 0
    paid = Withdrawal.objects.filter(transaction__in=rows).aggregate(total=Sum(F("amount") - F("fee")))["total"] or 0
    return units_to_chain(fees + paid, asset.chain_decimals)


def _next_nonce(asset: Asset, sender: str, chain_nonce: int) -> int:
    last = ChainTransaction.objects.filter(asset=asset, sender=sender).aggregate(last=Max("nonce"))["last"]
    return chain_nonce if last is None else max(chain_nonce, last + 1)
