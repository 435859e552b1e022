"""Brings deposits on Ethereum to the hot wallet: tokens first, with ether for their gas, then ether.

So it does with what is at hot wallets from before a rotation of the keys, or arrives there again.

Ether at an address whose tokens are still to be moved stays there: it is what the move is paid from. What costs too
much to move stays, too. Nothing is moved while a deposit at the address may still be taken back.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from mex.money import cost_from_chain, units_from_chain, units_to_chain
from wallets.chains import keys
from wallets.chains.ethereum import GAS_PLAIN, EthereumNode
from wallets.chains.health import say_once, say_over
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction, Deposit, DepositAddress
from wallets.payouts.ethereum_fees import Fees, fees_now
from wallets.payouts.ethereum_funds import Purse, promised_wei, purse_read
from wallets.payouts.ethereum_nonces import nonce_next
from wallets.payouts.ethereum_records import Call, Purpose, token_call, token_gas_limit, transaction_sign
from wallets.payouts.ethereum_senders import Sender, hot_wallets_old, sender_of
from wallets.payouts.records import UNFINISHED, Kind, Status

log = logging.getLogger(__name__)
_ADDRESSES = 500
_GAS_MULTIPLE = 10
"""A balance of ether is swept when it is at least so many times what the sweep may cost."""
_FEE_MULTIPLE = 10
"""A balance of tokens is swept when it is at least so many times what we charge for a payment of them."""
_GAS_SPARE = (12, 10)
"""Ether for gas is sent with so much to spare, because fees may rise before it is used."""
_FAILED_REST = timedelta(hours=1)
"""How long a sweep that failed on chain is left alone: each attempt costs gas."""


def ethereum_sweep(*, asset: Asset, node: EthereumNode, tokens: Sequence[Asset] = ()) -> None:
    """Sign and store transfers of credited deposits of ether (`asset`) and tokens, and of what old hot wallets have.

    Nothing is sent yet.
    Raises ChainUnavailable or ChainRefused.
    """
    fees = fees_now(node)
    if fees is None:
        return
    known = [token for token in tokens if token.contract]
    for token in known:
        _sweep_token(asset, token, node, fees)
    _sweep_ether(asset, known, node, fees)


def token_sweep_min(token: Asset) -> int:
    """Return how much of a token must be at an address to be swept, in units."""
    return max(token.withdrawal_fee * _FEE_MULTIPLE, 1)


def _sweep_ether(coin: Asset, tokens: Sequence[Asset], node: EthereumNode, fees: Fees) -> None:
    senders = _senders(coin)
    if not senders:
        return
    cost = GAS_PLAIN * fees.cap
    balances = node.balances(list(senders))
    rich = {address: balance for address, balance in balances.items() if balance >= cost * _GAS_MULTIPLE}
    needed = _needed_for_tokens(tokens, node, list(rich))
    for address, balance in rich.items():
        if address not in needed:
            wei = balance - cost
            purpose = Purpose(
                kind=Kind.SWEEP,
                asset=coin,
                coin=coin,
                recipient=keys.hot_address(),
                amount=units_from_chain(wei, coin.chain_decimals)[0],
            )
            _sweep_one(purpose, senders[address], Call(purpose.recipient, wei, GAS_PLAIN), node, fees)


def _needed_for_tokens(tokens: Sequence[Asset], node: EthereumNode, addresses: Sequence[str]) -> set[str]:
    """Return the addresses whose ether pays for moving tokens that are there, or was sent to do so."""
    hot = keys.hot_address()
    funded = ChainTransaction.objects.filter(kind=Kind.GAS, status__in=UNFINISHED, recipient__in=addresses)
    needed = set(funded.values_list("recipient", flat=True))
    for token in tokens:
        values = _worth_moving(token, node, addresses)
        answers = node.token_gas(token.contract, [(address, hot, value) for address, value in values.items()])
        needed.update(address for address, answer in zip(values, answers, strict=True) if _limit_of(answer) is not None)
    return needed


def _worth_moving(token: Asset, node: EthereumNode, addresses: Sequence[str]) -> dict[str, int]:
    least = units_to_chain(token_sweep_min(token), token.chain_decimals)
    balances = node.token_balances(token.contract, addresses) if addresses else {}
    return {address: value for address, value in balances.items() if value >= least}


def _sweep_token(coin: Asset, token: Asset, node: EthereumNode, fees: Fees) -> None:
    senders = _senders(token)
    values = _worth_moving(token, node, list(senders))
    if not values:
        return
    hot = keys.hot_address()
    answers = node.token_gas(token.contract, [(address, hot, value) for address, value in values.items()])
    balances = node.balances(list(values))
    short: dict[str, int] = {}
    for (address, value), answer in zip(values.items(), answers, strict=True):
        gas = _limit_of(answer)
        if gas is None:
            if say_once(f"sweep {address}", str(answer)):
                log.error("the %s at %s cannot be swept: %s", token.code, address, answer)
            continue
        say_over(f"sweep {address}")
        if balances[address] < gas * fees.cap:
            short[address] = gas * fees.cap * _GAS_SPARE[0] // _GAS_SPARE[1] - balances[address]
            continue
        amount = units_from_chain(value, token.chain_decimals)[0]
        purpose = Purpose(kind=Kind.SWEEP, asset=token, coin=coin, recipient=hot, amount=amount)
        _sweep_one(purpose, senders[address], token_call(token, hot, amount, gas), node, fees)
    gas_fund(coin=coin, node=node, fees=fees, missing=short)


def _limit_of(answer: int | str) -> int | None:
    return token_gas_limit(answer) if isinstance(answer, int) else None


def gas_fund(*, coin: Asset, node: EthereumNode, fees: Fees, missing: Mapping[str, int]) -> None:
    """Sign and store transfers of ether to addresses that cannot pay for moving what they have; `missing`: wei.

    One at a time for each address. Raises ChainUnavailable or ChainRefused.
    """
    if not missing:
        return
    hot = keys.hot_address()
    purse = purse_read(node, hot, coin)
    for address, wei in missing.items():
        _gas_fund_one(coin, purse, fees, address, cost_from_chain(wei, coin.chain_decimals))


def _gas_fund_one(coin: Asset, purse: Purse, fees: Fees, address: str, units: int) -> None:
    call = Call(address, units_to_chain(units, coin.chain_decimals), GAS_PLAIN)
    purpose = Purpose(kind=Kind.GAS, asset=coin, coin=coin, recipient=address, amount=units)
    with transaction.atomic():
        asset_lock(coin.pk)
        waiting = ChainTransaction.objects.filter(status__in=UNFINISHED, confirmations=0)
        if waiting.filter(Q(kind=Kind.GAS, recipient=address)).exists():
            return
        if purse.wei - promised_wei(purse.address, purse.height) < call.wei + call.gas * fees.cap:
            if say_once("gas for sweeps", "short"):
                log.error("tokens are not swept, the hot wallet %s has no ether for their gas", purse.address)
            return
        say_over("gas for sweeps")
        nonce = nonce_next(purse.address, purse.chain_nonce)
        record = transaction_sign(purpose, call, key=keys.hot_key(), sender=purse.address, nonce=nonce, fees=fees)
        record.save(force_insert=True)
    log.info("%d units of %s for gas are sent to %s: %s", units, coin.code, address, record.txid)


def _sweep_one(purpose: Purpose, sender: Sender, call: Call, node: EthereumNode, fees: Fees) -> None:
    address = sender.address
    if not sender.is_derived():
        if say_once(f"sweep {address}", "foreign"):
            log.error("%s was not derived from a seed that we have: its coins cannot be swept", address)
        return
    chain_nonce = node.transaction_count(address)
    with transaction.atomic():
        asset_lock(purpose.coin.pk)
        if ChainTransaction.objects.filter(sender=address, status__in=UNFINISHED).exists():
            return
        nonce = nonce_next(address, chain_nonce)
        record = transaction_sign(purpose, call, key=sender.key(), sender=address, nonce=nonce, fees=fees)
        record.save(force_insert=True)
    log.info("sweep of %d units of %s from %s is signed: %s", purpose.amount, purpose.asset, address, record.txid)


def _senders(asset: Asset) -> dict[str, Sender]:
    """Return where something of an asset may have to be fetched, by address."""
    found = [sender_of(row) for row in _sweepable(asset)]
    old = hot_wallets_old()
    if old:
        failed = _failed_lately(asset).filter(sender__in=[sender.address for sender in old])
        resting = set(failed.values_list("sender", flat=True))
        found += [sender for sender in old if sender.address not in resting]
    return {sender.address: sender for sender in found}


def _sweepable(asset: Asset) -> Iterable[DepositAddress]:
    """Return addresses with something credited since their last sweep, and nothing that may still change."""
    last = _sweeps(asset).filter(sender=OuterRef("address__address")).order_by("-pk").values("created_at")[:1]
    unswept = (
        Deposit.objects.filter(asset=asset, status=Deposit.Status.CREDITED)
        .annotate(swept_at=Subquery(last))
        .filter(Q(swept_at=None) | Q(credited_at__gt=F("swept_at")))
    )
    rows = DepositAddress.objects.filter(pk__in=unswept.values("address"), derivation_index__isnull=False)
    rows = rows.exclude(pk__in=_in_doubt(asset).values("address"))
    rows = rows.exclude(user__withdrawal_rules__frozen_at__isnull=False)
    # At random: what is too little to be swept stays in this list, and must not keep others out of it.
    return rows.order_by("?")[:_ADDRESSES]


def _sweeps(asset: Asset) -> QuerySet[ChainTransaction]:
    """Return the sweeps that moved, or may move, what was there; a failed one for a while."""
    is_over = Q(status=Status.REPLACED) | Q(status=Status.FAILED, created_at__lt=timezone.now() - _FAILED_REST)
    return ChainTransaction.objects.filter(asset=asset, kind=Kind.SWEEP).exclude(is_over)


def _failed_lately(asset: Asset) -> QuerySet[ChainTransaction]:
    return _sweeps(asset).filter(status=Status.FAILED)


def _in_doubt(asset: Asset) -> QuerySet[Deposit]:
    """Return deposits that may still change: of this asset, and of any asset one whose credit may be taken back."""
    moving = Q(asset=asset, status__in=[Deposit.Status.SEEN, Deposit.Status.CONFIRMING], amount__gt=0)
    settled = [Deposit.Status.CREDITED, Deposit.Status.REVERSED]
    lost = Q(credited_at__isnull=False) & ~Q(status__in=settled)
    return Deposit.objects.filter(moving | lost, asset__chain=asset.chain)
