"""Money: integer units, and the only code that parses, prints or rounds them.  [pure]

Every amount is a whole number of units of 10^-8 of its asset (a satoshi of BTC, ten gwei of ETH).
A price is the number of quote units that one whole base asset costs. A market's tick and lot are
chosen so that price x quantity is always whole (see `steps_are_exact`); only fees round, and up.
"""

import re
from typing import NewType

Amount = NewType("Amount", int)  # units of 10^-8 of one asset
Price = NewType("Price", int)  # quote units per one whole base asset

DECIMALS = 8
UNITS: int = 10**DECIMALS  # units in one whole asset
PPM = 1_000_000  # fee rates are parts per million
AMOUNT_MAX = 2**63 - 1  # what a 64-bit column holds

# Plain decimals, and the exponent form that some clients make of small floats (docs/api.md).
_DECIMAL = re.compile(r"(?P<whole>[0-9]{1,20})(?:\.(?P<fraction>[0-9]{0,30}))?(?:[eE](?P<exponent>[+-]?[0-9]{1,2}))?")


class NotANumber(ValueError):
    """Raised when a text is not a non-negative decimal number."""


class TooPrecise(ValueError):
    """Raised when a number has more than eight decimals."""


class TooLarge(ValueError):
    """Raised when a number does not fit a 64-bit count of units."""


def parse_units(text: str) -> int:
    """Return the units that a decimal text like "0.05210000" stands for, exactly.

    Raises NotANumber, TooPrecise (more than 8 decimals that are not zero) or TooLarge.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise NotANumber(text)
    fraction = match["fraction"] or ""
    digits = int(match["whole"] + fraction)
    shift = DECIMALS - len(fraction) + int(match["exponent"] or 0)
    if shift >= 0:
        units = digits * _power(shift)
    else:
        units, rest = divmod(digits, _power(-shift))
        if rest:
            raise TooPrecise(text)
    if units > AMOUNT_MAX:
        raise TooLarge(text)
    return units


def format_units(units: int) -> str:
    """Return units as a decimal string with exactly eight decimals, with a minus sign if negative."""
    if units < 0:
        return "-" + format_units(-units)
    return f"{units // UNITS}.{units % UNITS:08d}"


def format_short(units: int) -> str:
    """Return units as a decimal string without trailing zeros ("0.5", "12"), for people."""
    return format_units(units).rstrip("0").rstrip(".")


def steps_are_exact(*, tick: int, lot: int) -> bool:
    """Return whether price x quantity is whole for every price on the tick and quantity on the lot."""
    return tick > 0 and lot > 0 and tick * lot % UNITS == 0


def notional(price: int, quantity: int) -> int:
    """Return the quote units that `quantity` base units cost at `price`.

    Exact, because markets whose steps would round are refused (`steps_are_exact`).
    """
    total, rest = divmod(price * quantity, UNITS)
    assert rest == 0, f"price {price} x quantity {quantity} is not whole"
    return total


def fee_of(amount: int, rate_ppm: int) -> int:
    """Return the fee on `amount`, in the same units, rounded up.

    Up, because a fee rounded down to zero would make splitting an order into dust free.
    """
    assert 0 <= rate_ppm < PPM
    return -(-amount * rate_ppm // PPM)


def units_from_chain(value: int, chain_decimals: int) -> tuple[int, int]:
    """Return (units, dust): a chain's smallest-unit value as our units, rounded down, and what is left over.

    Down, because a credit must never exceed what arrived; the dust stays on the deposit's row.
    """
    if chain_decimals >= DECIMALS:
        return divmod(value, _power(chain_decimals - DECIMALS))
    return value * _power(DECIMALS - chain_decimals), 0


def units_to_chain(units: int, chain_decimals: int) -> int:
    """Return our units in the chain's smallest unit. `units` must be a multiple of what it can carry."""
    if chain_decimals >= DECIMALS:
        return units * _power(chain_decimals - DECIMALS)
    value, rest = divmod(units, _power(DECIMALS - chain_decimals))
    assert rest == 0, f"{units} units cannot be carried with {chain_decimals} decimals"
    return value


def cost_from_chain(value: int, chain_decimals: int) -> int:
    """Return a cost paid on chain (a network fee) in our units, rounded up.

    Up, because what the ledger says we still hold must never exceed what is there.
    """
    units, rest = units_from_chain(value, chain_decimals)
    return units + (1 if rest else 0)


def _power(exponent: int) -> int:
    return int(10**exponent)
