"""Coins that open offers to a Bitcoin cold address would spend: nothing else may, as long as they are open."""

from django.db.models import QuerySet

from wallets.chains.psbt import psbt_read
from wallets.models import Asset, Chain, ColdOffer

Outpoint = tuple[str, int]


def offers_open(asset: Asset) -> QuerySet[ColdOffer]:
    """Return the offers of an asset that may still be signed: one at most."""
    return ColdOffer.objects.filter(asset=asset, transaction=None, withdrawn_at=None)


def inputs_of_offer(offer: ColdOffer) -> tuple[Outpoint, ...]:
    """Return the coins that a Bitcoin offer spends."""
    return inputs_of_psbt(offer.unsigned)


def inputs_of_psbt(psbt: str) -> tuple[Outpoint, ...]:
    """Return the coins that a PSBT spends. Raises PsbtMalformed."""
    return tuple((coin.txid, coin.number) for coin in psbt_read(psbt).inputs)


def offered_inputs(asset: Asset) -> set[Outpoint]:
    """Return the coins of all open offers of an asset; none on chains without outputs."""
    if asset.chain != Chain.BITCOIN:
        return set()
    return {item for offer in offers_open(asset) for item in inputs_of_offer(offer)}
