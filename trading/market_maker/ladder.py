"""Which quotes the market maker wants, and what to do to get there.  [pure]

Prices and quantities are units, as in mex/money.py.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mex.money import UNITS, notional


@dataclass(frozen=True, slots=True)
class Rules:
    """The market's steps, from exchangeInfo."""

    tick: int
    lot: int
    notional_min: int


@dataclass(frozen=True, slots=True, order=True)
class Quote:
    """One order that we want, or have, in the book."""

    side: str
    price: int
    quantity: int


LEVELS = 5
STEP_TICKS = 4
"""Between two levels, and from the reference to the first one on each side."""
LOTS_FIRST = 200
"""Size of the first level; each further one is as much larger."""


def wanted_quotes(reference: int, rules: Rules, *, base: int, quote: int) -> list[Quote]:
    """Return the ladder around a reference price that funds of `base` and `quote` units allow, best levels first."""
    quotes = []
    for level in range(1, LEVELS + 1):
        distance = level * STEP_TICKS * rules.tick
        quantity = level * LOTS_FIRST * rules.lot
        bid, ask = Quote("BUY", reference - distance, quantity), Quote("SELL", reference + distance, quantity)
        cost = notional(bid.price, quantity) if bid.price > 0 else 0
        if rules.notional_min <= cost <= quote:
            quote -= cost
            quotes.append(bid)
        if quantity <= base and notional(ask.price, quantity) >= rules.notional_min:
            base -= quantity
            quotes.append(ask)
    return quotes


def changes(have: Iterable[Quote], want: Sequence[Quote]) -> tuple[list[Quote], list[Quote]]:
    """Return (quotes to cancel, quotes to place) to get from one ladder to another; the rest keeps its priority."""
    missing = list(want)
    surplus = []
    for quote in have:
        if quote in missing:
            missing.remove(quote)
        else:
            surplus.append(quote)
    return surplus, missing


class Reference:
    """A price that wanders slowly, a few ticks at a time, and not far from where it began."""

    def __init__(self, start: int, tick: int, *, seed: int | None = None) -> None:
        self._start = start // tick * tick
        self._tick = tick
        self._range = self._start // 50 // tick * tick
        self._random = random.Random(seed)
        self.price = self._start

    def move(self) -> int:
        """Take one step and return the new price."""
        step = self._random.randint(-3, 3) * self._tick
        moved = self.price + step
        if not self._start - self._range <= moved <= self._start + self._range:
            moved = self.price - step
        self.price = moved
        return moved


REFERENCE_START = UNITS // 20
"""0.05 BTC for one ETH."""
