"""What went to the cold address: signed transactions that an operator brings back, and those that he sent himself."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from mex.errors import OfferRefused
from mex.money import cost_from_chain, units_from_chain, units_to_chain
from wallets.chains.bitcoin import BitcoinNode, inputs_of, satoshis, txid_of
from wallets.chains.ethereum import EthereumNode
from wallets.chains.health import say_once
from wallets.chains.holdings import cold_addresses
from wallets.chains.jsonrpc import ChainRefused
from wallets.chains.psbt import psbt_read
from wallets.chains.scripts import size_of
from wallets.chains.tokens import transfer_call
from wallets.cold.inputs import inputs_of_offer, offers_open
from wallets.cold.offers import offer_nonce
from wallets.cold.unsigned import NotATransaction, Signed, signed_read, unsigned_read
from wallets.lock_objects import asset_lock
from wallets.models import Asset, Chain, ChainTransaction, ColdOffer, HotWallet
from wallets.payouts.ethereum_fees import fee_least
from wallets.payouts.ethereum_nonces import coin_of
from wallets.payouts.ethereum_overtaken import nonce_user
from wallets.payouts.records import UNFINISHED

log = logging.getLogger(__name__)
Kind, Status = ChainTransaction.Kind, ChainTransaction.Status
_RECENT, _RECENT_MAX = 200, 51_200
"""Entries of the wallet that are always read, and that are read at most, which is some 500 full batches."""
_CLOCKS_S = 600
"""What the clocks of this machine and of the node may differ by."""
_OVER = "This offer is over: its coins or its nonce may be used already."
_BACK_MAX = 100
"""Nonces of the hot wallet that are looked for when the chain has used more than we know of."""


def offer_accept(
    offer: ColdOffer, text: str, *, hot_address: str, node: BitcoinNode | EthereumNode
) -> ChainTransaction:
    """Store what an operator signed elsewhere; the usual loop sends it.

    text: Bitcoin: the signed PSBT in base64, or the raw transaction in hex; Ethereum: the raw transaction in hex.
    Raises OfferRefused unless it is exactly what was offered, signed, and the offer is open; on Ethereum also if its
    fee is too low by now. Raises ChainUnavailable and ChainRefused.
    """
    if not _is_open(offer):
        raise OfferRefused(_OVER)
    text = "".join(text.split())
    if offer.asset.chain == Chain.BITCOIN:
        assert isinstance(node, BitcoinNode), "Bitcoin's node checks signatures"
        return _store(offer, _bitcoin_record(offer, _bitcoin_raw(offer, text, node)))
    try:
        signed = signed_read(text)
    except NotATransaction as error:
        raise OfferRefused(f"This is not a signed transaction: {error}.") from None
    if signed.sender != hot_address:
        raise OfferRefused(f"It is signed by {signed.sender}, not by the hot wallet {hot_address}.")
    if signed.call != unsigned_read(offer.unsigned):
        raise OfferRefused("It is another transaction than the one that was offered.")
    assert isinstance(node, EthereumNode), "Ethereum's node knows what the chain takes"
    if signed.call.fee_per_gas < fee_least(node.base_fee()):
        raise OfferRefused("Its fee is too low by now: what is paid after it would wait for it. Sign the new offer.")
    return _store(offer, _ethereum_record(offer.asset, offer.address, offer.amount, signed))


def bitcoin_adopt(*, asset: Asset, node: BitcoinNode) -> None:
    """Take over payments to a cold address that an operator sent himself. Raises ChainUnavailable or ChainRefused.

    What the wallet heard of since the hot wallet was looked at last is gone through, in whatever number.
    """
    cold = cold_addresses(asset)
    if not cold:
        return
    last = HotWallet.objects.filter(asset=asset).first()
    sent = {
        str(entry["txid"])
        for entry in _entries_since(node, int(last.seen_at.timestamp()) - _CLOCKS_S if last else 0)
        if entry["category"] == "send" and entry.get("address") in cold and entry["confirmations"] >= 0
    }
    known = set(ChainTransaction.objects.filter(txid__in=sent).values_list("txid", flat=True))
    for txid in sorted(sent - known):
        answer = node.rpc.call("gettransaction", txid)
        paid = sum(
            -satoshis(detail["amount"])
            for detail in answer["details"]
            if detail["category"] == "send" and detail.get("address") in cold
        )
        fee = -satoshis(answer["fee"])
        recipients = {str(detail.get("address")) for detail in answer["details"] if detail.get("address") in cold}
        raw = str(answer["hex"])
        record = ChainTransaction(
            asset=asset,
            fee_asset=asset,
            kind=Kind.COLD,
            txid=txid,
            raw=raw,
            recipient=sorted(recipients)[0],
            amount=paid,
            fee_rate=fee * 1000 // size_of(raw),
            network_fee=fee,
        )
        _adopt(record)


def _entries_since(node: BitcoinNode, since_s: int) -> Iterator[dict[str, Any]]:
    """Yield the wallet's entries, from the newest ones to those that it heard of before a time; the newest anyway.

    `since_s`: seconds since 1970. A payment to a hundred has a hundred entries, so parts get larger: to skip what was
    read costs the node as much as to tell it. Of more than there can be between two looks the newest are read.
    """
    read, count = 0, _RECENT
    while read < _RECENT_MAX:
        part: list[dict[str, Any]] = node.rpc.call("listtransactions", "*", count, read)
        yield from part
        if len(part) < count or part[0]["timereceived"] < since_s:
            return
        read += count
        count = read
    log.error("more than %d entries of the wallet are new: cold transfers among older ones are not seen", read)


def ethereum_adopt(*, coin: Asset, tokens: Iterable[Asset], node: EthereumNode, hot_address: str) -> None:
    """Take over payments to a cold address that an operator sent himself, of ether and tokens.

    They are found by the nonces of the hot wallet that the chain has used and we have not given; or have given to what
    was overtaken since. While that is not certain they wait: a withdrawal must be free of its nonce before something
    else gets it. Raises ChainUnavailable or ChainRefused.
    """
    assets = [coin, *tokens]
    if not any(cold_addresses(asset) for asset in assets):
        return
    stored = ChainTransaction.objects.filter(sender=hot_address)
    given = set(stored.values_list("nonce", flat=True))
    kept = set(stored.exclude(status=Status.REPLACED).values_list("nonce", flat=True))
    offered = [offer_nonce(offer) for asset in assets for offer in offers_open(asset)]
    used = node.transaction_count(hot_address)
    first = min((number for number in given if number is not None), default=min(offered, default=used))
    for nonce in range(max(first, used - _BACK_MAX), used):
        if nonce not in kept:
            found = _transaction_at(node, hot_address, nonce)
            record = None if found is None else _recognised(found, assets, hot_address)
            if record is not None:
                _adopt(record)
            elif say_once(f"nonce {nonce} of {hot_address}", str(found and found["hash"])):
                log.error("nonce %d of the hot wallet was used by somebody: %s", nonce, found and found["hash"])


def _bitcoin_raw(offer: ColdOffer, text: str, node: BitcoinNode) -> str:
    """Return the raw transaction that an operator means, once the node says that it is signed as it must be."""
    try:
        raw = bytes.fromhex(text).hex()
    except ValueError:
        try:
            final = node.root.call("finalizepsbt", text, True)
        except ChainRefused as refusal:
            raise OfferRefused(f"This is neither a PSBT nor a transaction: {refusal.message}.") from None
        if not final["complete"]:
            raise OfferRefused("It is not signed in full.") from None
        raw = str(final["hex"])
    try:
        is_offered = psbt_read(offer.unsigned).is_signed_as(raw)
        verdict = node.root.call("testmempoolaccept", [raw])[0] if is_offered else {}
    except ChainRefused as refusal:
        raise OfferRefused(f"This is not a transaction: {refusal.message}.") from None
    except Exception as error:  # the library raises whatever the bytes make it stumble on
        raise OfferRefused(f"This is not a transaction: {error}.") from error
    if not is_offered:
        raise OfferRefused("It is another transaction than the one that was offered.")
    if not verdict["allowed"] and verdict["reject-reason"] not in ("txn-already-in-mempool", "txn-already-known"):
        raise OfferRefused(f"The node would not take it: {verdict['reject-reason']}.")
    return raw


def _bitcoin_record(offer: ColdOffer, raw: str) -> ChainTransaction:
    fee = psbt_read(offer.unsigned).fee_satoshis
    return ChainTransaction(
        asset=offer.asset,
        fee_asset=offer.asset,
        kind=Kind.COLD,
        txid=txid_of(raw),
        raw=raw,
        recipient=offer.address,
        amount=offer.amount,
        fee_rate=fee * 1000 // size_of(raw),
        network_fee=fee,
    )


def _ethereum_record(asset: Asset, recipient: str, amount: int, signed: Signed) -> ChainTransaction:
    call, coin = signed.call, coin_of(asset)
    return ChainTransaction(
        asset=asset,
        fee_asset=coin,
        kind=Kind.COLD,
        txid=signed.txid,
        raw=signed.raw,
        sender=signed.sender,
        nonce=call.nonce,
        recipient=recipient,
        amount=amount,
        fee_rate=call.fee_per_gas,
        tip_rate=call.tip_per_gas,
        network_fee=cost_from_chain(call.gas * call.fee_per_gas, coin.chain_decimals),
    )


def _store(offer: ColdOffer, record: ChainTransaction) -> ChainTransaction:
    with transaction.atomic():
        asset_lock(record.fee_asset_id)
        if not _is_open(offer):
            raise OfferRefused(_OVER)
        if offer.asset.chain == Chain.BITCOIN:
            if _is_taken_by_others(offer):
                raise OfferRefused("Its coins were taken by another transaction.")
        elif ChainTransaction.objects.filter(sender=record.sender, nonce=record.nonce).exists():
            raise OfferRefused("Its nonce was used by another transaction.")
        record.save(force_insert=True)
        ColdOffer.objects.filter(pk=offer.pk).update(transaction=record)
    log.warning("offer %s was signed: %s takes %d units to %s", offer.pk, record.txid, record.amount, record.recipient)
    return record


def _is_open(offer: ColdOffer) -> bool:
    return offers_open(offer.asset).filter(pk=offer.pk).exists()


def _is_taken_by_others(offer: ColdOffer) -> bool:
    """Return whether a stored transaction that is not final spends coins of an offer."""
    rows = ChainTransaction.objects.filter(fee_asset=offer.asset, status__in=UNFINISHED)
    spent = {item for raw in rows.values_list("raw", flat=True) for item in inputs_of(raw)}
    return not spent.isdisjoint(inputs_of_offer(offer))


def _adopt(record: ChainTransaction) -> None:
    """Store a transaction that is out already, and end the offer that it is."""
    record.status, record.broadcast_at = Status.BROADCAST, timezone.now()
    with transaction.atomic():
        asset_lock(record.fee_asset_id)
        taken = ChainTransaction.objects.filter(txid=record.txid)
        if record.sender:
            same = ChainTransaction.objects.filter(sender=record.sender, nonce=record.nonce)
            taken = taken | same.exclude(status=Status.REPLACED)
            # Where the nonce was given before, this is a version of what it overtook.
            record.first_version = same.filter(first_version=None).first()
        if taken.exists():
            return
        record.save(force_insert=True)
        for offer in offers_open(record.asset):
            if _is_it(offer, record):
                ColdOffer.objects.filter(pk=offer.pk).update(transaction=record)
    log.warning("%s was sent by an operator: %d units to %s", record.txid, record.amount, record.recipient)


def _is_it(offer: ColdOffer, record: ChainTransaction) -> bool:
    if offer.asset.chain == Chain.BITCOIN:
        return psbt_read(offer.unsigned).is_signed_as(record.raw)
    return signed_read(record.raw).call == unsigned_read(offer.unsigned)


def _transaction_at(node: EthereumNode, sender: str, nonce: int) -> dict[str, Any] | None:
    """Return the mined transaction of an address with a nonce; None where the chain cannot tell (any more)."""
    found = nonce_user(node, sender, nonce, node.height())
    if found is None:
        return None
    return {"hash": found, "raw": str(node.rpc.call("eth_getRawTransactionByHash", found))}


def _recognised(found: dict[str, Any], assets: list[Asset], hot_address: str) -> ChainTransaction | None:
    """Return the record of a payment to a cold address; None for anything else."""
    try:
        signed = signed_read(found["raw"])
    except NotATransaction:
        return None
    if signed.txid != found["hash"] or signed.sender != hot_address:
        return None
    call = signed.call
    for asset in assets:
        for address in cold_addresses(asset):
            if asset.is_token:
                value = int(call.data[-64:], 16) if call.to == asset.contract and len(call.data) == 138 else 0
                fits = value > 0 and call.data == transfer_call(address, value)
            else:
                value, fits = call.wei, call.to == address and call.wei > 0
            amount = units_from_chain(value, asset.chain_decimals)[0]
            if fits and amount and value == units_to_chain(amount, asset.chain_decimals):
                return _ethereum_record(asset, address, amount, signed)
    return None
