"""The engine's second thread, without a thread: what it is given is done at once, or when its outcome is asked for.

These are the two extremes of what a thread can do, and all that lies between them looks like one of them: the next
batch is prepared with this one committed, or without.
"""

import random
from collections.abc import Callable
from typing import Any

from tests.simulation.errands import Broken


class Deferred:
    """A piece of work that is done once."""

    def __init__(self, work: Callable[[], Any], on_error: Callable[[], None]) -> None:
        self._work: Callable[[], Any] | None = work
        self._on_error = on_error
        self._error: Exception | None = None

    def do(self) -> None:
        """Do it, unless it is done; keep what went wrong for whoever asks."""
        work, self._work = self._work, None
        if work is None:
            return
        try:
            work()
        except Broken:
            raise
        except Exception as error:  # noqa: BLE001  # a thread would keep any of them
            self._error = error
            self._on_error()

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done, or nobody has asked for its outcome."""
        return self._work is not None or self._error is not None

    def result(self) -> None:
        """Wait for it. Raises what went wrong."""
        self.do()
        if self._error is not None:
            raise self._error


class Committer:
    """Stands for an executor with one thread."""

    def __init__(self, chance: random.Random, on_error: Callable[[], None]) -> None:
        self._chance = chance
        self._on_error = on_error  # its own connection to the database ends then
        self._last: Deferred | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return self._last is None or not self._last.is_open

    def submit(self, work: Callable[..., Any], *values: Any) -> Deferred:
        """Do something in the other thread."""
        deferred = self._last = Deferred(lambda: work(*values), self._on_error)
        if self._chance.random() < 0.5:
            deferred.do()
        return deferred

    def end(self) -> None:
        """Let the other thread come to its end, when the first one has ended."""
        if self._last is not None:
            self._last.do()
