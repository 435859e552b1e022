"""When orders are meant to be sent: a Poisson process, decided before anything is, the same for the same seed.  [pure]

Open loop: people do not wait for each other's answers. So the times come from the rate alone, and a slow exchange
finds as many orders at its door as a fast one.
"""

import math
import random
from collections.abc import Iterator


def poisson(rate: float, seed: str, seconds: float = math.inf) -> Iterator[float]:
    """Yield the times of arrivals in seconds from the start, rising, at `rate` (above zero) a second on average."""
    dice = random.Random(seed)
    at = dice.expovariate(rate)
    while at < seconds:
        yield at
        at += dice.expovariate(rate)
