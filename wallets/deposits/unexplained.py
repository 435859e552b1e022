"""Coins at addresses of ours that no deposit explains: what a node without traces does not tell, and what nobody meant.

Each address on Ethereum is compared as of the last block that the scanner has looked at: what arrived in deposits and
as gas, less what our own transactions took away again. On Bitcoin each unspent output at a deposit address is a
deposit, or it is not explained. Only too much is of interest here; too little is what the audit finds.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence

import msgspec
from django.db.models import Q

from mex.money import units_to_chain
from wallets.chains.bitcoin import DEPOSIT_LABEL, BitcoinNode, satoshis
from wallets.chains.ethereum import EthereumNode
from wallets.chains.ethereum_raw import call_of
from wallets.chains.health import say_once
from wallets.models import Asset, Chain, ChainCursor, ChainTransaction, Deposit, DepositAddress, FeeCorrection
from wallets.payouts.fee_doubts import fees_booked

log = logging.getLogger(__name__)
_ADDRESSES = 500
_BLOCKS_MAX = 64
"""A node need not know balances of older blocks than that; when the scanner is further behind, it is waited for."""
_ANY_DEPTH = 9_999_999
_Kind, _Status = ChainTransaction.Kind, ChainTransaction.Status


class Unexplained(msgspec.Struct, frozen=True):
    """Coins at an address that nothing in our books explains; `value` in the chain's smallest unit."""

    address: str
    user_id: int | None
    value: int


def unexplained_find(*, asset: Asset, node: BitcoinNode | EthereumNode) -> list[Unexplained] | None:
    """Return what no deposit explains, or None while that cannot be said: the chain moves, or the scanner is behind.

    Raises ChainUnavailable or ChainRefused.
    """
    cursor = ChainCursor.objects.filter(chain=asset.chain).first()
    if cursor is None or cursor.tip_height - cursor.height > _BLOCKS_MAX:
        return None
    if isinstance(node, BitcoinNode):
        return _bitcoin(asset, node, cursor)
    if asset.is_token and not asset.contract:
        return []
    found = []
    rows = list(DepositAddress.objects.filter(asset__chain=asset.chain).order_by("pk"))
    for start in range(0, len(rows), _ADDRESSES):
        found += _compare(asset, node, rows[start : start + _ADDRESSES], cursor.height)
    if node.block_hash(cursor.height) != cursor.block_hash:
        return None
    return found


def unexplained_tell(*, asset: Asset, node: BitcoinNode | EthereumNode) -> None:
    """Say once at error level what no deposit explains. Raises ChainUnavailable or ChainRefused."""
    for one in unexplained_find(asset=asset, node=node) or ():
        if say_once(f"unexplained {asset.code} {one.address}", str(one.value)):
            text = "%d %s of %s at %s are no deposit that we know of"
            log.error(text, one.value, smallest_unit(asset), asset.code, one.address)


def smallest_unit(asset: Asset) -> str:
    """Return what the smallest unit of an asset's chain is called."""
    if asset.is_token:
        return "smallest units"
    return "satoshis" if asset.chain == Chain.BITCOIN else "wei"


def _bitcoin(asset: Asset, node: BitcoinNode, cursor: ChainCursor) -> list[Unexplained] | None:
    """Compare unspent outputs, but for those that a payment of ours is about to spend, up to the scanner's block."""
    (tip, _), height = node.tip(), node.height_in_chain(cursor.block_hash)
    if height is None:
        return None
    items = node.rpc.call("listunspent", tip - height + 1, _ANY_DEPTH, [], False)
    if node.tip()[0] != tip:
        return None
    items = [item for item in items if item.get("label") == DEPOSIT_LABEL]
    known: set[tuple[str, int]] = set()
    for start in range(0, len(items), _ADDRESSES):
        txids = {str(item["txid"]) for item in items[start : start + _ADDRESSES]}
        known.update(Deposit.objects.filter(asset=asset, txid__in=txids).values_list("txid", "output"))
    values: defaultdict[str, int] = defaultdict(int)
    for item in items:
        if (item["txid"], item["vout"]) not in known:
            values[str(item["address"])] += satoshis(item["amount"])
    owners = dict(DepositAddress.objects.filter(asset=asset, address__in=values).values_list("address", "user"))
    return [Unexplained(address, owners.get(address), value) for address, value in sorted(values.items())]


def _compare(asset: Asset, node: EthereumNode, rows: Sequence[DepositAddress], height: int) -> list[Unexplained]:
    addresses = [row.address for row in rows]
    if asset.is_token:
        balances = node.token_balances(asset.contract, addresses, height)
    else:
        balances = node.balances(addresses, height)
    arrived = _deposited(asset, rows, height)
    moving: set[str] = set()
    slack: defaultdict[str, int] = defaultdict(int)
    transactions = _sent(asset, addresses)
    fees = _fees(transactions)
    for sent in transactions:
        known = sent.block_height is not None and sent.status in (_Status.CONFIRMED, _Status.FAILED)
        call = call_of(sent.raw)
        if not known or sent.fee_in_doubt or sent.block_height is None or sent.block_height > height:
            moving |= {sent.sender, call.to} & set(addresses)  # the books do not say yet what it did
        elif asset.is_token:
            arrived[sent.sender] -= units_to_chain(sent.amount or 0, asset.chain_decimals) if sent.has_effect else 0
        else:
            wei = call.wei if sent.has_effect else 0
            arrived[call.to] += wei if sent.kind != _Kind.WITHDRAWAL else 0
            arrived[sent.sender] -= wei + units_to_chain(fees[sent.pk], asset.chain_decimals)
            slack[sent.sender] += units_to_chain(1, asset.chain_decimals)  # its fee was rounded up
    return [
        Unexplained(row.address, row.user_id, balances[row.address] - arrived[row.address])
        for row in rows
        if row.address not in moving and balances[row.address] - arrived[row.address] > slack[row.address]
    ]


def _fees(rows: Sequence[ChainTransaction]) -> dict[int, int]:
    """Return what transactions cost, in units: where that was corrected, as the ledger has it for all versions."""
    families = {row.family for row in rows}
    corrected = set(FeeCorrection.objects.filter(transaction__in=families).values_list("transaction", flat=True))
    return {row.pk: fees_booked(row) if row.family in corrected else row.network_fee or 0 for row in rows}


def _deposited(asset: Asset, rows: Sequence[DepositAddress], height: int) -> defaultdict[str, int]:
    deposits = Deposit.objects.filter(
        asset=asset, address__in=[row.pk for row in rows], confirmations__gt=0, block_height__lte=height
    )
    arrived: defaultdict[str, int] = defaultdict(int)
    for address, amount, dust in deposits.values_list("address__address", "amount", "dust"):
        arrived[address] += units_to_chain(amount, asset.chain_decimals) + dust
    return arrived


def _sent(asset: Asset, addresses: Sequence[str]) -> list[ChainTransaction]:
    """Return what these addresses sent, and what we sent to them besides customers' withdrawals.

    Of a token what moved it; of ether everything, as everything costs gas.
    """
    concerned = Q(sender__in=addresses) | Q(recipient__in=addresses)
    if asset.is_token:
        rows = ChainTransaction.objects.filter(asset=asset, sender__in=addresses)
    else:
        rows = ChainTransaction.objects.filter(concerned, fee_asset=asset)
    return list(rows.exclude(status=_Status.REPLACED).order_by("pk"))
