"""A worker that dies again and again: `python -m tests.crash.doomed_worker QUEUE LIVES SEED DEATHS`.

QUEUE is `chains` or `signer`, as in celery_app.py. Each life is a fork of this prepared process, which runs the tasks
of its queue one after the other, as beat orders them, and kills itself with SIGKILL: before or after a step that
changes the database, the chain or the engine's stream, or at any moment whatever. Each death is a line in the file
DEATHS. The last life works until SIGTERM.
"""

import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import django

django.setup()

from tests.crash.lives import run_lives  # noqa: E402
from wallets import tasks  # noqa: E402
from wallets.chains import keys  # noqa: E402
from wallets.chains.bitcoin import BitcoinNode  # noqa: E402
from wallets.chains.ethereum import EthereumNode  # noqa: E402
from wallets.chains.signing_role import signing_role_take  # noqa: E402
from wallets.deposits import credits, places, reversals, rows  # noqa: E402
from wallets.deposits import ethereum as deposits_ethereum  # noqa: E402
from wallets.payouts import bitcoin as payouts_bitcoin  # noqa: E402
from wallets.payouts import (  # noqa: E402
    bitcoin_build,
    bitcoin_bump,
    bitcoin_consolidate,
    ethereum_bumps,
    ethereum_gaps,
    ethereum_overtaken,
    ethereum_sweeps,
    fee_doubts,
    follow,
    progress,
)
from wallets.payouts import ethereum as payouts_ethereum  # noqa: E402

SENDING = (
    (BitcoinNode, "broadcast"),
    (EthereumNode, "broadcast"),
    (follow, "transaction_sent"),
    (follow, "transactions_sent"),
)
STEPS: dict[str, tuple[tuple[object, str], ...]] = {
    "chains": (
        *SENDING,
        (deposits_ethereum, "_scan_blocks"),
        (rows, "_create"),
        (places, "place_note"),
        (credits, "_decided"),
        (credits, "_mark"),
        (reversals, "_decide"),
        (reversals, "_finish"),
        (tasks.courier, "_send"),
        (follow, "_count"),
        (follow, "_finish"),
        (fee_doubts, "_settle"),
        (fee_doubts, "_end"),
        (ethereum_overtaken, "_give_up"),
        (progress, "_move"),
    ),
    "signer": (
        *SENDING,
        (BitcoinNode, "payment_fund"),
        (bitcoin_build, "psbt_sign"),
        (BitcoinNode, "inputs_lock"),
        (payouts_bitcoin, "withdrawals_signed"),
        (payouts_bitcoin.Round, "_store"),
        (bitcoin_bump, "_store"),
        (bitcoin_consolidate, "_store"),
        (keys, "payment_sign"),
        (payouts_ethereum, "payments_signed"),
        (ethereum_bumps, "_store"),
        (ethereum_gaps, "_fill"),
        (ethereum_sweeps, "_gas_fund_one"),
        (ethereum_sweeps, "_sweep_one"),
    ),
}


def become_signer() -> None:
    """Do what a worker of the queue `signer` does at its start; the first one makes the keys."""
    signing_role_take()
    keys.keys_ensure()


TASKS: dict[str, tuple[Callable[[], None], ...]] = {
    "chains": (tasks.scan_bitcoin, tasks.scan_ethereum, tasks.advance_withdrawals, tasks.fill_address_pools),
    "signer": (become_signer, tasks.sign_and_broadcast, tasks.sweep),
}
_STRIKES_MAX = 14
"""A payment comes by a dozen places before it is sent: each of them should be the last one of some life."""
_CLOCK_SHARE = 0.25
_CLOCK_S = (0.03, 0.6)
_STEPS_S = 2.0
_PAUSE_S = 0.02


class Doom:
    """Counts the steps that are come by, and kills the process at one of them; or when its time is over, if sooner."""

    def __init__(self, strikes: int, life_s: float, deaths: Path) -> None:
        self._strikes_left = strikes
        self._life_s = life_s
        self._deaths = deaths

    def strike(self, step: str) -> None:
        """Die if this is the time."""
        self._strikes_left -= 1
        if self._strikes_left == 0:
            self._die(step)

    def start(self) -> None:
        """Let the clock run that ends a life in which too little happens."""
        signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, self._life_s)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        self._die("clock")

    def _die(self, step: str) -> None:
        with self._deaths.open("a") as file:
            file.write(step + "\n")
        os.kill(os.getpid(), signal.SIGKILL)


def arm(doom: Doom, queue: str) -> None:
    """Put the places where the process may die around the steps."""
    for place, name in STEPS[queue]:
        setattr(place, name, _between(doom, step_label(place, name), getattr(place, name)))


def _between(doom: Doom, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        doom.strike(f"before {label}")
        result = function(*args, **kwargs)
        doom.strike(f"after {label}")
        return result

    return wrapped


def step_label(place: object, name: str) -> str:
    """Return how a step is called."""
    owner = getattr(place, "__name__", type(place).__name__)
    return f"{owner.removeprefix('wallets.')}.{name}"


def live(queue: str, doom: Doom | None) -> None:
    """Do the queue's tasks until told to stop or doomed."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    if doom is not None:
        arm(doom, queue)
        doom.start()
    while not stopping.wait(_PAUSE_S):
        for task in TASKS[queue]:
            task()


def draw(chance: random.Random, deaths: Path) -> Doom:
    """Return the end of one life."""
    if chance.random() < _CLOCK_SHARE:
        return Doom(sys.maxsize, chance.uniform(*_CLOCK_S), deaths)
    return Doom(chance.randint(1, _STRIKES_MAX), _STEPS_S, deaths)


def main(queue: str, lives: int, seed: int, deaths: Path) -> None:
    """Live and die `lives` times, then once more until SIGTERM."""
    chance = random.Random(f"{queue} {seed}")
    run_lives(lives, lambda: draw(chance, deaths), lambda doom: live(queue, doom))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
