"""What goes wrong, where, and when: drawn from the seed."""

import random
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Crash(BaseException):
    """Raised where an engine's process ends at once. Nothing may catch it."""


class Fault(StrEnum):
    """What can happen at a place that an engine passes."""

    CRASH = "crash"
    """The process is gone."""
    FREEZE = "freeze"
    """The process stands still for so long that another engine takes over, and goes on when that one has worked."""
    SLOW = "slow"
    """What it waits for takes so long that its lease may run out."""
    ERROR = "error"
    """The database fails."""
    DOWN = "down"
    """The pipe's server does not answer, and has done nothing."""
    LOST = "lost"
    """The pipe's server has done what it was asked for, but its answer is lost."""
    OUTAGE = "outage"
    """The pipe's server is away for a while, for everybody."""
    AMNESIA = "amnesia"
    """The pipe's server has ended, and another one has started with nothing."""
    STOP = "stop"
    """The process is told to end in good order."""


PIPE_CALLS = ("prepare", "read", "publish", "trim")
STATEMENTS = ("lease", "renew", "load", "find", "begin", "fence", "write", "commit")
IDLE = "idle"
"""Where an engine waits for work, or for its pipe."""


def _around(*places: str) -> tuple[str, ...]:
    return tuple(f"{place} {when}" for place in places for when in ("before", "after"))


# Inside a transaction nobody else can take over: the database does not let him. After the commit comes publishing.
_FREEZES = (*_around(*PIPE_CALLS, "renew", "find"), "lease before", "load before", "begin before")
WHERE: dict[Fault, tuple[str, ...]] = {
    Fault.CRASH: _around(*PIPE_CALLS, *STATEMENTS),
    Fault.FREEZE: _FREEZES,
    Fault.SLOW: ("read after", "publish before", "publish after", "load before", "find before", "begin before",
                 "fence after", "write after", "commit before"),
    Fault.ERROR: _around(*STATEMENTS),
    Fault.DOWN: tuple(f"{call} before" for call in PIPE_CALLS),
    Fault.LOST: tuple(f"{call} after" for call in PIPE_CALLS),
    Fault.OUTAGE: (IDLE, "publish before"),
    Fault.AMNESIA: (IDLE, "publish before"),
    Fault.STOP: (IDLE,),
}  # fmt: skip
_WEIGHTS = {
    Fault.CRASH: 6,
    Fault.FREEZE: 6,
    Fault.SLOW: 3,
    Fault.ERROR: 3,
    Fault.DOWN: 2,
    Fault.LOST: 3,
    Fault.OUTAGE: 1,
    Fault.AMNESIA: 2,
    Fault.STOP: 1,
}
_RARE = {"lease", "load", "prepare"}
"""Passed only when an engine starts."""
_PATIENCE = 400
"""Places passed after which a fault is given up, if its own place was not among them."""


@dataclass(slots=True)
class Plan:
    """One fault after the other: each is drawn with the place where it will strike."""

    chance: random.Random
    mean_distance: int
    is_calm: bool = False
    """Whether nothing goes wrong any more."""

    struck: Counter[tuple[Fault, str]] = None  # type: ignore[assignment]  # set below
    _fault: Fault = Fault.CRASH
    _place: str = ""
    _wait: int = 0
    _patience: int = 0

    def __post_init__(self) -> None:
        self.struck = Counter()
        self._draw()

    def at(self, place: str, *, is_free: bool) -> Fault | None:
        """Return what strikes at a place that an engine passes now. `is_free`: it is in no transaction."""
        if self.is_calm:
            return None
        if self._wait > 0:
            self._wait -= 1
            return None
        if place != self._place or (self._fault is Fault.FREEZE and not is_free):
            self._patience -= 1
            if self._patience < 0:
                self._draw()
            return None
        fault = self._fault
        self.struck[fault, place] += 1
        self._draw()
        return fault

    def _draw(self) -> None:
        chance = self.chance
        self._fault = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        self._place = chance.choice(WHERE[self._fault])
        if self._place.partition(" ")[0] in _RARE and chance.random() < 0.5:
            self._place = chance.choice(WHERE[self._fault])
        self._wait = int(chance.expovariate(1 / self.mean_distance))
        self._patience = _PATIENCE
