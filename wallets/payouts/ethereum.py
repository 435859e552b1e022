"""Signs Ethereum withdrawals, of ether and of tokens. Runs in signing workers only: nothing else loads a key.

Nonces and what the hot wallet can still pay come from our own table, under the lock of the chain's coin.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from mex.money import units_to_chain
from wallets.chains import keys
from wallets.chains.ethereum import GAS_PLAIN, REVERTED, EthereumNode
from wallets.chains.health import say_once, say_over
from wallets.control.ending import is_endable, withdrawal_end
from wallets.lock_objects import asset_lock, withdrawal_lock
from wallets.models import Asset, Withdrawal
from wallets.pace import Aside
from wallets.payouts.ethereum_fees import Fees, fees_now
from wallets.payouts.ethereum_funds import Purse, promised_tokens, promised_wei, purse_read
from wallets.payouts.ethereum_nonces import coin_of, nonce_next
from wallets.payouts.ethereum_records import Call, Purpose, token_call, token_gas_limit, transaction_sign
from wallets.payouts.progress import PAYMENT_REFUSED
from wallets.payouts.records import Kind, payable, payments_signed, withdrawals_claim

log = logging.getLogger(__name__)
_LOOKED_AT_ONCE = 1_000
"""Withdrawals that the node is asked about in one go, without those that are put aside."""
_BATCH = 500
"""Withdrawals that are signed in one transaction."""


@dataclass(slots=True)
class _Budget:
    """What the hot wallet may still promise, in the chain's smallest units."""

    wei: int
    tokens: int

    def take(self, asset: Asset, call: Call, fees: Fees, amount: int) -> bool:
        """Take what a payment costs at most, and return whether it was there."""
        wei = call.wei + call.gas * fees.cap
        tokens = units_to_chain(amount, asset.chain_decimals) if asset.is_token else 0
        if self.wei < wei or self.tokens < tokens:
            return False
        self.wei -= wei
        self.tokens -= tokens
        return True


def ethereum_sign(*, asset: Asset, node: EthereumNode, aside: Aside | None = None) -> None:
    """Sign and store one transaction for each withdrawal of ether, or of a token, that can be paid; nothing is sent.

    What a contract would not take now is put `aside` and tried again ever less often; it does not hide others. Raises
    ChainUnavailable or ChainRefused.
    """
    aside = Aside() if aside is None else aside
    # So many are read that what is put aside hides nothing.
    rows = payable(asset, _LOOKED_AT_ONCE + len(aside))
    waiting = [row for row in rows if row.pk not in aside][:_LOOKED_AT_ONCE]
    if not waiting or (asset.is_token and not asset.contract):
        return
    fees = fees_now(node)
    if fees is None:
        return
    hot = keys.hot_address()
    for start in range(0, len(waiting), _BATCH):
        rows = waiting[start : start + _BATCH]
        if asset.is_token:
            payments = _token_calls(asset, rows, node, hot, aside)
        else:
            payments = _coin_calls(asset, rows, fees, node, aside)
        aside.take(row.pk for row, _ in payments)
        _store(asset, payments, fees, hot, node)


def _coin_calls(
    asset: Asset, waiting: Sequence[Withdrawal], fees: Fees, node: EthereumNode, aside: Aside
) -> list[tuple[Withdrawal, Call]]:
    """Return the calls that pay ether, of what can be paid now: nothing is signed that would only burn gas.

    What a contract refuses is given back. Any other complaint may be the contract's fault or the node's, or funds may
    be missing: it proves nothing against the withdrawal, which is put aside and tried again.
    """
    limits = node.gas_limits([row.address for row in waiting])
    calls = {
        row.pk: Call(row.address, units_to_chain(row.amount - row.fee, asset.chain_decimals), limits[row.address])
        for row in waiting
    }
    contracts = [row for row in waiting if calls[row.pk].gas > GAS_PLAIN]
    trials = [(row.address, calls[row.pk].wei) for row in contracts]
    complaints = node.complaints(keys.hot_address(), trials, fee_per_gas=fees.cap, tip_per_gas=fees.tip)
    for row, complaint in zip(contracts, complaints, strict=True):
        if complaint is None:
            continue
        del calls[row.pk]
        if complaint.code == REVERTED:
            _refuse(row.pk)
        else:
            _put_aside(aside, row, asset, str(complaint))
    return [(row, calls[row.pk]) for row in waiting if row.pk in calls]


def _refuse(pk: uuid.UUID) -> None:
    with transaction.atomic():
        withdrawal = withdrawal_lock(pk)
        if withdrawal.status == Withdrawal.Status.HELD and is_endable(withdrawal):
            withdrawal_end(withdrawal, ends_as=Withdrawal.Status.REJECTED, reason=PAYMENT_REFUSED)


def _put_aside(aside: Aside, row: Withdrawal, asset: Asset, why: str) -> None:
    aside.put(row.pk)
    if say_once(f"funds for {row.pk}", why):
        log.error("withdrawal %s waits, %s cannot be paid: %s", row.pk, asset.code, why)


def _token_calls(
    asset: Asset, waiting: Sequence[Withdrawal], node: EthereumNode, hot: str, aside: Aside
) -> list[tuple[Withdrawal, Call]]:
    """Return the calls that pay tokens, of what the contract would do now; the rest is put aside and tried again."""
    value = {row.pk: units_to_chain(row.amount - row.fee, asset.chain_decimals) for row in waiting}
    answers = node.token_gas(asset.contract, [(hot, row.address, value[row.pk]) for row in waiting])
    payments: list[tuple[Withdrawal, Call]] = []
    for row, answer in zip(waiting, answers, strict=True):
        gas = token_gas_limit(answer) if isinstance(answer, int) else None
        if gas is None:
            _put_aside(aside, row, asset, answer if isinstance(answer, str) else f"it would use {answer} gas")
        else:
            payments.append((row, token_call(asset, row.address, row.amount - row.fee, gas)))
    return payments


def _store(asset: Asset, payments: Sequence[tuple[Withdrawal, Call]], fees: Fees, hot: str, node: EthereumNode) -> None:
    """Sign and store what the hot wallet can pay: all in one transaction, so that all or none of it happened."""
    if not payments:
        return
    coin = coin_of(asset)
    purse = purse_read(node, hot, asset)
    key = keys.hot_key()
    with transaction.atomic():
        asset_lock(coin.pk)
        if asset.pk != coin.pk:
            asset_lock(asset.pk)  # whoever halts its withdrawals waits for this lock
        budget = _budget(asset, purse)
        nonce = nonce_next(hot, purse.chain_nonce)
        claims = withdrawals_claim([row.pk for row, _ in payments])
        signed = []
        for row, call in payments:
            claimed = claims.get(row.pk)
            if claimed is None:
                continue
            amount = claimed.amount - claimed.fee
            if not budget.take(asset, call, fees, amount):
                if say_once(f"funds for {row.pk}", "short"):
                    log.error("withdrawal %s waits, the hot wallet %s cannot pay it", row.pk, hot)
                continue
            purpose = Purpose(kind=Kind.WITHDRAWAL, asset=asset, coin=coin, recipient=claimed.address, amount=amount)
            signed.append((claimed, transaction_sign(purpose, call, key=key, sender=hot, nonce=nonce, fees=fees)))
            say_over(f"funds for {row.pk}")
            nonce += 1
        payments_signed(signed)


def _budget(asset: Asset, purse: Purse) -> _Budget:
    tokens = purse.tokens - promised_tokens(asset, purse.address, purse.height) if asset.is_token else 0
    return _Budget(purse.wei - promised_wei(purse.address, purse.height), tokens)
