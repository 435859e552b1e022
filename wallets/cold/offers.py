"""Offers to the cold address: what is too much for the hot wallet, as an unsigned transaction to be signed elsewhere.

One offer of an asset is open at most. It ends when it was signed, when something else used its coins or its nonce, when
the hot wallet needs the coins itself, or after a day; then a new one is made if there is still too much.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from mex.limits import COLD_OFFER_S
from mex.money import format_short, units_to_chain
from wallets.chains.addresses import address_normalize
from wallets.chains.bitcoin import BitcoinNode, PaymentRefused
from wallets.chains.ethereum import GAS_PLAIN, EthereumNode
from wallets.chains.health import say_once, say_over
from wallets.chains.psbt import PsbtMalformed
from wallets.chains.scripts import PaymentWrong
from wallets.chains.segwit import AddressMalformed
from wallets.chains.tokens import transfer_call
from wallets.cold.inputs import Outpoint, inputs_of_offer, inputs_of_psbt, offers_open
from wallets.cold.unsigned import UnsignedCall, unsigned_read
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ColdOffer, DepositAddress, HotWallet
from wallets.payouts.bitcoin_build import psbt_check
from wallets.payouts.bitcoin_coins import coins_give_back, coins_taken
from wallets.payouts.bitcoin_fees import fee_rate
from wallets.payouts.ethereum_fees import fee_least, fees_now
from wallets.payouts.ethereum_nonces import coin_of, nonce_next
from wallets.payouts.ethereum_records import token_gas_limit

log = logging.getLogger(__name__)


def cold_address_of(asset: Asset) -> str:
    """Return the address that offers go to, in its usual form; "" for none, or for one that cannot be cold."""
    if not asset.cold_address:
        return ""
    try:
        address = address_normalize(asset.chain, asset.cold_address)
    except AddressMalformed:
        address = ""
    if not address or DepositAddress.objects.filter(address=address).exists():
        if say_once(f"cold {asset.code}", asset.cold_address):
            log.error("%s cannot be the cold address of %s: nothing is offered", asset.cold_address, asset.code)
        return ""
    return address


def amount_to_offer(asset: Asset, wallet: HotWallet) -> int:
    """Return the units that are too much: down to the middle between floor and ceiling, once above the ceiling.

    What withdrawals wait for stays.
    """
    if asset.hot_ceiling is None or not cold_address_of(asset):
        return 0
    free = wallet.units - wallet.promised - wallet.waiting
    if free <= asset.hot_ceiling:
        return 0
    amount = free - (asset.hot_ceiling + (asset.hot_floor or 0)) // 2
    step = int(10 ** max(8 - asset.chain_decimals, 0))
    return amount - amount % step


def why_over(offer: ColdOffer, asset: Asset, wallet: HotWallet) -> str:
    """Return why an open offer is not to be signed any more; "" when it still is."""
    if offer.address != cold_address_of(asset) or asset.hot_ceiling is None:
        return "the cold address or the ceiling was changed"
    if timezone.now() - offer.created_at >= timedelta(seconds=COLD_OFFER_S):
        return "it is old"
    if wallet.units - wallet.promised - wallet.waiting - offer.amount < (asset.hot_floor or 0):
        return "the hot wallet needs its coins"
    return ""


def bitcoin_offer(*, asset: Asset, node: BitcoinNode, wallet: HotWallet) -> None:
    """Withdraw the open offer if it is over, and make one if there is too much.

    Raises ChainUnavailable or ChainRefused.
    """
    for offer in offers_open(asset):
        inputs = inputs_of_offer(offer)
        why = why_over(offer, asset, wallet)
        if not why and any(node.root.call("gettxout", txid, number, True) is None for txid, number in inputs):
            why = "its coins were spent"
        if not why:
            node.inputs_lock(sorted(set(inputs) - node.inputs_locked()))
            return
        if _withdraw(offer, why):
            coins_give_back(asset, node, inputs)
    amount, address = amount_to_offer(asset, wallet), cold_address_of(asset)
    # Final coins only: what is signed elsewhere takes its time, and must not be void then.
    coins = sorted(node.coins(asset.confirmations), key=lambda coin: -coin.satoshis) if amount else []
    if not coins:
        return
    psbt = _fund(asset, node, (address, units_to_chain(amount, asset.chain_decimals)), coins[0].outpoint)
    if not psbt:
        return
    say_over(f"offer {asset.code}")
    offer = ColdOffer(asset=asset, address=address, amount=amount, unsigned=psbt)
    inputs = inputs_of_offer(offer)
    with transaction.atomic():
        asset_lock(asset.pk)
        is_stored = not offers_open(asset).exists() and coins_taken(asset).isdisjoint(inputs)
        if is_stored:
            offer.save(force_insert=True)
    if is_stored:
        node.inputs_lock(inputs)
        _log(offer)
    else:
        coins_give_back(asset, node, inputs)


def _fund(asset: Asset, node: BitcoinNode, payment: tuple[str, int], coin: Outpoint) -> str:
    """Return a PSBT that pays satoshis to the cold address, and that was looked at as if we signed it; "" for none."""
    try:
        psbt = node.payment_fund([payment], fee_rate(node), inputs=[coin], confirmations=asset.confirmations)
        try:
            psbt_check(psbt, [payment])
        except PaymentWrong:
            _give_back(asset, node, psbt)
            raise
    except PaymentRefused as error:
        if say_once(f"offer {asset.code}", str(error)):
            log.warning("no offer of %s to the cold address can be made: %s", asset.code, error)
    except PaymentWrong as error:
        if say_once(f"offer {asset.code}", str(error)):
            log.error("what the node built is not what we asked for, no offer of %s is made: %s", asset.code, error)
    else:
        return psbt
    return ""


def _give_back(asset: Asset, node: BitcoinNode, psbt: str) -> None:
    try:
        inputs = inputs_of_psbt(psbt)
    except PsbtMalformed:
        return  # what it has locked is freed with what dead signers had
    coins_give_back(asset, node, inputs)


def ethereum_offer(*, asset: Asset, node: EthereumNode, wallet: HotWallet, hot_address: str) -> None:
    """Withdraw the open offer if it is over, and make one if there is too much; of ether, or of a token.

    Raises ChainUnavailable or ChainRefused.
    """
    chain_nonce = node.transaction_count(hot_address)
    for offer in offers_open(asset):
        why = why_over(offer, asset, wallet)
        if not why and offer_nonce(offer) != nonce_next(hot_address, chain_nonce):
            why = "its nonce was used"
        if not why and unsigned_read(offer.unsigned).fee_per_gas < fee_least(node.base_fee()):
            why = "its fee is too low by now"
        if not why:
            return
        _withdraw(offer, why)
    amount, address = amount_to_offer(asset, wallet), cold_address_of(asset)
    fees = fees_now(node) if amount else None
    if fees is None or fees.cap < fee_least(fees.base):
        return
    value = units_to_chain(amount, asset.chain_decimals)
    if asset.is_token:
        to, wei, data = asset.contract, 0, transfer_call(address, value)
        estimate = int(node.rpc.call("eth_estimateGas", {"from": hot_address, "to": to, "data": data}), 16)
        gas = token_gas_limit(estimate)
    else:
        to, wei, data, gas = address, value, "0x", GAS_PLAIN
    if gas is None:
        if say_once(f"offer {asset.code}", "gas"):
            log.error("a transfer of %s would use %d gas: it is not offered", asset.code, estimate)
        return
    with transaction.atomic():
        asset_lock(coin_of(asset).pk)
        if offers_open(asset).exists():
            return
        call = UnsignedCall(
            chain_id=settings.ETHEREUM_CHAIN_ID,
            nonce=nonce_next(hot_address, chain_nonce),
            tip_per_gas=fees.tip,
            fee_per_gas=fees.cap,
            gas=gas,
            to=to,
            wei=wei,
            data=data,
        )
        offer = ColdOffer.objects.create(asset=asset, address=address, amount=amount, unsigned=call.hex)
    _log(offer)


def offer_nonce(offer: ColdOffer) -> int:
    """Return the nonce that an Ethereum offer is for."""
    return unsigned_read(offer.unsigned).nonce


def _withdraw(offer: ColdOffer, why: str) -> bool:
    changed = offers_open(offer.asset).filter(pk=offer.pk).update(withdrawn_at=timezone.now())
    if changed:
        log.info("offer %s to the cold address is withdrawn: %s", offer.pk, why)
    return bool(changed)


def _log(offer: ColdOffer) -> None:
    log.warning(
        "the hot wallet has %s %s too much: offer %s waits to be signed",
        format_short(offer.amount),
        offer.asset.code,
        offer.pk,
    )
