"""Our own addresses on Ethereum that pay: hot wallets and deposit addresses of all generations, and their keys."""

from collections.abc import Sequence
from dataclasses import dataclass

from wallets.chains import keys
from wallets.models import Asset, DepositAddress


@dataclass(frozen=True, slots=True)
class Sender:
    """An address of ours, and where its key comes from; the hot wallet of a generation has no `index`."""

    address: str
    generation: int
    index: int | None = None

    def is_derived(self) -> bool:
        """Return whether the seeds that we have come to this address. Raises KeysMissing or KeysRefused."""
        if self.index is None:
            return keys.hot_address(self.generation) == self.address
        return keys.deposit_address(self.index, self.generation) == self.address

    def key(self) -> bytes:
        """Return its private key. Signing workers only."""
        if self.index is None:
            return keys.hot_key(self.generation)
        return keys.deposit_key(self.index, self.generation)


def hot_wallets_old() -> Sequence[Sender]:
    """Return the hot wallets from before the last rotation, which pay nobody any more and are emptied."""
    return [Sender(address, generation) for generation, address in enumerate(keys.hot_addresses()[:-1])]


def sender_of(row: DepositAddress) -> Sender:
    """Return a deposit address as a sender; we must have derived it ourselves."""
    assert row.derivation_index is not None
    return Sender(row.address, row.generation, row.derivation_index)


def sender_find(coin: Asset, address: str) -> Sender | None:
    """Return the sender with this address, or None where that is none of our seeds. `coin`: the chain's coin."""
    for generation, hot in enumerate(keys.hot_addresses()):
        if hot == address:
            return Sender(address, generation)
    rows = DepositAddress.objects.filter(asset=coin, address=address, derivation_index__isnull=False)
    return next((sender for sender in map(sender_of, rows) if sender.is_derived()), None)
