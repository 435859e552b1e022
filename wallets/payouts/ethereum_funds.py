"""What an address of ours has to spend on Ethereum: what the chain says, less what we have promised already.

Balances are read as of a block before the lock is taken, and what stands in that block or an earlier one is not counted
as promised: a payment that is mined between the two is counted once.
"""

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from mex.money import units_to_chain
from wallets.chains.ethereum import EthereumNode
from wallets.chains.ethereum_raw import cost_max_of
from wallets.models import Asset, ChainTransaction
from wallets.payouts.records import Status


@dataclass(frozen=True, slots=True)
class Purse:
    """What an address has in a block, and its next nonce there or later. Amounts in the chain's smallest units."""

    address: str
    height: int
    wei: int
    tokens: int
    chain_nonce: int


def purse_read(node: EthereumNode, address: str, asset: Asset) -> Purse:
    """Read what an address has of the chain's coin, and of `asset` if it is a token.

    Raises ChainUnavailable or ChainRefused.
    """
    height = node.height()
    tokens = node.token_balances(asset.contract, [address], height)[address] if asset.is_token else 0
    return Purse(address, height, node.balances([address], height)[address], tokens, node.transaction_count(address))


def promised_wei(sender: str, height: int) -> int:
    """Return the wei that stored transactions of an address may still take from what it has at a height.

    Exactly what is signed: the value, and all gas at its highest fee; of versions that exclude each other, the dearest.
    """
    dearest: dict[int, int] = {}
    for pk, first, raw in _unmined(sender, height).values_list("pk", "first_version", "raw"):
        family = first or pk
        dearest[family] = max(dearest.get(family, 0), cost_max_of(raw))
    return sum(dearest.values())


def promised_tokens(asset: Asset, sender: str, height: int) -> int:
    """Return what stored transactions of an address may still take of a token, in its smallest unit."""
    rows = _unmined(sender, height).filter(asset=asset).values_list("pk", "first_version", "amount")
    amounts = {first or pk: amount or 0 for pk, first, amount in rows}
    return units_to_chain(sum(amounts.values()), asset.chain_decimals)


def _unmined(sender: str, height: int) -> QuerySet[ChainTransaction]:
    rows = ChainTransaction.objects.filter(sender=sender).exclude(status=Status.REPLACED)
    return rows.filter(Q(block_height=None) | Q(block_height__gt=height))
