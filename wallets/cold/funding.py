"""Coins that arrive in the hot wallet by an operator's hand: his own, or those that come back from a cold address."""

from dataclasses import dataclass

from mex.errors import OfferRefused
from mex.money import units_from_chain
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.chains.bitcoin import DEPOSIT_LABEL, NOT_FOUND, BitcoinNode, satoshis
from wallets.chains.ethereum import EthereumNode
from wallets.chains.holdings import cold_addresses
from wallets.chains.jsonrpc import ChainRefused
from wallets.ledger.chart import Owner
from wallets.models import ArrivalClaim, Asset, Balance, ChainTransaction, Posting


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
        moves = [move for move in receipt.tokens if move.contract == asset.contract and move.recipient == hot_address]
        value, senders = sum(move.value for move in moves), {move.sender for move in moves}
    else:
        is_ours = (body.get("to") or "").lower() == hot_address.lower()
        value, senders = (int(body["value"], 16) if is_ours else 0), {body["from"]}
    cold = {address.lower() for address in cold_addresses(asset)}
    comes_from_cold = bool(senders) and all(sender.lower() in cold for sender in senders)
    confirmations = node.height() - receipt.block_height + 1
    units = units_from_chain(value, asset.chain_decimals)[0]
    return Arrival(str(body["hash"]), units, confirmations, comes_from_cold)


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
    references = [f"cold-return:{arrival.txid}", f"funding:{arrival.txid}"]
    if Posting.objects.filter(reference__in=references, asset=asset).exists():
        raise OfferRefused("It is booked already.")
    if from_cold:
        row = Balance.objects.filter(owner=Owner.COLD, asset=asset).first()
        held = -row.balance if row else 0
        if held < arrival.units:
            raise OfferRefused("The ledger has not so much at cold addresses.")
    claim, _ = ArrivalClaim.objects.get_or_create(asset=asset, txid=arrival.txid, defaults={"from_cold": from_cold})
    if claim.from_cold != from_cold:
        source = "coming from a cold address" if claim.from_cold else "an operator's own"
        raise OfferRefused(f"It is being booked already, as {source}.")
    return Transfer(
        reference=references[0] if from_cold else references[1],
        debit=Owner.CHAIN,
        credit=Owner.COLD if from_cold else Owner.FUNDING,
        asset=asset.pk,
        amount=arrival.units,
        reason=Reason.COLD if from_cold else Reason.FUNDING,
    )
