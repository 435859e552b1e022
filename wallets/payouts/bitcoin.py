"""Signs Bitcoin withdrawals. bitcoind's wallet holds the keys; coins that a stored transaction spends stay locked."""

import logging

from django.conf import settings
from django.db import transaction

from mex.money import units_to_chain
from wallets.chains.bitcoin import BitcoinNode, HotWalletShort, SignedBitcoin, inputs_of
from wallets.chains.health import say_once, say_over
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.payouts.records import UNFINISHED, Kind, payable, withdrawal_claim, withdrawal_signed

log = logging.getLogger(__name__)
_BATCH = 25


def bitcoin_sign(*, asset: Asset, node: BitcoinNode) -> None:
    """Build, sign and store one transaction for each withdrawal that can be paid; nothing is sent yet.

    Raises ChainUnavailable or ChainRefused.
    """
    waiting = payable(asset, _BATCH)
    if not waiting:
        return
    _relock(asset, node)
    for withdrawal in waiting:
        amount = units_to_chain(withdrawal.amount - withdrawal.fee, asset.chain_decimals)
        try:
            signed = node.payment_sign(withdrawal.address, amount, settings.BITCOIN_FEE_RATE)
        except HotWalletShort as error:
            _unlock_forgotten(asset, node)
            if say_once(f"funds for {withdrawal.pk}", str(error)):
                log.error("withdrawal %s waits, the hot wallet cannot pay it: %s", withdrawal.pk, error)
            continue
        say_over(f"funds for {withdrawal.pk}")
        if _store(asset, withdrawal, signed):
            node.inputs_lock(signed.inputs)
        else:
            node.inputs_unlock([item for item in signed.inputs if item not in _spent_inputs(asset)])


def _store(asset: Asset, withdrawal: Withdrawal, signed: SignedBitcoin) -> bool:
    """Store a transaction unless the withdrawal, or a coin, was taken by another signer meanwhile."""
    with transaction.atomic():
        asset_lock(asset.pk)
        claimed = withdrawal_claim(withdrawal.pk)
        if claimed is None:
            return False
        if not _spent_inputs(asset).isdisjoint(signed.inputs):
            # With a higher fee this one would replace the other customer's payment.
            log.warning("withdrawal %s is built anew: its coins are taken by a stored transaction", withdrawal.pk)
            return False
        record = ChainTransaction(
            asset=asset,
            fee_asset=asset,
            kind=Kind.WITHDRAWAL,
            txid=signed.txid,
            raw=signed.raw,
            network_fee=signed.fee_satoshis,
        )
        withdrawal_signed(claimed, record)
    return True


def _relock(asset: Asset, node: BitcoinNode) -> None:
    """Lock the coins of what is stored and in no block: the wallet forgets locks when its node stops."""
    missing = _spent_inputs(asset) - node.inputs_locked()
    node.inputs_lock(sorted(missing))


def _unlock_forgotten(asset: Asset, node: BitcoinNode) -> None:
    """Free the coins that nothing stored spends: a signer that died before storing had locked them.

    One that is about to store loses its lock here, too: whoever builds on the same coin is refused in `_store`.
    """
    locked = node.inputs_locked()
    node.inputs_unlock(sorted(locked - _spent_inputs(asset)))


def _spent_inputs(asset: Asset) -> set[tuple[str, int]]:
    rows = ChainTransaction.objects.filter(asset=asset, status__in=UNFINISHED, confirmations=0)
    return {item for raw in rows.values_list("raw", flat=True) for item in inputs_of(raw)}
