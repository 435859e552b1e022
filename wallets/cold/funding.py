"""Coins that arrive in the hot wallet by an operator's hand: his own, or those that come back from a cold address."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from mex.errors import OfferRefused
from mex.money import units_from_chain
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.chains.bitcoin import DEPOSIT_LABEL, NOT_FOUND, BitcoinNode, satoshis
from wallets.chains.ethereum import EthereumNode, Receipt
from wallets.chains.holdings import cold_addresses
from wallets.chains.jsonrpc import ChainRefused
from wallets.ledger.chart import Owner
from wallets.lock_objects import asset_lock
from wallets.models import ArrivalClaim, Asset, Balance, ChainTransaction, Posting
from wallets.payouts.ethereum_nonces import coin_of

_SOURCES = ("cold-return", "funding")


@dataclass(frozen=True, slots=True)
class Arrival:
    """Coins in the hot wallet that no deposit explains. `comes_from_cold`: None where the chain does not say.

    `txid` is the id as the chain itself writes it, whatever was typed: bookings are told apart by it.
    """

    txid: str
    units: int
    confirmations: int
    comes_from_cold: bool | None


def bitcoin_arrival(*, asset: Asset, node: BitcoinNode, txid: str) -> Arrival:
    """Return what a transaction of somebody else brought to addresses of ours that are no deposit addresses.

    Raises OfferRefused, ChainUnavailable or ChainRefused.
    """
    try:
        answer = node.rpc.call("gettransaction", txid)
    except ChainRefused as refusal:
        if refusal.code != NOT_FOUND:
            raise
        raise OfferRefused(f"The wallet knows no transaction {txid}.") from None
    details = answer["details"]
    if any(detail["category"] == "send" for detail in details):
        raise OfferRefused("It spends coins of the hot wallet: what comes back from it is change.")
    value = sum(
        satoshis(detail["amount"])
        for detail in details
        if detail["category"] == "receive" and detail.get("label", "") != DEPOSIT_LABEL
    )
    units = units_from_chain(value, asset.chain_decimals)[0]
    return Arrival(str(answer["txid"]), units, int(answer["confirmations"]), None)


def ethereum_arrival(*, asset: Asset, node: EthereumNode, txid: str, hot_address: str) -> Arrival:
    """Return what a transaction of somebody else brought to the hot wallet.

    Raises OfferRefused, ChainUnavailable or ChainRefused.
    """
    receipt = node.receipts([txid])[txid]
    body = node.rpc.call("eth_getTransactionByHash", txid)
    if receipt is None or not body:
        raise OfferRefused(f"No block has a transaction {txid}.")
    if not receipt.succeeded:
        raise OfferRefused("It failed: nothing has moved.")
    if asset.is_token:
        tokens = (one for one in receipt.tokens if one.contract == asset.contract and one.recipient == hot_address)
        moves = [(one.sender, one.value) for one in tokens]
    else:
        moves = list(_ether_moves(node, body, receipt, hot_address))
    cold = {address.lower() for address in cold_addresses(asset)}
    comes_from_cold = bool(moves) and all(sender.lower() in cold for sender, _ in moves)
    confirmations = node.height() - receipt.block_height + 1
    units = units_from_chain(sum(value for _, value in moves), asset.chain_decimals)[0]
    return Arrival(str(body["hash"]), units, confirmations, comes_from_cold)


def _ether_moves(
    node: EthereumNode, body: Mapping[str, Any], receipt: Receipt, hot_address: str
) -> Iterator[tuple[str, int]]:
    """Yield (sender, wei) of the ether that a transaction brought, by contracts too where the node tells of them."""
    if (body.get("to") or "").lower() == hot_address.lower() and int(body["value"], 16):
        yield str(body["from"]), int(body["value"], 16)
    if not node.offers_traces():
        return
    for payments in node.internal_payments(node.blocks([receipt.block_height])).values():
        for one in payments:
            if (one.txid, one.recipient) == (body["hash"], hot_address):
                yield one.sender, one.wei


def arrival_booking(asset: Asset, arrival: Arrival, *, from_cold: bool) -> Transfer:
    """Return the posting of an arrival, for the engine: from COLD what comes back from there, from FUNDING else.

    Sent twice it is booked once. What is said of an arrival first stays, stored before this returns: the ledger tells
    bookings apart by owner, and may not know yet what is on its way to it. Raises OfferRefused for what is not final,
    not there, ours, booked, said to be something else before, or said to come from a cold address that has not so much.
    """
    if ChainTransaction.objects.filter(txid=arrival.txid).exists():
        raise OfferRefused("It is a transaction of our own.")
    if arrival.units <= 0:
        raise OfferRefused("It brought nothing to the hot wallet but what deposits count.")
    if arrival.confirmations < asset.confirmations:
        raise OfferRefused(f"It has {arrival.confirmations} confirmations of {asset.confirmations}.")
    if arrival.comes_from_cold is not None and arrival.comes_from_cold != from_cold:
        raise OfferRefused("It comes from a cold address." if arrival.comes_from_cold else "No cold address sent it.")
    if _is_booked(asset, arrival.txid):
        raise OfferRefused("It is booked already.")
    if from_cold:
        row = Balance.objects.filter(owner=Owner.COLD, asset=asset).first()
        held = -row.balance if row else 0
        if held < arrival.units:
            raise OfferRefused("The ledger has not so much at cold addresses.")
    with transaction.atomic():
        asset_lock(coin_of(asset).pk)  # claims of one transaction, of ether and of tokens, are numbered one by one
        claim, _ = ArrivalClaim.objects.get_or_create(asset=asset, txid=arrival.txid, defaults={"from_cold": from_cold})
        reference = _reference(claim)
    if claim.from_cold != from_cold:
        source = "coming from a cold address" if claim.from_cold else "an operator's own"
        raise OfferRefused(f"It is being booked already, as {source}.")
    return Transfer(
        reference=reference,
        debit=Owner.CHAIN,
        credit=Owner.COLD if from_cold else Owner.FUNDING,
        asset=asset.pk,
        amount=arrival.units,
        reason=Reason.COLD if from_cold else Reason.FUNDING,
    )


def _is_booked(asset: Asset, txid: str) -> bool:
    """Return whether the ledger has what a transaction brought of an asset."""
    claims = ArrivalClaim.objects.filter(asset=asset, txid=txid).values_list("pk", flat=True)
    references = [f"{source}:{name}" for source in _SOURCES for name in (txid, *claims)]
    return Posting.objects.filter(reference__in=references, asset=asset).exists()


def _reference(claim: ArrivalClaim) -> str:
    """Return the ledger's name for an arrival, always the same: its transaction; of a further asset, its claim.

    The ledger takes a reference once, whatever the asset: of two assets under one name it would book the first only.
    """
    source = _SOURCES[0] if claim.from_cold else _SOURCES[1]
    name = f"{source}:{claim.txid}"
    earlier = ArrivalClaim.objects.filter(txid=claim.txid, pk__lt=claim.pk)
    others = Posting.objects.filter(reference=name).exclude(asset=claim.asset_id)  # also from before there were claims
    return f"{source}:{claim.pk}" if earlier.exists() or others.exists() else name
