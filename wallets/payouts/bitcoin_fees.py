"""What a Bitcoin transaction may cost. Rates are satoshis per 1,000 virtual bytes.

One that spends change of ours which is in no block makes up for what that pays too little: a miner takes both or none,
and the node adds what is missing to its fee. So a rate is always that of a transaction together with what waits before
it. Divided by its own size alone the fee of a small one says nothing.
"""

from collections.abc import Iterable

import msgspec
from django.conf import settings

from wallets.chains.bitcoin import FEE_SLACK_PERCENT, BitcoinNode, SignedBitcoin
from wallets.chains.scripts import PaymentWrong, size_of
from wallets.models import ChainTransaction
from wallets.payouts.bitcoin_coins import Outpoint, inputs_of_stored

_BEFORE_MAX = 24
"""So many may wait before a transaction: a node takes no longer chains."""


class Waiting(msgspec.Struct, frozen=True):
    """What waits in the mempool before a transaction, all of it ours: virtual bytes, and the satoshis that it pays."""

    size: int = 0
    fee: int = 0


NOTHING = Waiting()


def fee_floor() -> int:
    """Return the lowest rate that we pay."""
    return int(settings.BITCOIN_FEE_FLOOR) * 1000


def fee_ceiling() -> int:
    """Return the highest rate that we pay."""
    return int(settings.BITCOIN_FEE_CEILING) * 1000


def fee_rate(node: BitcoinNode) -> int:
    """Return the rate for a payment now: the node's estimate, or what it asks for at least, between floor and ceiling.

    Raises ChainUnavailable or ChainRefused.
    """
    wanted = max(node.fee_estimate(settings.BITCOIN_FEE_TARGET) or 0, node.fee_minimum())
    return min(max(wanted, fee_floor()), fee_ceiling())


def waiting_before(node: BitcoinNode, inputs: Iterable[Outpoint]) -> Waiting:
    """Return what waits before a transaction with these inputs: what made its coins, what made the coins of that...

    Only what we have stored counts, by the size and the fee that we know; the node just says what it is waiting for.
    Raises ChainUnavailable or ChainRefused.
    """
    found: dict[str, ChainTransaction] = {}
    asked = {txid for txid, _ in inputs}
    while asked and len(found) < _BEFORE_MAX:
        waiting = ChainTransaction.objects.filter(txid__in=node.pending(sorted(asked))).order_by("pk")
        rows = list(waiting.only("txid", "raw", "network_fee")[: _BEFORE_MAX - len(found)])
        found |= {row.txid: row for row in rows}
        asked = {txid for row in rows for txid, _ in inputs_of_stored(row.raw)} - found.keys()
    return Waiting(sum(size_of(row.raw) for row in found.values()), sum(row.network_fee or 0 for row in found.values()))


def rate_of(fee: int, size: int, waiting: Waiting) -> int:
    """Return the rate that a transaction pays, alone or together with what waits before it, whichever is less.

    What waits may pay more than the transaction asks for; then it need not make up for anything, and pays for itself.
    """
    return min(fee * 1000 // size, (fee + waiting.fee) * 1000 // (size + waiting.size))


def fee_check(signed: SignedBitcoin, waiting: Waiting) -> None:
    """See that a transaction costs no more than the ceiling allows for its size. Raises PaymentWrong."""
    fee_allow(signed.fee_satoshis, size_of(signed.raw), waiting)


def fee_allow(fee: int, size: int, waiting: Waiting) -> None:
    """See that a fee, in satoshis, is one that the ceiling allows for a size. Raises PaymentWrong.

    What bounds it: the ceiling times its size, and 5 % for rounding. If something waits before it: the ceiling times
    the size of both, less what the waiting ones pay, where that is more. So a chain of payments never costs more than
    the ceiling times the size of the whole, whichever of them pays it. What counts as waiting is at most 24
    transactions, each stored by us; a node cannot make it more. And a node that is told nothing else builds none for
    more than 0.1 BTC (-maxtxfee).
    """
    highest = fee_ceiling() * FEE_SLACK_PERCENT
    allowed = max(highest * size // 100_000, highest * (size + waiting.size) // 100_000 - waiting.fee)
    if not 0 < fee <= allowed:
        behind = f" and {waiting.size} vB that wait before it" if waiting.size else ""
        raise PaymentWrong(f"its fee is {fee} satoshis, {allowed} are allowed for {size} vB{behind}")
