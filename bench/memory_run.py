"""What 200,000 resting orders take: `python -m bench.memory_run ENGINE ORDERS`; the answer is JSON."""

import gc
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.engines import engine
from bench.workloads import MID

LEVELS = 9_000


def resident_bytes() -> int:
    """Return how much memory this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run(name: str, orders: int) -> dict[str, float]:
    """Return the bytes of one resting order. Nobody but the engine keeps anything of it."""
    subject = engine(name)
    subject.rest(1, True, 1, 1)
    gc.collect()
    before = resident_bytes()
    for order in range(2, orders + 2):
        is_buy = order % 2 == 0
        distance = 1 + order * 7919 % LEVELS
        subject.rest(order, is_buy, MID - distance if is_buy else MID + distance, 1 + order % 100)
    gc.collect()
    return {"bytes": (resident_bytes() - before) / orders}


def main(arguments: Sequence[str]) -> None:
    """Measure and answer."""
    name, orders = arguments
    sys.stdout.write(json.dumps(run(name, int(orders))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
