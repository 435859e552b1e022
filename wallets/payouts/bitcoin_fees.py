"""What a Bitcoin transaction may cost. Rates are satoshis per 1,000 virtual bytes."""

from django.conf import settings

from wallets.chains.bitcoin import FEE_SLACK_PERCENT, BitcoinNode, SignedBitcoin
from wallets.chains.scripts import PaymentWrong, size_of


def fee_floor() -> int:
    """Return the lowest rate that we pay."""
    return int(settings.BITCOIN_FEE_FLOOR) * 1000


def fee_ceiling() -> int:
    """Return the highest rate that we pay."""
    return int(settings.BITCOIN_FEE_CEILING) * 1000


def fee_rate(node: BitcoinNode) -> int:
    """Return the rate for a payment now: the node's estimate, or what it asks for at least, between floor and ceiling.

    Raises ChainUnavailable or ChainRefused.
    """
    wanted = max(node.fee_estimate(settings.BITCOIN_FEE_TARGET) or 0, node.fee_minimum())
    return min(max(wanted, fee_floor()), fee_ceiling())


def rate_of(signed: SignedBitcoin) -> int:
    """Return the rate that a signed transaction pays."""
    return signed.fee_satoshis * 1000 // size_of(signed.raw)


def fee_check(signed: SignedBitcoin) -> None:
    """See that a transaction costs no more than the ceiling allows for its size. Raises PaymentWrong."""
    fee_allow(signed.fee_satoshis, size_of(signed.raw))


def fee_allow(fee: int, size: int) -> None:
    """See that a fee, in satoshis, is one that the ceiling allows for a size. Raises PaymentWrong."""
    allowed = fee_ceiling() * size * FEE_SLACK_PERCENT // 100_000
    if not 0 < fee <= allowed:
        raise PaymentWrong(f"its fee is {fee} satoshis, {allowed} are allowed for {size} vB")
