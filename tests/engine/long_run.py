"""Random sessions as long as one likes, for a night: `python -m tests.engine.long_run --seed 7 --commands 1000000`.

Everything is compared and checked as in the tests, and the core is replaced by a restored one now and then. The same
seed and number do the same again; what failed last is seen from the last line printed.
"""

import argparse
import time

from tests.engine.shell import Session
from tests.strategies import MARKETS, opening, seeded

SIZES = (1, 7, 2, 13, 40, 3)
RESTART_EVERY = 500
REPORT_EVERY = 10_000


def run(seed: int, commands: int) -> None:
    """Run one session and tell how far it is."""
    session = Session(MARKETS, keeps_log=False)
    session.run(opening())
    recipes = seeded(seed, commands)
    started, done = time.monotonic(), 0
    while done < commands:
        count = min(REPORT_EVERY, commands - done)
        print(f"seed {seed}: {done} commands agree, {time.monotonic() - started:.0f} s", flush=True)
        session.run((next(recipes) for _ in range(count)), SIZES, RESTART_EVERY)
        done += count
    books = session.core.books()
    print(
        f"seed {seed}: all {done} commands agree, {time.monotonic() - started:.0f} s:"
        f" {session.core.last_order} orders, {sum(book.last_trade for book in books)} trades,"
        f" {sum(book.last_prevented for book in books)} prevented matches, {session.core.last_list} lists"
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine.long_run", description=__doc__)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="which session (default: any)")
    parser.add_argument("--commands", type=int, default=100_000, help="how many commands (default: 100000)")
    arguments = parser.parse_args()
    run(arguments.seed, arguments.commands)


if __name__ == "__main__":
    main()
