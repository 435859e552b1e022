"""What blocks pay to our users on Ethereum: ether and tokens, told apart from what we move ourselves."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wallets.chains.ethereum import Payment, Receipt
from wallets.chains.place import Place
from wallets.chains.tokens import TokenPayment
from wallets.chains.traces import InternalPayment
from wallets.deposits.rows import Sighting, deposits_see, says
from wallets.models import Asset, ChainTransaction, Deposit, DepositAddress

PLAIN_TRANSFER = -1
INTERNAL_FIRST = -2
"""The first payment that a contract makes in a transaction is output -2, the next one -3, and so on."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked for: the chain's own coin, and tokens by their contracts. All arrive at the coin's addresses."""

    coin: Asset
    tokens: Mapping[str, Asset]
    hot_addresses: Collection[str]

    @property
    def assets(self) -> list[Asset]:
        """Everything that is looked for."""
        return [self.coin, *self.tokens.values()]

    def addresses(self, recipients: Iterable[str]) -> set[str]:
        """Return those of the recipients that are addresses of our users."""
        rows = DepositAddress.objects.filter(asset=self.coin, address__in=list(recipients), user__isnull=False)
        return set(rows.values_list("address", flat=True))


@dataclass(frozen=True, slots=True)
class Find:
    """Something of an asset that was paid, and who sent it."""

    asset: Asset
    sender: str
    sighting: Sighting


def finds_of_ether(watched: Watched, placed: Sequence[tuple[Payment, Place]]) -> list[Find]:
    """Return payments of ether as finds."""
    return [
        Find(
            watched.coin,
            payment.sender,
            Sighting(payment.txid, PLAIN_TRANSFER, payment.recipient, payment.wei, place),
        )
        for payment, place in placed
    ]


def finds_of_contracts(watched: Watched, placed: Sequence[tuple[InternalPayment, Place]]) -> list[Find]:
    """Return ether that contracts paid as finds."""
    return [
        Find(
            watched.coin,
            payment.sender,
            Sighting(payment.txid, INTERNAL_FIRST - payment.place, payment.recipient, payment.wei, place),
        )
        for payment, place in placed
    ]


def finds_of_tokens(watched: Watched, placed: Sequence[tuple[TokenPayment, Place]]) -> list[Find]:
    """Return payments of the tokens that we know as finds. A transfer of nothing is somebody's trick."""
    return [
        Find(
            watched.tokens[payment.contract],
            payment.sender,
            Sighting(payment.txid, payment.place, payment.recipient, payment.value, place),
        )
        for payment, place in placed
        if payment.contract in watched.tokens and payment.value > 0
    ]


def record(watched: Watched, finds: Sequence[Find]) -> None:
    """Record the finds that pay our users."""
    # What we send ourselves is gas, a sweep or the like, and no deposit, unless it is one customer's withdrawal to
    # another one's address. What is sent was stored before; what has a hot wallet's key and no record is ours, too.
    kinds = dict(
        ChainTransaction.objects.filter(txid__in={find.sighting.txid for find in finds}).values_list("txid", "kind")
    )
    for asset in watched.assets:
        seen = [find.sighting for find in finds if find.asset == asset and _is_deposit(find, watched, kinds)]
        deposits_see(asset=asset, sightings=seen)


def _is_deposit(find: Find, watched: Watched, kinds: Mapping[str, str]) -> bool:
    kind = kinds.get(find.sighting.txid)
    if kind is None:
        return find.sender not in watched.hot_addresses
    return kind == ChainTransaction.Kind.WITHDRAWAL


def is_still_paid(asset: Asset, deposit: Deposit, receipt: Receipt) -> bool:
    """Return whether a transaction that succeeded still pays what a deposit says. Of plain ether there is no doubt.

    What a contract paid is told by whoever looked at its block.
    """
    if not asset.is_token:
        return True
    return any(
        payment.contract == asset.contract
        and payment.place == deposit.output
        and says(deposit, asset, Sighting(payment.txid, payment.place, payment.recipient, payment.value, Place(0)))
        for payment in receipt.tokens
    )
