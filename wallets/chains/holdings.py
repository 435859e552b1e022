"""What we have on a chain, address by address, as of one block: for the audit and for everybody.

Nothing here trusts a wallet's own idea of its balance. Bitcoin's coins are those of the set of unspent outputs, so that
what waits in a mempool, was forgotten there, or is locked makes no difference.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.conf import settings
from eth_utils.address import to_checksum_address

from mex.money import cost_from_chain, units_from_chain
from wallets.chains.bitcoin import satoshis
from wallets.chains.jsonrpc import ChainRefused, JsonRpc
from wallets.chains.keys import KeysMissing, hot_addresses
from wallets.chains.tokens import balance_call, number_of, payments_of_logs
from wallets.models import Asset, Chain, ChainTransaction, DepositAddress

_NOT_FOUND = -5
_SCAN_GOES_ON = -8
_BATCH = 500
_SCAN_TIMEOUT_S = 100.0  # of a public network's unspent outputs; a local one takes milliseconds


class ChainBusy(Exception):
    """Raised when the chain moved while it was read, so that its figures do not belong together: read again."""


class Role(StrEnum):
    """Whose hands an address is in."""

    HOT = "hot"
    DEPOSIT = "deposit"
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class AddressCoins:
    """Units at one address, rounded down."""

    address: str
    role: Role
    units: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """A transaction of ours that is in the chain. `fee`: units; None where only we know it (Bitcoin)."""

    succeeded: bool = True
    fee: int | None = None


@dataclass(frozen=True, slots=True)
class Coins:
    """Units of an asset that we have as of a block: at hand (hot wallet and deposit addresses), and at cold addresses.

    `seen` has those transactions asked about that are in the chain up to this block.
    """

    units: int
    cold: int = 0
    height: int = 0
    block_hash: str = ""
    addresses: tuple[AddressCoins, ...] = ()
    seen: dict[str, Sighting] = field(default_factory=dict)


def coins_read(asset: Asset, txids: Sequence[str]) -> Coins:
    """Return our coins on an asset's chain as of one block. Raises ChainUnavailable, ChainRefused or ChainBusy."""
    if asset.chain == Chain.BITCOIN:
        return _bitcoin(asset, txids)
    return _ethereum(asset, txids)


def cold_addresses(asset: Asset) -> set[str]:
    """Return every address whose coins count as cold: the one of now, and those that we ever sent to."""
    found = cold_recipients(asset) | ({asset.cold_address} - {""})
    # An operator may have written it in small letters.
    return {str(to_checksum_address(address)) for address in found} if asset.chain == Chain.ETHEREUM else found


def cold_recipients(asset: Asset) -> set[str]:
    """Return the cold addresses that we ever sent to."""
    sent = ChainTransaction.objects.filter(asset=asset, kind=ChainTransaction.Kind.COLD).exclude(recipient="")
    return set(sent.values_list("recipient", flat=True))


def _bitcoin(asset: Asset, txids: Sequence[str]) -> Coins:
    rpc = JsonRpc(settings.BITCOIN_RPC_URL, path=f"/wallet/{settings.BITCOIN_WALLET}")
    cold = cold_addresses(asset)
    scan = _unspent(rpc, cold)
    height, block_hash = int(scan["height"]), str(scan["bestblock"])
    by_script: dict[str, tuple[str, int]] = {}
    for coin in scan["unspents"]:
        script = str(coin["scriptPubKey"])
        desc, before = by_script.get(script, (str(coin["desc"]), 0))
        by_script[script] = desc, before + satoshis(coin["amount"])
    values = _with_addresses(rpc, by_script)
    seen = _seen_bitcoin(rpc, txids, height)
    if rpc.call("getblockhash", height) != block_hash:
        raise ChainBusy("bitcoin's blocks were exchanged while they were read")
    deposits = set(DepositAddress.objects.filter(asset__chain=asset.chain).values_list("address", flat=True))
    return _coins(asset, values, deposits, cold, height, block_hash, seen)


def _unspent(rpc: JsonRpc, cold: Iterable[str]) -> dict[str, Any]:
    """Return what the node says is unspent of our wallet's descriptors and the cold addresses."""
    wanted: list[object] = [
        {"desc": entry["desc"], "range": entry["range"][1]} if "range" in entry else entry["desc"]
        for entry in rpc.call("listdescriptors")["descriptors"]
    ]
    wanted += [f"addr({address})" for address in sorted(cold)]
    slow = JsonRpc(settings.BITCOIN_RPC_URL, path="/", timeout_s=_SCAN_TIMEOUT_S)
    try:
        answer: dict[str, Any] = slow.call("scantxoutset", "start", wanted)
    except ChainRefused as refusal:
        if refusal.code == _SCAN_GOES_ON and "progress" in refusal.message:
            raise ChainBusy("bitcoin's coins are being counted by another process") from None
        raise
    finally:
        slow.close()
    return answer


def _with_addresses(rpc: JsonRpc, by_script: dict[str, tuple[str, int]]) -> dict[str, int]:
    """Return the satoshis of each address; what pays a script without one is named by the script."""
    scripts = list(by_script)
    values: dict[str, int] = {}
    for start in range(0, len(scripts), _BATCH):
        chunk = scripts[start : start + _BATCH]
        answers = rpc.batch("decodescript", [[script] for script in chunk])
        for script, answer in zip(chunk, map(_checked, answers), strict=True):
            values[str(answer.get("address", script))] = by_script[script][1]
    return values


def _seen_bitcoin(rpc: JsonRpc, txids: Sequence[str], height: int) -> dict[str, Sighting]:
    seen = {}
    for start in range(0, len(txids), _BATCH):
        chunk = txids[start : start + _BATCH]
        for txid, answer in zip(chunk, rpc.batch("gettransaction", [[txid] for txid in chunk]), strict=True):
            if isinstance(answer, ChainRefused):
                if answer.code != _NOT_FOUND:
                    raise answer
            elif answer["confirmations"] > 0 and answer["blockheight"] <= height:
                seen[txid] = Sighting()
    return seen


def _ethereum(asset: Asset, txids: Sequence[str]) -> Coins:
    if asset.is_token and not asset.contract:
        return Coins(0)
    rpc = JsonRpc(settings.ETHEREUM_RPC_URL)
    deposits, hot = _ethereum_addresses(asset)
    cold = cold_addresses(asset)
    height = int(rpc.call("eth_blockNumber"), 16)
    block_hash = _block_hash(rpc, height)
    addresses = sorted(deposits | hot | cold)
    values: dict[str, int] = {}
    for start in range(0, len(addresses), _BATCH):
        chunk = addresses[start : start + _BATCH]
        values.update(zip(chunk, _balances(rpc, asset, chunk, hex(height)), strict=True))
    seen = _seen_ethereum(rpc, asset, txids, height, deposits | hot)
    if _block_hash(rpc, height) != block_hash:
        raise ChainBusy("ethereum's blocks were exchanged while they were read")
    return _coins(asset, values, deposits, cold, height, block_hash, seen)


def _block_hash(rpc: JsonRpc, height: int) -> str:
    block = rpc.call("eth_getBlockByNumber", hex(height), False)
    if not block:
        raise ChainBusy(f"ethereum's block {height} is gone")
    return str(block["hash"])


def _balances(rpc: JsonRpc, asset: Asset, addresses: Sequence[str], height: str) -> list[int]:
    if not asset.is_token:
        answers = rpc.batch("eth_getBalance", [[address, height] for address in addresses])
        return [int(_checked(answer), 16) for answer in answers]
    calls = [[{"to": asset.contract, "data": balance_call(address)}, height] for address in addresses]
    # Where the contract is not (any more), we have nothing of it.
    return [number_of(_checked(answer)) or 0 for answer in rpc.batch("eth_call", calls)]


def _ethereum_addresses(asset: Asset) -> tuple[set[str], set[str]]:
    """Return the deposit addresses of an asset's chain, and the hot wallets of all generations. Raises ChainBusy."""
    deposits = set(DepositAddress.objects.filter(asset__chain=asset.chain).values_list("address", flat=True))
    try:
        return deposits, set(hot_addresses())
    except KeysMissing as missing:
        if deposits:
            raise ChainBusy(str(missing)) from None
    return deposits, set()


def _seen_ethereum(
    rpc: JsonRpc, asset: Asset, txids: Sequence[str], height: int, ours: set[str]
) -> dict[str, Sighting]:
    seen = {}
    for start in range(0, len(txids), _BATCH):
        chunk = txids[start : start + _BATCH]
        receipts = rpc.batch("eth_getTransactionReceipt", [[txid] for txid in chunk])
        for txid, receipt in zip(chunk, map(_checked, receipts), strict=True):
            if receipt is None or int(receipt["blockNumber"], 16) > height:
                continue
            fee = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
            succeeded = receipt["status"] == "0x1"
            if asset.is_token:
                # Success is no proof that a token moved: only what its contract wrote counts. That is the one which
                # was called, as the id of the transaction warrants: what the asset names may change.
                called, moves = to_checksum_address(receipt["to"]), payments_of_logs(receipt["logs"])
                succeeded = any(move.contract == called and move.sender in ours for move in moves)
            seen[txid] = Sighting(succeeded, 0 if asset.is_token else cost_from_chain(fee, asset.chain_decimals))
    return seen


def _coins(
    asset: Asset,
    values: dict[str, int],
    deposits: set[str],
    cold: set[str],
    height: int,
    block_hash: str,
    seen: dict[str, Sighting],
) -> Coins:
    rows = []
    for address, value in sorted(values.items()):
        role = Role.COLD if address in cold else Role.DEPOSIT if address in deposits else Role.HOT
        rows.append(AddressCoins(address, role, units_from_chain(value, asset.chain_decimals)[0]))
    # Summed before it is rounded: the ledger does not know where dust lies.
    at_hand = sum(value for address, value in values.items() if address not in cold)
    away = sum(value for address, value in values.items() if address in cold)
    return Coins(
        units=units_from_chain(at_hand, asset.chain_decimals)[0],
        cold=units_from_chain(away, asset.chain_decimals)[0],
        height=height,
        block_hash=block_hash,
        addresses=tuple(row for row in rows if row.units),
        seen=seen,
    )


def _checked(answer: Any) -> Any:
    """Return one answer of a batch, which is JSON. Raises ChainRefused when it is a refusal."""
    if isinstance(answer, ChainRefused):
        raise answer
    return answer
