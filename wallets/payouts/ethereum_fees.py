"""What our Ethereum transactions offer for gas (EIP-1559), and what a replacement must offer.

Fees in wei per gas. Nodes differ in what they take as a replacement, so the rule is our own: at least 12.5 % more, on
the highest fee and on the tip.
"""

import logging

import msgspec
from django.conf import settings

from wallets.chains.ethereum import GWEI, EthereumNode
from wallets.chains.health import say_once, say_over

log = logging.getLogger(__name__)
_EIGHTHS = 9
"""A replacement offers 9/8 of what it replaces."""


class Fees(msgspec.Struct, frozen=True):
    """The highest fee (`cap`) and, within it, the tip that a transaction offers; `base` is what the chain took then."""

    cap: int
    tip: int
    base: int = 0


def fees_now(node: EthereumNode) -> Fees | None:
    """Return what a new transaction should offer; None while the chain asks for more than our ceiling.

    Raises ChainUnavailable or ChainRefused.
    """
    base = node.base_fee()
    fees = fees_for(base, node.tip_suggested(), floor=_tip_floor(), ceiling=_ceiling())
    if fees is None:
        if say_once("ethereum fees", "above the ceiling"):
            log.error("gas costs %.1f gwei on Ethereum, more than the ceiling: what is to be signed waits", base / GWEI)
        return None
    say_over("ethereum fees")
    return fees


def fees_for(base: int, tip: int, *, floor: int, ceiling: int) -> Fees | None:
    """Return fees that hold while the base fee doubles, within the limits; None where the ceiling is too low."""
    tip = max(tip, floor)
    if base + floor > ceiling:
        return None
    cap = min(2 * base + tip, ceiling)
    return Fees(cap, min(tip, cap - base), base)


def fee_least(base: int) -> int:
    """Return the least `cap` with which a transaction is mined next for certain: a block may take an eighth more.

    Source: EIP-1559, BASE_FEE_MAX_CHANGE_DENOMINATOR.
    """
    return base + -(-base // 8) + _tip_floor()


def fees_bumped(old: Fees, wanted: Fees) -> Fees | None:
    """Return what a replacement of a transaction offers, or None where that is more than the ceiling."""
    tip = max(_raised(old.tip), wanted.tip)
    cap = max(_raised(old.cap), wanted.cap, tip)
    return Fees(cap, tip, wanted.base) if cap <= _ceiling() else _least(old, wanted)


def _least(old: Fees, wanted: Fees) -> Fees | None:
    cap, tip = _raised(old.cap), _raised(old.tip)
    return Fees(cap, tip, wanted.base) if max(cap, tip) <= _ceiling() else None


def _raised(fee: int) -> int:
    return -(-fee * _EIGHTHS // (_EIGHTHS - 1))


def _ceiling() -> int:
    return int(settings.ETHEREUM_FEE_CEILING_GWEI) * GWEI


def _tip_floor() -> int:
    return int(settings.ETHEREUM_TIP_FLOOR_GWEI) * GWEI
