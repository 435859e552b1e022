"""Ether at addresses of ours that no deposit explains: what a node without traces does not tell, and what nobody meant.

Each address is compared as of the last block that the scanner has looked at: what arrived in deposits and as gas, less
what our own transactions took away again. Only too much is of interest here; too little is what the audit finds.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence

import msgspec
from django.db.models import Q

from mex.money import units_to_chain
from wallets.chains.ethereum import EthereumNode
from wallets.chains.ethereum_raw import call_of
from wallets.chains.health import say_once
from wallets.models import Asset, ChainCursor, ChainTransaction, Deposit, DepositAddress

log = logging.getLogger(__name__)
_ADDRESSES = 500
_BLOCKS_MAX = 64
"""A node need not know balances of older blocks than that; when the scanner is further behind, it is waited for."""
_Kind, _Status = ChainTransaction.Kind, ChainTransaction.Status


class Unexplained(msgspec.Struct, frozen=True):
    """Wei at an address that nothing in our books explains."""

    address: str
    user_id: int | None
    wei: int


def unexplained_find(*, coin: Asset, node: EthereumNode) -> list[Unexplained] | None:
    """Return what no deposit explains, or None while that cannot be said: the chain moves, or the scanner is behind.

    Raises ChainUnavailable or ChainRefused.
    """
    cursor = ChainCursor.objects.filter(chain=coin.chain).first()
    if cursor is None or cursor.tip_height - cursor.height > _BLOCKS_MAX:
        return None
    found = []
    rows = list(DepositAddress.objects.filter(asset=coin).order_by("pk"))
    for start in range(0, len(rows), _ADDRESSES):
        found += _compare(coin, node, rows[start : start + _ADDRESSES], cursor.height)
    if node.block_hash(cursor.height) != cursor.block_hash:
        return None
    return found


def unexplained_tell(*, coin: Asset, node: EthereumNode) -> None:
    """Say once at error level what no deposit explains. Raises ChainUnavailable or ChainRefused."""
    for one in unexplained_find(coin=coin, node=node) or ():
        if say_once(f"unexplained {one.address}", str(one.wei)):
            log.error("%d wei of %s at %s are no deposit that we know of", one.wei, coin.code, one.address)


def _compare(coin: Asset, node: EthereumNode, rows: Sequence[DepositAddress], height: int) -> list[Unexplained]:
    addresses = [row.address for row in rows]
    balances = node.balances(addresses, height)
    arrived = _deposited(coin, rows, height)
    moving: set[str] = set()
    slack: defaultdict[str, int] = defaultdict(int)
    for sent in _sent(coin, addresses):
        known = sent.block_height is not None and sent.status in (_Status.CONFIRMED, _Status.FAILED)
        call = call_of(sent.raw)
        parties = {sent.sender, call.to} & set(addresses)
        if not known or sent.block_height is None or sent.block_height > height or sent.network_fee is None:
            moving |= parties  # the books do not say yet what it did
            continue
        wei = call.wei if sent.status == _Status.CONFIRMED else 0
        arrived[call.to] += wei if sent.kind != _Kind.WITHDRAWAL else 0
        arrived[sent.sender] -= wei + units_to_chain(sent.network_fee, coin.chain_decimals)
        slack[sent.sender] += units_to_chain(1, coin.chain_decimals)  # its fee was rounded up
    return [
        Unexplained(row.address, row.user_id, balances[row.address] - arrived[row.address])
        for row in rows
        if row.address not in moving and balances[row.address] - arrived[row.address] > slack[row.address]
    ]


def _deposited(coin: Asset, rows: Sequence[DepositAddress], height: int) -> defaultdict[str, int]:
    deposits = Deposit.objects.filter(
        asset=coin, address__in=[row.pk for row in rows], confirmations__gt=0, block_height__lte=height
    )
    arrived: defaultdict[str, int] = defaultdict(int)
    for address, amount, dust in deposits.values_list("address__address", "amount", "dust"):
        arrived[address] += units_to_chain(amount, coin.chain_decimals) + dust
    return arrived


def _sent(coin: Asset, addresses: Sequence[str]) -> list[ChainTransaction]:
    """Return what these addresses sent, and what we sent to them besides customers' withdrawals."""
    concerned = Q(sender__in=addresses) | Q(recipient__in=addresses)
    rows = ChainTransaction.objects.filter(concerned, fee_asset=coin)
    return list(rows.exclude(status=_Status.REPLACED).order_by("pk"))
