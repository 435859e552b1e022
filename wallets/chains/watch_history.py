"""Which Bitcoin addresses were handed out: for a node that lost its wallet, or a new one in its place."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min

from wallets.chains.addresses import BECH32_PREFIXES
from wallets.chains.bitcoin import DEPOSIT_LABEL
from wallets.chains.descriptors import EXTERNAL, Descriptor
from wallets.chains.jsonrpc import ChainRefused, JsonRpc
from wallets.chains.keys import generations
from wallets.chains.public_file import PublicGeneration
from wallets.chains.watch import Past, WalletForeign
from wallets.models import Chain, DepositAddress

GAP = 2_000
"""Addresses in a row that may have been taken from the wallet and never stored, by workers that died."""

_MARGIN = timedelta(days=2)
"""Clocks of miners may be wrong by hours."""


def watch_history() -> dict[str, Past]:
    """Return what the wallet watched before, by descriptor.

    Raises WalletForeign when stored addresses are not of our keys.
    """
    rows = DepositAddress.objects.filter(asset__chain=Chain.BITCOIN)
    stored: dict[int, set[str]] = {}
    for address, generation in rows.values_list("address", "generation"):
        stored.setdefault(generation, set()).add(address)
    history: dict[str, Past] = {}
    strangers: set[str] = set()
    first = rows.aggregate(first=Min("assigned_at"))["first"]
    for number, one in enumerate(generations()):
        used, strange = addresses_find(stored.pop(number, set()), one.bitcoin)
        strangers |= strange
        since_s = _since_s(one, first)
        for text in one.bitcoin:
            descriptor = Descriptor.parse(text)
            count = used[descriptor.kind] if descriptor.branch == EXTERNAL else 0
            history[text] = Past(count, since_s)
    strangers = strangers.union(*stored.values())
    if strangers:
        raise WalletForeign(
            f"{len(strangers)} stored Bitcoin deposit addresses, {min(strangers)} among them, are not of our key file:"
            " what arrives there could not be spent. They are of an older wallet or of another key file (docs/keys.md)"
        )
    return history


def _since_s(generation: PublicGeneration, first: datetime | None) -> int | None:
    """Return since when coins may have arrived at a generation; of a later one that is when its seed was made."""
    begun = datetime.fromisoformat(generation.made_at) if generation.made_at else first
    return None if begun is None else int((begun - _MARGIN).timestamp())


def addresses_find(
    addresses: set[str], descriptors: Iterable[str], *, gap: int = GAP
) -> tuple[dict[str, int], set[str]]:
    """Return how many addresses of each kind are used, up to the last of these, and which are not of ours at all.

    `gap` is how many in a row may be others than these.
    """
    prefix = BECH32_PREFIXES[settings.BITCOIN_NETWORK]
    left, used = set(addresses), {}
    for descriptor in map(Descriptor.parse, descriptors):
        if descriptor.branch != EXTERNAL:
            continue
        last = -1
        index = 0
        while left and index <= last + gap:
            address = descriptor.address(index, prefix=prefix)
            if address in left:
                left.remove(address)
                last = index
            index += 1
        used[descriptor.kind] = last + 1
    return used, left


def addresses_label(rpc: JsonRpc) -> None:
    """Give stored addresses back the label that a wallet made anew does not know. Raises as any call to a node."""
    stored = DepositAddress.objects.filter(asset__chain=Chain.BITCOIN).order_by("pk")
    last = stored.last()
    # In the order of their making, so that the last one has it when all have.
    if last is None or DEPOSIT_LABEL in rpc.call("getaddressinfo", last.address)["labels"]:
        return
    known = set(_labelled(rpc))
    missing = [address for address in stored.values_list("address", flat=True) if address not in known]
    for answer in rpc.batch("setlabel", [[address, DEPOSIT_LABEL] for address in missing]):
        if isinstance(answer, ChainRefused):
            raise answer


def _labelled(rpc: JsonRpc) -> list[str]:
    try:
        return list(rpc.call("getaddressesbylabel", DEPOSIT_LABEL))
    except ChainRefused:  # no address has it
        return []
