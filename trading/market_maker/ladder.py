"""Which quotes the market maker wants, and what to do to get there.  [pure]

Prices and quantities are units, as in mex/money.py.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mex.money import UNITS, notional


@dataclass(frozen=True, slots=True)
class Plan:
    """A market that is quoted: the price to begin at, and the quantity of the first level on each side."""

    symbol: str
    base: str
    quote: str
    start: int
    first: int


PLANS = (
    Plan("ETHBTC", "ETH", "BTC", start=UNITS // 20, first=UNITS // 5),
    Plan("ETHUSDT", "ETH", "USDT", start=3_000 * UNITS, first=UNITS // 5),
    Plan("BTCUSDT", "BTC", "USDT", start=60_000 * UNITS, first=UNITS // 100),
)
"""The three prices fit each other: going round in a circle earns nothing at first, and little later."""


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

    @property
    def cost(self) -> int:
        """What it holds: quote units to buy, base units to sell."""
        return notional(self.price, self.quantity) if self.side == "BUY" else self.quantity


LEVELS = 5
STEP_GRAINS = 4
"""Between two levels, and from the reference to the first one on each side."""
GRAINS = 5_000
"""Parts of the price at the beginning that a grain is: 0.02 %, but whole ticks and at least one."""


def grain_of(start: int, tick: int) -> int:
    """Return the step in which a market's quotes are laid out and move."""
    return max(start // GRAINS // tick * tick, tick)


def wanted_quotes(reference: int, rules: Rules, plan: Plan, *, base: int, quote: int) -> list[Quote]:
    """Return the ladder around a reference price that funds of `base` and `quote` units allow, best levels first."""
    quotes = []
    grain = grain_of(plan.start, rules.tick)
    first = max(plan.first // rules.lot * rules.lot, rules.lot)
    for level in range(1, LEVELS + 1):
        distance = level * STEP_GRAINS * grain
        bid = Quote("BUY", reference - distance, level * first)
        ask = Quote("SELL", reference + distance, level * first)
        if bid.price > 0 and rules.notional_min <= bid.cost <= quote:
            quote -= bid.cost
            quotes.append(bid)
        if ask.cost <= base and notional(ask.price, ask.quantity) >= rules.notional_min:
            base -= ask.cost
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
    """A price that wanders slowly, a few grains at a time, and not far from where it began."""

    def __init__(self, start: int, tick: int, *, seed: int | None = None) -> None:
        self._start = start // tick * tick
        self._grain = grain_of(start, tick)
        self._range = self._start // 50 // tick * tick
        self._random = random.Random(seed)
        self.price = self._start

    def move(self) -> int:
        """Take one step and return the new price."""
        step = self._random.randint(-3, 3) * self._grain
        moved = self.price + step
        if not self._start - self._range <= moved <= self._start + self._range:
            moved = self.price - step
        self.price = moved
        return moved
