"""Which rate to try next: steps up until something breaks, then halves of what is left.  [pure]"""

import math
from collections.abc import Generator
from typing import NamedTuple

LOWEST_RATE = 1.0


class Knee(NamedTuple):
    """The highest rate that held and the lowest that broke; 0 where there was none."""

    held: float
    broke: float


def search(
    *, start: float, factor: float, bisections: int, highest: float = math.inf
) -> Generator[tuple[str, float], bool, Knee]:
    """Yield ("ramp" or "search", rate), be sent whether that rate broke, and return the knee.

    If the first rate breaks it goes down by the same factor. Nothing above `highest` is tried.
    """
    held, broke, rate = 0.0, 0.0, min(start, highest)
    while not broke or not held:
        if (yield "ramp", rate):
            broke, rate = rate, rate / factor
            if rate < LOWEST_RATE:
                return Knee(held, broke)
        else:
            held, rate = rate, rate * factor
            if held >= highest:
                return Knee(held, broke)
            rate = min(rate, highest)
    for _ in range(bisections):
        # The middle in ratio: half-way between 1,000 and 4,000 is 2,000.
        rate = math.sqrt(held * broke)
        if (yield "search", rate):
            broke = rate
        else:
            held = rate
    return Knee(held, broke)
