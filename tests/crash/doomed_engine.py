"""An engine that dies again and again: `python -m tests.crash.doomed_engine LIVES SEED`.

Each life is a fork of this prepared process, so that hundreds fit into a test. A life leads the shard, works, and at a
random batch kills itself with SIGKILL at a random point of the cycle. The last life works until SIGTERM.
"""

import os
import random
import signal
import sys
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402

from tests.crash.lives import run_lives  # noqa: E402
from trading.runtime import loop, store, tables  # noqa: E402
from trading.runtime.loop import Engine, open_pipe  # noqa: E402
from trading.runtime.publisher import Publisher  # noqa: E402

# Whatever the batch, where there is a thread to commit it: it must be killed there, too.
loop._OVERLAP_COMMANDS_MIN = 1
POINTS = ("matched", "written", "committed", "published")
_BATCHES_MAX = 12


class Doom:
    """Counts batches and kills the process in one of them."""

    def __init__(self, point: str, batch: int) -> None:
        self.point = point
        self.batches_left = batch

    def strike(self, point: str) -> None:
        """Die if this is the point, and the batch is the one."""
        if point == "matched":
            self.batches_left -= 1
        if point == self.point and self.batches_left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(doom: Doom) -> None:
    """Put the points where the process may die around what the engine calls."""
    store.commit = _between(doom, "matched", store.commit, "committed")
    # Inside the transaction, after each of its writes.
    tables._check = _between(doom, None, tables._check, "written")
    Publisher.send = _between(doom, None, Publisher.send, "published")  # type: ignore[method-assign]


def _between(doom: Doom, before: str | None, function: Callable[..., Any], after: str) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before:
            doom.strike(before)
        result = function(*args, **kwargs)
        doom.strike(after)
        return result

    return wrapped


def live(doom: Doom | None) -> None:
    """Lead the shard until told to stop or doomed."""
    stopping: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    if doom is not None:
        arm(doom)
    engine = Engine(settings.MEX_SHARD, open_pipe())
    engine.start()
    engine.run(lambda: bool(stopping))
    engine.close()


def main(lives: int, seed: int) -> None:
    """Live and die `lives` times, then once more until SIGTERM."""
    chance = random.Random(seed)
    assert loop.store is store
    run_lives(lives, lambda: Doom(chance.choice(POINTS), chance.randint(1, _BATCHES_MAX)), live)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
