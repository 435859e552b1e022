"""Our own table of nonces: which number an address's next transaction gets, over ether and all tokens.

A node's idea of "pending" is lost when it restarts. To be called with the lock of the chain's coin.
"""

from django.db.models import Max, Q

from wallets.models import Asset, ChainTransaction
from wallets.payouts.records import UNFINISHED, Kind, Status


def coin_of(asset: Asset) -> Asset:
    """Return the coin of an asset's chain, whose lock guards nonces and the hot wallet's funds."""
    return Asset.objects.get(chain=asset.chain, is_token=False) if asset.is_token else asset


def is_repeatable() -> Q:
    """Return which final transactions are sent again when the chain has lost them.

    Of those that failed only what moves our own coins: what failed to pay somebody was given back. And nothing about
    which operators have decided, because the chain had another outcome: he has got his money some other way.
    """
    return Q(status=Status.CONFIRMED, contradiction_note="") | Q(
        status=Status.FAILED, kind__in=[Kind.SWEEP, Kind.GAS, Kind.FILLER]
    )


def takes_nonce() -> Q:
    """Return which transactions use their nonce, or are sent again until they do."""
    return Q(status__in=UNFINISHED) | is_repeatable()


def nonce_next(sender: str, chain_nonce: int) -> int:
    """Return the nonce of an address's next transaction. `chain_nonce`: the chain's own count, read before the lock."""
    last = ChainTransaction.objects.filter(sender=sender).aggregate(last=Max("nonce"))["last"]
    return chain_nonce if last is None else max(chain_nonce, last + 1)
