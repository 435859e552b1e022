"""Deposit addresses kept ready, so that the web never waits for a node and never sees a key."""

import logging

from django.db.models import Max

from mex.limits import ADDRESS_POOL_SIZE
from wallets.chains import keys
from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.health import say_once, say_over
from wallets.models import Asset, ChainCursor, DepositAddress

log = logging.getLogger(__name__)
_BATCH = 20
"""Addresses that bitcoind is asked for at once: it makes about a hundred in a second, and other work waits."""


def bitcoin_pool_fill(*, asset: Asset, node: BitcoinNode, size: int = ADDRESS_POOL_SIZE) -> None:
    """Take some addresses from bitcoind's wallet while fewer than `size` wait for a user; more at the next call.

    Of the newest generation: those of older ones that wait are not given out any more. Raises ChainUnavailable,
    ChainRefused, KeysMissing, or WalletForeign as `addresses_new` does.
    """
    # Asked for first: the keys may be rotated at any moment, and what comes must be of what is written down here.
    generation = keys.generation_newest()
    count = min(size - _waiting(asset, generation), _BATCH)
    if count > 0:
        addresses = node.addresses_new(count, generation)
        rows = [DepositAddress(asset=asset, address=address, generation=generation) for address in addresses]
        DepositAddress.objects.bulk_create(rows)


def ethereum_pool_fill(*, asset: Asset, size: int = ADDRESS_POOL_SIZE) -> None:
    """Derive addresses from the newest public branch until `size` wait for a user.

    Not before the scanner has a cursor: what is paid to an address must be in a block that it will look at.
    """
    if not ChainCursor.objects.filter(chain=asset.chain).exists():
        return
    try:
        generation = keys.generation_newest()
    except keys.KeysMissing as error:
        if say_once("ethereum keys", "missing"):
            log.warning("no Ethereum addresses yet: %s", error)
        return
    say_over("ethereum keys")
    missing = size - _waiting(asset, generation)
    if missing <= 0:
        return
    known = DepositAddress.objects.filter(asset=asset, generation=generation)
    last = known.aggregate(last=Max("derivation_index"))["last"]
    start = 0 if last is None else last + 1
    rows = [
        DepositAddress(
            asset=asset,
            address=keys.deposit_address(index, generation),
            derivation_index=index,
            generation=generation,
        )
        for index in range(start, start + missing)
    ]
    # Two workers at once derive the same addresses: the second one's are there already.
    DepositAddress.objects.bulk_create(rows, ignore_conflicts=True)


def _waiting(asset: Asset, generation: int) -> int:
    return DepositAddress.objects.filter(asset=asset, user=None, generation=generation).count()
