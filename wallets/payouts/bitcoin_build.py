"""Builds and signs Bitcoin transactions: looked at before anything is signed, and once more before it is stored."""

from collections.abc import Sequence

from wallets.chains.bitcoin import BitcoinNode, PaymentRefused, SignedBitcoin, psbt_sign
from wallets.chains.keys import bitcoin_descriptors, bitcoin_descriptors_of
from wallets.chains.ownership import own_outputs
from wallets.chains.psbt import Psbt, PsbtMalformed, psbt_read
from wallets.chains.scripts import PaymentWrong, payments_check
from wallets.chains.segwit import AddressMalformed
from wallets.payouts.bitcoin_fees import NOTHING, Waiting, fee_allow, fee_check, waiting_before

Payments = Sequence[tuple[str, int]]
WITNESS_VB = 28
"""What a signature of ours adds to the size that is paid for, at most: 107 bytes of P2WPKH, which count a quarter."""


def payment_build(
    node: BitcoinNode,
    payments: Payments,
    rate: int,
    *,
    inputs: Sequence[tuple[str, int]] = (),
    confirmations: int = 1,
) -> SignedBitcoin:
    """Return a signed transaction that pays satoshis to addresses; it spends `inputs`, if any, and what else it takes.

    What else it takes beside `inputs` has so many confirmations.
    Its coins are locked in the wallet. Raises PaymentRefused when the wallet cannot pay it, PaymentWrong when what came
    back is not what was asked for, which is not signed then. Raises NotSigned, ChainUnavailable or ChainRefused, too.
    """
    asked = _read(node.payment_fund(payments, rate, inputs=inputs, confirmations=confirmations))
    waiting = _waiting(node, asked)
    _check_payment(asked, payments, waiting)
    return _sign(asked, waiting)


def psbt_check(psbt: str, payments: Payments) -> Psbt:
    """See that what is to be signed pays satoshis to addresses, leaves the rest to us, and costs what it may.

    What is left goes to the newest keys, wherever the coins are from. These are in blocks: the fee is for itself alone.

    Returns what was read. Raises PaymentWrong, or PaymentRefused for an address that is none.
    """
    asked = _read(psbt)
    _check_payment(asked, payments, NOTHING)
    return asked


def merger_build(
    node: BitcoinNode,
    address: str,
    inputs: Sequence[tuple[str, int]],
    total: int,
    rate: int,
    *,
    is_old_fine: bool = False,
) -> SignedBitcoin:
    """Return a signed transaction that makes one coin at an address of ours out of `inputs`, worth `total` satoshis.

    The address is of the newest keys; `is_old_fine`: or of those before a rotation. Raises as `payment_build` does.
    """
    asked = _read(node.payment_fund([(address, total)], rate, inputs=inputs, is_whole=True))
    waiting = _waiting(node, asked)
    _check_fee(asked, waiting)
    change = _check(asked, [(address, total - asked.fee_satoshis)])
    descriptors = bitcoin_descriptors() if is_old_fine else bitcoin_descriptors_of()
    if change or own_outputs(asked, descriptors) != {0}:
        raise PaymentWrong("not all of it comes back to us")
    return _sign(asked, waiting)


def _read(psbt: str) -> Psbt:
    try:
        return psbt_read(psbt)
    except PsbtMalformed as error:
        raise PaymentWrong(str(error)) from error


def _waiting(node: BitcoinNode, asked: Psbt) -> Waiting:
    return waiting_before(node, [(coin.txid, coin.number) for coin in asked.inputs])


def _check_payment(asked: Psbt, payments: Payments, waiting: Waiting) -> None:
    _check_fee(asked, waiting)
    change = _check(asked, payments)
    if not own_outputs(asked, bitcoin_descriptors_of()).issuperset(change):
        raise PaymentWrong("what is left over does not come back to us")


def _check_fee(asked: Psbt, waiting: Waiting) -> None:
    """See that it says what its coins are worth, and costs what it may. Raises PaymentWrong."""
    try:
        fee = asked.fee_satoshis
    except PsbtMalformed as error:
        raise PaymentWrong(str(error)) from error
    fee_allow(fee, len(asked.transaction.serialize()) + len(asked.inputs) * WITNESS_VB, waiting)


def _check(asked: Psbt, payments: Payments) -> list[int]:
    """Return the number of the change output, if there is one."""
    try:
        return payments_check(asked.transaction, payments)
    except AddressMalformed as error:
        raise PaymentRefused(str(error)) from error


def _sign(asked: Psbt, waiting: Waiting) -> SignedBitcoin:
    signed = psbt_sign(asked)
    fee_check(signed, waiting)
    return signed
