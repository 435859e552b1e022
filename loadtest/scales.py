"""Where a value lies in a plot, which ticks an axis has, and how numbers are written. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_MULTIPLES = (1, 2, 5)
_ALMOST = 1e-9
"""Of a step: 0.3 / 0.1 is a little less than 3, and its tick must not be lost."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from `low` to `high` to pixels from `start` to `end`.

    A logarithm needs low > 0; a value of 0 or less then lies where `low` does, for it has no place of its own.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"a scale must go up, and not from {self.low} to {self.high}")
        if self.is_log and self.low <= 0:
            raise ValueError(f"a logarithmic scale must begin above 0, and not at {self.low}")

    def at(self, value: float) -> float:
        """Return the pixel of a value; beyond the ends it goes on."""
        if self.is_log:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def linear_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` ticks from low to high, whole multiples of 1, 2 or 5 times a power of ten."""
    exponent = math.floor(math.log10((high - low) / most))
    while True:
        for multiple in _MULTIPLES:
            step = _power(multiple, exponent)
            first, last = math.ceil(low / step - _ALMOST), math.floor(high / step + _ALMOST)
            if last - first + 1 <= most:
                return [_power(index * multiple, exponent) for index in range(first, last + 1)]
        exponent += 1


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` ticks from low to high: 1, 2 and 5 in every decade, or only powers of ten, or fewer."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every_decade = [_power(multiple, exponent) for exponent in range(first, last + 1) for multiple in _MULTIPLES]
    found = [tick for tick in every_decade if low <= tick <= high]
    stride = 1
    while len(found) > most:
        powers = [_power(1, exponent) for exponent in range(first, last + 1) if exponent % stride == 0]
        found = [tick for tick in powers if low <= tick <= high]
        stride += 1
    return found


def linear_ends(values: Iterable[float], most: int) -> tuple[float, float]:
    """Return the ends of a linear axis that shows 0 and all values, and ends on a tick."""
    known = [0.0, *values]
    low, high = min(known), max(known)
    if low == high:
        return low, low + 1
    ticks = linear_ticks(low, high, most)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else high - low
    if low < ticks[0] - step * _ALMOST:
        low = ticks[0] - step
    if high > ticks[-1] + step * _ALMOST:
        high = ticks[-1] + step
    return low, high


def log_ends(values: Iterable[float]) -> tuple[float, float]:
    """Return the ends of a logarithmic axis that shows all values above 0: the 1-2-5 numbers around them."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive), max(positive)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    numbers = [_power(multiple, exponent) for exponent in range(first - 1, last + 2) for multiple in _MULTIPLES]
    below = max(number for number in numbers if number <= low)
    above = min(number for number in numbers if number >= high and number > below)
    return below, above


def time_unit(seconds: float) -> tuple[str, int]:
    """Return the unit in which a time of that length reads well, and its seconds."""
    if seconds >= 3 * 3_600:
        return "h", 3_600
    return ("min", 60) if seconds >= 15 * 60 else ("s", 1)


def tick_text(value: float) -> str:
    """Write the number of a tick: 0.05, 20, 5,000."""
    return f"{value:,.12g}"


def figure(value: float | None) -> str:
    """Write a measured number with about three figures that count; "–" for what was not measured."""
    if value is None or not math.isfinite(value):
        return "–"
    size = max(value, -value)
    if value == math.floor(value) or size >= 100:
        return f"{value:,.0f}"
    decimals = 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{decimals}f}"


def columns(positions: Sequence[float], start: float, end: float) -> list[tuple[float, float]]:
    """Return from where to where each of the rising positions is the nearest, between start and end."""
    middles = [(left + right) / 2 for left, right in pairwise(positions)]
    return list(zip([start, *middles], [*middles, end], strict=True)) if positions else []


def _power(multiple: int, exponent: int) -> float:
    # 3 / 10 is 0.3, and 3 * 10 ** -1 is not.
    return multiple * 10.0**exponent if exponent >= 0 else multiple / 10.0**-exponent
