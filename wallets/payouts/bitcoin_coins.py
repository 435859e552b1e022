"""Which coins of the hot wallet are taken: those that something stored will spend stay locked in bitcoind's wallet."""

from collections.abc import Iterable
from functools import lru_cache

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from wallets.chains.bitcoin import BitcoinNode, inputs_of
from wallets.cold.inputs import offered_inputs
from wallets.models import Asset, ChainTransaction
from wallets.payouts.records import UNFINISHED, Status

Outpoint = tuple[str, int]
inputs_of_stored = lru_cache(maxsize=1_000)(inputs_of)
"""Reading one that pays a hundred takes milliseconds, and all that wait are asked about with every new one."""


def coins_taken(asset: Asset, *, but_family: int | None = None) -> set[Outpoint]:
    """Return what stored transactions will spend that are in no block, and open offers to the cold address.

    Of a family every version counts, because each may still be mined; `but_family` leaves one out.
    """
    rows = ChainTransaction.objects.filter(fee_asset=asset, status__in=UNFINISHED, confirmations=0)
    return offered_inputs(asset) | {
        item
        for pk, first, raw in rows.values_list("pk", "first_version", "raw")
        if (first or pk) != but_family
        for item in inputs_of_stored(raw)
    }


def coins_lock_again(asset: Asset, node: BitcoinNode) -> None:
    """Lock what is taken, before anything is built: a wallet may forget locks when its node stops.

    Raises ChainUnavailable or ChainRefused.
    """
    missing = coins_taken(asset) - node.inputs_locked()
    node.inputs_lock(sorted(missing))


def coins_free_forgotten(asset: Asset, node: BitcoinNode) -> int:
    """Free the coins that nothing stored spends, and return how many.

    A signer that died before storing had locked them. One that is about to store loses its lock here, too: whoever
    builds on the same coin is refused when it stores.
    Raises ChainUnavailable or ChainRefused.
    """
    forgotten = node.inputs_locked() - coins_taken(asset)
    return node.inputs_unlock(sorted(forgotten))


def coins_young(asset: Asset, node: BitcoinNode) -> list[Outpoint]:
    """Return the coins that were paid to us by others and are not final yet, and the `coins_doubtful` among ours.

    A payment that spent one would be void if the chain lost it, and whoever it is for would wait for ever. Other change
    of our own is as good as what made it. Raises ChainUnavailable or ChainRefused.
    """
    coins = node.coins(0, max(asset.confirmations - 1, 0))
    made = ChainTransaction.objects.filter(fee_asset=asset, txid__in={coin.txid for coin in coins})
    ours = set(made.values_list("txid", flat=True))
    doubtful = coins_doubtful(asset, [coin.outpoint for coin in coins])
    strange = {coin.outpoint for coin in coins if coin.confirmations and coin.txid not in ours}
    return sorted(strange | doubtful)


def coins_doubtful(asset: Asset, coins: Iterable[Outpoint]) -> set[Outpoint]:
    """Return those coins that a version of ours made in whose place another one is, or may come to be, in the chain.

    A wallet offers them until it hears of the other version. What spends them would be worth nothing then.
    """
    coins = set(coins)
    newer = ChainTransaction.objects.filter(first_version=OuterRef("family_id"), pk__gt=OuterRef("pk"))
    made = ChainTransaction.objects.filter(fee_asset=asset, txid__in={txid for txid, _ in coins})
    rows = made.annotate(family_id=Coalesce("first_version", "pk")).filter(
        Q(status=Status.REPLACED) | Q(Exists(newer), status__in=UNFINISHED)
    )
    txids = set(rows.values_list("txid", flat=True))
    return {coin for coin in coins if coin[0] in txids}


def coins_give_back(asset: Asset, node: BitcoinNode, inputs: tuple[Outpoint, ...]) -> None:
    """Free the coins of a transaction that was not stored, unless something stored has them."""
    taken = coins_taken(asset)
    node.inputs_unlock([item for item in inputs if item not in taken])
