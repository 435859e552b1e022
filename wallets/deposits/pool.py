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

    Raises ChainUnavailable or ChainRefused.
    """
    count = min(size - _waiting(asset), _BATCH)
    if count > 0:
        addresses = node.addresses_new(count)
        DepositAddress.objects.bulk_create([DepositAddress(asset=asset, address=address) for address in addresses])


def ethereum_pool_fill(*, asset: Asset, size: int = ADDRESS_POOL_SIZE) -> None:
    """Derive addresses from the public branch until `size` wait for a user.

    Not before the scanner has a cursor: what is paid to an address must be in a block that it will look at.
    """
    missing = size - _waiting(asset)
    if missing <= 0 or not ChainCursor.objects.filter(chain=asset.chain).exists():
        return
    last = DepositAddress.objects.filter(asset=asset).aggregate(last=Max("derivation_index"))["last"]
    start = 0 if last is None else last + 1
    try:
        rows = [
            DepositAddress(asset=asset, address=keys.deposit_address(index), derivation_index=index)
            for index in range(start, start + missing)
        ]
    except keys.KeysMissing as error:
        if say_once("ethereum keys", "missing"):
            log.warning("no Ethereum addresses yet: %s", error)
        return
    say_over("ethereum keys")
    # Two workers at once derive the same addresses: the second one's are there already.
    DepositAddress.objects.bulk_create(rows, ignore_conflicts=True)


def _waiting(asset: Asset) -> int:
    return DepositAddress.objects.filter(asset=asset, user=None).count()
