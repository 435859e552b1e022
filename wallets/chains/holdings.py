"""What we have on a chain, read from its node: for the audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings

from mex.money import cost_from_chain, units_from_chain
from wallets.chains.bitcoin import satoshis
from wallets.chains.jsonrpc import ChainRefused, JsonRpc
from wallets.chains.keys import KeysMissing, hot_address
from wallets.chains.tokens import balance_call, number_of
from wallets.models import Asset, Chain, DepositAddress

_NOT_FOUND = -5
_BATCH = 500


class ChainBusy(Exception):
    """Raised when the chain moved while it was read, so that its figures do not belong together: read again."""


@dataclass(frozen=True, slots=True)
class Coins:
    """Units of an asset that we have on chain, and what each transaction asked about took away from them, fee included.

    One that the chain does not have took nothing.
    """

    units: int
    sent: dict[str, int]


def coins_read(asset: Asset, txids: Sequence[str]) -> Coins:
    """Return our coins on an asset's chain, as of one moment. Raises ChainUnavailable, ChainRefused or ChainBusy."""
    if asset.chain == Chain.BITCOIN:
        return _bitcoin(asset, txids)
    return _token(asset) if asset.is_token else _ethereum(asset, txids)


def _bitcoin(asset: Asset, txids: Sequence[str]) -> Coins:
    rpc = JsonRpc(settings.BITCOIN_RPC_URL, path=f"/wallet/{settings.BITCOIN_WALLET}")
    before = rpc.call("getbalances")["mine"]
    sent = {txid: _sent_bitcoin(rpc, txid) for txid in txids}
    if rpc.call("getbalances")["mine"] != before:
        raise ChainBusy("the bitcoin wallet moved each time while it was read")
    # "trusted" has our own unconfirmed change in it, and no unconfirmed coins of others.
    units, _ = units_from_chain(satoshis(before["trusted"]), asset.chain_decimals)
    return Coins(units, {txid: cost_from_chain(value, asset.chain_decimals) for txid, value in sent.items()})


def _sent_bitcoin(rpc: JsonRpc, txid: str) -> int:
    """Return the satoshis that a transaction of ours took out of the wallet."""
    try:
        entry = rpc.call("gettransaction", txid)
    except ChainRefused as refusal:
        if refusal.code == _NOT_FOUND:
            return 0
        raise
    if entry["confirmations"] < 0:
        return 0
    if entry["confirmations"] == 0:
        try:
            rpc.call("getmempoolentry", txid)
        except ChainRefused as refusal:
            if refusal.code != _NOT_FOUND:
                raise
            # The wallet counts its inputs as spent, but not its change: the balance is too low until it is sent again.
            raise ChainBusy(f"transaction {txid} of ours is known to the wallet, but in no block or mempool") from None
    return -satoshis(Decimal(entry["amount"]) + Decimal(entry.get("fee", 0)))


def _ethereum(asset: Asset, txids: Sequence[str]) -> Coins:
    rpc = JsonRpc(settings.ETHEREUM_RPC_URL)
    addresses = _addresses(asset)
    height = rpc.call("eth_blockNumber")
    wei = 0
    for start in range(0, len(addresses), _BATCH):
        calls = [[address, height] for address in addresses[start : start + _BATCH]]
        wei += sum(int(_checked(answer), 16) for answer in rpc.batch("eth_getBalance", calls))
    ours = {address.lower() for address in addresses}
    receipts = rpc.batch("eth_getTransactionReceipt", [[txid] for txid in txids])
    bodies = rpc.batch("eth_getTransactionByHash", [[txid] for txid in txids])
    sent = {}
    for txid, receipt, body in zip(txids, map(_checked, receipts), map(_checked, bodies), strict=True):
        is_there = receipt is not None and body is not None and int(receipt["blockNumber"], 16) <= int(height, 16)
        sent[txid] = _sent_ethereum(receipt, body, ours) if is_there else 0
    units, _ = units_from_chain(wei, asset.chain_decimals)
    return Coins(units, {txid: cost_from_chain(value, asset.chain_decimals) for txid, value in sent.items()})


def _token(asset: Asset) -> Coins:
    """Return what all our addresses have of a token. None of it was ever sent: tokens cannot be withdrawn yet."""
    if not asset.contract:
        return Coins(0, {})
    rpc = JsonRpc(settings.ETHEREUM_RPC_URL)
    addresses = _addresses(asset)
    height = rpc.call("eth_blockNumber")
    value = 0
    for start in range(0, len(addresses), _BATCH):
        calls = [
            [{"to": asset.contract, "data": balance_call(address)}, height]
            for address in addresses[start : start + _BATCH]
        ]
        # Where the contract is not (any more), we have nothing of it.
        value += sum(number_of(_checked(answer)) or 0 for answer in rpc.batch("eth_call", calls))
    units, _ = units_from_chain(value, asset.chain_decimals)
    return Coins(units, {})


def _addresses(asset: Asset) -> list[str]:
    """Return every address of ours on an asset's chain, the hot wallet with them. Raises ChainBusy."""
    addresses = list(DepositAddress.objects.filter(asset__chain=asset.chain).values_list("address", flat=True))
    try:
        addresses.append(hot_address())
    except KeysMissing as missing:
        if addresses:
            raise ChainBusy(str(missing)) from None
    return addresses


def _sent_ethereum(receipt: dict[str, str], body: dict[str, str], ours: set[str]) -> int:
    """Return the wei that a mined transaction of ours took from our addresses."""
    fee = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    stays = receipt["status"] != "0x1" or (body.get("to") or "").lower() in ours
    return fee if stays else fee + int(body["value"], 16)


def _checked(answer: Any) -> Any:
    """Return one answer of a batch, which is JSON. Raises ChainRefused when it is a refusal."""
    if isinstance(answer, ChainRefused):
        raise answer
    return answer
